"""The features by which captures and dialects are compared."""

from collections import Counter

import pytest

from callprobe.pcap.recognise.distance import traits_of
from callprobe.pcap.recognise.distance_features import FEATURES, Feature

BY_NAME = {feature.name: feature for feature in FEATURES}


def values(look: str, name: str) -> tuple[str, ...]:
    """Return a feature of a dialect."""
    return BY_NAME[name].values(traits_of(look))


def test_names_are_given_once() -> None:
    """Whoever cites a feature means one."""
    assert [name for name, count in Counter(feature.name for feature in FEATURES).items() if count > 1] == []


@pytest.mark.parametrize(
    ("dialect", "capture", "matches"),
    [
        (("212",), ("272", "212"), True),
        (("212", "272"), ("212",), False),
        (("212",), (), None),
        ((), ("212",), None),
    ],
)
def test_a_capture_must_have_all_that_the_dialect_has(
    dialect: tuple[str, ...], capture: tuple[str, ...], *, matches: bool | None
) -> None:
    """More does not matter: a real call does more than its imitation."""
    assert Feature("size", lambda _: ()).matches(dialect, capture) is matches


@pytest.mark.parametrize(("captured", "matches"), [("3022", True), ("3301", False), ("2000", False)])
def test_figures_match_within_their_tolerance(captured: str, *, matches: bool) -> None:
    """A tenth off is the same interval."""
    assert Feature("interval", lambda _: (), tolerance=0.1).matches(("3000",), (captured,)) is matches


@pytest.mark.parametrize(
    ("look", "name", "expected"),
    [
        ("whatsapp-2023", "Allocate, bytes", ("212",)),
        ("whatsapp-2023", "Allocate, attributes", ("4000 0016 0008",)),
        ("whatsapp-2023", "Allocates at once to one relay", ("2",)),
        ("whatsapp-2023", "relay ping, ms between two", ("3000",)),
        ("whatsapp-2023", "end of call, bytes", ("220",)),
        ("whatsapp-2023", "STUN transaction ids", ("counter",)),
        ("whatsapp-2023", "voice, header extension", ("0xdebe",)),
        ("whatsapp-2023", "voice, ms in a packet", ("60",)),
        ("whatsapp-2023", "voice, smallest packet in bytes", ("25",)),
        ("whatsapp-2023", "voice, first sequence number", ("1",)),
        ("telegram-v2", "reflector ping, query id", ("constant",)),
        ("telegram-v2", "reflector ping, ms between two", ("500",)),
        ("telegram-v2", "reflector, data behind", ("frames",)),
        ("telegram-v2", "voice, carried in", ("reflector",)),
        ("telegram-v2", "check, bytes", ()),
        ("webrtc-aiortc", "check, lengths of user names", ("4:4",)),
        ("webrtc-aiortc", "check, tie-breaker", ("random",)),
        ("webrtc-aiortc", "check, last byte of priority", ("other",)),
        ("webrtc-aiortc", "voice, clock in Hz", ("48000",)),
        ("webrtc-aiortc", "voice, ms in a packet", ("20",)),
        ("webrtc-aiortc", "video, clock in Hz", ("90000",)),
        ("webrtc-aiortc", "Allocate, bytes", ()),
    ],
)
def test_dialects_have_the_features_of_their_sources(look: str, name: str, expected: tuple[str, ...]) -> None:
    """What is asked of a dialect is what it emits; the figures are those of the facts."""
    assert values(look, name) == expected
