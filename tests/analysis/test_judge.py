"""The eight verdicts on worlds whose truth is known."""

import pytest

from callanalysis.claims import default_folder, load_claims
from callanalysis.judge import judge_all
from callanalysis.load import load
from helpers import published
from helpers.published import World, day

CLAIMS = load_claims(default_folder())
TRUE_IN_AUGUST = {claim.id for claim in CLAIMS} - {"calls-restored"}


def _judge(folder, seed, world, *names, edit=lambda frame: frame):
    published.write(edit(published.rows(seed, world)), folder)
    judged = judge_all(load(folder), [claim for claim in CLAIMS if not names or claim.id in names], seed)
    return {verdict.claim_id: verdict for verdict in judged.claims}


def _supported(verdicts):
    return {name for name, verdict in verdicts.items() if verdict.verdict == "supported"}


@pytest.mark.parametrize("seed", [11, 12])
def test_august_history_is_recovered(tmp_path, seed):
    """With the restriction on 11 August every claim but the return is supported, the onset within a day."""
    verdicts = _judge(tmp_path, seed, World(onset=day(11)))
    assert _supported(verdicts) == TRUE_IN_AUGUST
    assert (verdicts["calls-restored"].verdict, verdicts["calls-restored"].reasons) == (
        "refuted",
        ("still-fallen",),
    )
    telegram = verdicts["telegram-voice-collapsed"]
    assert telegram.onset_date in {"2025-08-10", "2025-08-11", "2025-08-12"}
    assert telegram.onset_interval[0] <= telegram.onset_date <= telegram.onset_interval[1]
    assert (telegram.n_networks, telegram.n_volunteers, telegram.basis) == (8, 60, "emulated")
    assert telegram.interval[0] < telegram.estimate < telegram.interval[1] <= -0.30


@pytest.mark.parametrize("seed", [21, 22, 23])
def test_nothing_is_found_where_nothing_happened(tmp_path, seed):
    """Without a policy no claim that something was hit, changed or came back is supported."""
    verdicts = _judge(tmp_path, seed, World())
    assert _supported(verdicts) <= {"domestic-service-unaffected"}
    assert all(verdict.onset_date is None for verdict in verdicts.values())
    assert verdicts["telegram-voice-collapsed"].verdict == "refuted"
    assert verdicts["whatsapp-voice-broken-sound"].reasons == ("address-not-tested",)


def test_hard_null_world_supports_nothing(tmp_path):
    """Outages, incidents everywhere and drift per network do not make a restriction."""
    verdicts = _judge(tmp_path, 31, World(outage=0.10, incident=0.10, drift=0.5, failure=0.03))
    assert _supported(verdicts) <= {"domestic-service-unaffected"}


def test_later_start_is_dated_and_refutes_the_claimed_day(tmp_path):
    """Begun on 14 August, the onset found is the 14th, and the claim of the 11th is not supported."""
    verdicts = _judge(tmp_path, 41, World(onset=day(14)), "telegram-voice-collapsed", "video-also-affected")
    telegram = verdicts["telegram-voice-collapsed"]
    assert telegram.onset_date in {"2025-08-13", "2025-08-14", "2025-08-15"}
    assert (telegram.verdict, telegram.reasons) == ("refuted", ("other-date",))
    assert verdicts["video-also-affected"].verdict == "supported"


def test_another_country_hit_refutes_the_only_one(tmp_path):
    """Where a second country fell too, "only here" is refuted by what was found there."""
    verdicts = _judge(
        tmp_path, 51, World(onset=day(11), hit=("RU", "KZ"), abroad_volunteers=90), "only-one-country"
    )
    only = verdicts["only-one-country"]
    assert (only.verdict, only.reasons) == ("refuted", ("changed",))
    assert [atom.name for atom in only.atoms if atom.verdict == "refuted"] == ["not-in-KZ"]


def test_uniform_restriction_is_not_called_partial(tmp_path):
    """With every network hit alike, "networks differ" finds no support."""
    verdicts = _judge(
        tmp_path,
        61,
        World(onset=day(11), untouched_networks=0),
        "restriction-is-partial",
        "telegram-voice-collapsed",
    )
    assert verdicts["restriction-is-partial"].verdict != "supported"
    assert verdicts["telegram-voice-collapsed"].verdict == "supported"


def _messaging_down(frame):
    hit = (frame["country"] == "RU") & (frame["arm"] == "service") & (frame["medium"] == "messaging")
    hit &= frame["measurement_start_time"] >= "2025-08-11"
    return frame.assign(setup_ok=frame["setup_ok"].where(~hit, other=False))


def test_messaging_hit_refutes_calls_only(tmp_path):
    """Where messaging stops answering as well, "only calls" is refuted."""
    verdicts = _judge(tmp_path, 71, World(onset=day(11)), "only-calls-affected", edit=_messaging_down)
    assert (verdicts["only-calls-affected"].verdict, verdicts["only-calls-affected"].reasons) == (
        "refuted",
        ("changed",),
    )


def test_too_little_data_is_an_answer(tmp_path):
    """Few volunteers, no other country, no such arm: insufficient, each with its code."""

    def thin(frame):
        return frame[(frame["country"] == "RU") & (frame["arm"] != "domestic")]

    verdicts = _judge(tmp_path, 81, World(onset=day(11), home_volunteers=9), edit=thin)
    assert {verdict.verdict for verdict in verdicts.values()} == {"insufficient"}
    assert {"few-volunteers", "no-control"} <= set(verdicts["telegram-voice-collapsed"].reasons)
    assert verdicts["domestic-service-unaffected"].reasons == ("not-measurable",)


def test_volunteers_of_today_cannot_judge_last_august(tmp_path):
    """On data that is not emulated a claim about August 2025 has no baseline."""
    verdicts = _judge(tmp_path, 91, World(onset=day(11), emulated=False))
    assert {(v.verdict, v.reasons, v.basis) for v in verdicts.values()} == {
        ("insufficient", ("no-baseline",), "volunteers")
    }
