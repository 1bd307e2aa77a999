"""What a claim can be judged on, and the minimum-sample rule."""

import msgspec
import pytest

from callanalysis.claims import Minimum, default_folder, load_claim
from callanalysis.evidence import Evidence
from callanalysis.load import load
from callanalysis.votes import Flow, attempts
from helpers import published
from helpers.published import World, day

TELEGRAM = (Flow(service="telegram", medium="voice"),)
CLAIM = load_claim(default_folder() / "telegram-voice-collapsed.toml")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = published.write(published.rows(4, World(onset=day(11))), tmp_path_factory.mktemp("data"))
    return attempts(load(folder).rows, "Europe/Moscow")


@pytest.mark.parametrize(
    ("minimum", "code"),
    [
        (Minimum(volunteers=61), "few-volunteers"),
        (Minimum(effective_clusters=61.0), "few-volunteers"),
        (Minimum(votes_after=1000), "few-volunteers"),
        (Minimum(days_before=11), "no-baseline"),
        (Minimum(votes_before=1000), "no-baseline"),
        (Minimum(days_after=11), "few-days-after"),
        (Minimum(networks=9), "one-network"),
        (Minimum(network_share=0.1), "one-network"),
        (Minimum(volunteers_elsewhere=61), "no-control"),
        (Minimum(countries_elsewhere=4), "no-control"),
    ],
)
def test_each_minimum_has_its_code(table, minimum, code):
    """What is lacking is named, and nothing else."""
    claim = msgspec.structs.replace(CLAIM, minimum=minimum)
    assert Evidence(table, claim, 1).lacks(TELEGRAM) == (code,)


def test_enough_lacks_nothing_and_an_absent_arm_is_not_measurable(table):
    """Sixty volunteers on eight networks are enough; a service that nobody measured is not measurable."""
    evidence = Evidence(table, CLAIM, 1)
    assert evidence.lacks(TELEGRAM) == ()
    assert evidence.lacks((Flow(service="signal", medium="voice"),)) == ("not-measurable",)


def test_unpaired_attempts_are_no_control(table):
    """Where most calls lack their control, they cannot be compared."""
    bare = table.copy()
    bare.loc[bare.index % 2 == 0, "difference"] = float("nan")
    assert "no-control" in Evidence(bare, CLAIM, 1).lacks(TELEGRAM)


def test_streams_do_not_hang_on_the_order_of_questions(table):
    """An answer is the same whatever was asked before it."""
    first, second = Evidence(table, CLAIM, 1), Evidence(table, CLAIM, 1)
    second.onset((Flow(service="whatsapp", medium="voice"),))
    claimed = first.claimed_day
    assert first.change(TELEGRAM, "difference", claimed) == second.change(TELEGRAM, "difference", claimed)
    assert first.onset(TELEGRAM) == second.onset(TELEGRAM)
