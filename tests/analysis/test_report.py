"""What the page says of a claim."""

import pytest

from callanalysis.claims import default_folder, load_claims
from callanalysis.judge import judge_all
from callanalysis.load import load
from callanalysis.report import EMULATED_SENTENCE, grounds, render, sentence
from helpers import published
from helpers.published import World, day

CLAIMS = load_claims(default_folder())[:1]


@pytest.fixture(scope="module", params=[True, False], ids=["emulated", "volunteers"])
def judged(request, tmp_path_factory):
    world = World(onset=day(11), home_volunteers=30, abroad_volunteers=24, emulated=request.param)
    data = load(published.write(published.rows(8, world), tmp_path_factory.mktemp("data")))
    return data, judge_all(data, CLAIMS, 1)


def test_three_grounds_are_kept_apart(judged):
    """Method, public series and volunteers each have a line, and only one of them rests on this data."""
    data, answer = judged
    says = [ground.says for ground in grounds(answer.claims[0])]
    assert len(says) == 3
    assert says[1] == "not part of this data set"
    assert ("no-baseline" in says[2], "not part" in says[0]) == (True, data.basis == "volunteers")


def test_only_real_data_offers_a_sentence(judged):
    """Nothing emulated is offered for quoting, and the page says why."""
    data, answer = judged
    page = render(data, answer, CLAIMS)
    offered = sentence(answer.claims[0])
    if data.basis == "emulated":
        assert offered is None
        assert EMULATED_SENTENCE in page
        assert "<blockquote>" not in page
    else:
        assert "participating volunteers on 8 networks in RU do not suffice to judge the claim" in offered
        assert "EMULATED" not in page
        assert "<blockquote>" in page


def test_page_without_calls_says_so(judged, tmp_path):
    """Where the country has no calls in the days looked at, there are no figures and a sentence instead."""
    data, answer = judged
    abroad = data._replace(rows=data.rows[data.rows["country"] == "DE"])
    page = render(abroad, answer, CLAIMS)
    assert "<svg" not in page
    assert "There are no calls to show" in page
