"""The look, the address, or both."""

import pytest

from callanalysis.attribution import address, reached, relay_flows
from callanalysis.claims import default_folder, load_claim
from callanalysis.evidence import Evidence
from callanalysis.load import load
from callanalysis.votes import Flow, attempts
from helpers import published
from helpers.published import World, day

TELEGRAM, WHATSAPP = Flow(service="telegram", medium="voice"), Flow(service="whatsapp", medium="voice")
CLAIM = load_claim(default_folder() / "telegram-voice-collapsed.toml")


def _evidence(folder, world):
    rows = load(published.write(published.rows(6, world), folder)).rows
    return Evidence(attempts(rows, "Europe/Moscow"), CLAIM, 1)


def test_relay_evidence_is_the_service_arms_binding():
    """Each shaped service asks for its own relay; arms that are addresses themselves ask for none."""
    assert relay_flows((TELEGRAM, WHATSAPP)) == (
        Flow(arm="service", service="telegram", medium="voice"),
        Flow(arm="service", service="whatsapp", medium="voice"),
    )
    assert relay_flows((Flow(arm="domestic"),)) == ()


def test_address_is_clean_where_nothing_happened(tmp_path):
    """A relay that answers as before is clean; one that nobody asked is not tested."""
    evidence = _evidence(tmp_path, World())
    assert address(evidence, (TELEGRAM,), None) == "clean"
    assert address(evidence, (TELEGRAM, WHATSAPP), None) == "not-tested"


def test_address_hit_is_seen(tmp_path):
    """A relay killed for a share of runs from the claimed day on is hit."""
    assert (
        address(_evidence(tmp_path, World(onset=day(11), untouched_networks=0)), (TELEGRAM,), None) == "hit"
    )


@pytest.mark.parametrize(
    ("flow", "state", "verdict", "scope"),
    [
        (TELEGRAM, "hit", "supported", "look+address"),
        (TELEGRAM, "clean", "supported", "look"),
        (TELEGRAM, "clean", "refuted", "look+address"),
        (TELEGRAM, "not-tested", "refuted", "look"),
        (Flow(arm="domestic"), "not-tested", "supported", "address"),
    ],
)
def test_scope_is_what_the_evidence_reaches(flow, state, verdict, scope):
    """The look alone supports a claim of the look; a refutation with a clean address reaches both."""
    assert reached((flow,), state, verdict) == scope
