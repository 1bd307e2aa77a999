"""Which packets of a recorded call set it up, told by their first bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.dialect.contract import FlowKeys
from callprobe.dialect.opening import FEWEST, Opening, kind_of, openings_of
from callprobe.dialect.registry import find
from callprobe.dialect.trace import Trace, TracePacket
from callprobe.wire import stun
from helpers.recorded import CHECKS, recorded_trace, recording

KEYS = FlowKeys(bytes(32))
CHECK = stun.binding_request(bytes(12))
ALLOCATE = stun.build(stun.Message(0x0003, bytes(12), ((0x0019, b"\x11\0\0\0"),)))
HANDSHAKE = b"\x16\xfe\xfd" + bytes(60)


def in_channel(payload: bytes) -> bytes:
    return b"\x40\x00" + len(payload).to_bytes(2, "big") + payload


def in_frame(payload: bytes) -> bytes:
    return bytes(range(100, 120)) + len(payload).to_bytes(4, "big") + payload


def answer(name: str) -> bytes:
    look = find(name)
    return look.answers(KEYS, 0, ("192.0.2.1", 1), look.requests(KEYS, 0)[0])[0]


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (CHECK, "ice_connectivity"),
        (in_frame(CHECK), "ice_connectivity"),
        (in_channel(CHECK), "ice_connectivity"),
        (ALLOCATE, "turn_allocation"),
        (find("whatsapp-2023").requests(KEYS, 0)[0], "relay_allocation"),
        (find("whatsapp-2023").keepalive(KEYS, 0)[0], "relay_allocation"),
        (answer("whatsapp-2023"), "relay_allocation"),
        (answer("telegram-v2"), "relay_ping"),
        (answer("webrtc-aiortc"), "ice_connectivity"),
        (find("telegram-v2").requests(KEYS, 0)[0], "relay_ping"),
        (HANDSHAKE, "dtls_handshake"),
        (in_channel(HANDSHAKE), "dtls_handshake"),
        (in_frame(HANDSHAKE), "dtls_handshake"),
        (b"\x17" + HANDSHAKE[1:], None),
        (b"\x80\x6f" + bytes(50), None),
        (in_channel(b"\x80\x6f" + bytes(50)), None),
        (in_channel(in_channel(CHECK)), None),
        (b"", None),
        (b"\x40", None),
    ],
)
def test_kind_of_a_packet(payload: bytes, kind: str | None) -> None:
    assert kind_of(payload) == kind


@given(st.binary(max_size=120))
def test_any_bytes_have_a_kind_or_none(payload: bytes) -> None:
    assert kind_of(payload) in {
        "relay_allocation", "relay_ping", "turn_allocation", "ice_connectivity", "dtls_handshake", None,
    }  # fmt: skip


def test_a_calls_checks_are_found_in_both_directions() -> None:
    up, down = recording()
    (opening,) = openings_of(recorded_trace())

    assert opening.name == "ice_connectivity"
    for numbers, packets in ((opening.up, up), (opening.down, down)):
        assert len(numbers) == CHECKS
        assert all(stun.is_stun(packets[number].payload) for number in numbers)


def test_kinds_stand_in_the_order_in_which_the_call_used_them() -> None:
    kinds = (ALLOCATE, CHECK, HANDSHAKE)
    up = [TracePacket(1000 * n, kinds[n // FEWEST]) for n in range(3 * FEWEST)]

    assert [opening.name for opening in openings_of(Trace.of(up, []))] == [
        "turn_allocation", "ice_connectivity", "dtls_handshake",
    ]  # fmt: skip


def test_too_few_packets_to_say_anything_are_no_opening() -> None:
    """Their absence may be chance; in the other direction there may be enough."""
    up = [TracePacket(1000 * n, CHECK) for n in range(FEWEST - 1)]
    down = [TracePacket(1000 * n, CHECK) for n in range(FEWEST)]

    assert openings_of(Trace.of(up, [])) == ()
    assert openings_of(Trace.of(up, down)) == (
        Opening("ice_connectivity", frozenset(), frozenset(range(FEWEST))),
    )
