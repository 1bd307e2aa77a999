"""Payloads within payloads."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.collect.encapsulation import (
    MAX_DEPTH,
    Inner,
    channel_payload,
    is_direct,
    is_known,
    unwrap,
)
from callprobe.wire import rtp, stun
from helpers.exchanged import channel, collected_from, message, peer_attribute, up

BINDING = message(stun.BINDING_REQUEST, 7)
MEDIA = rtp.build(rtp.Packet(111, 7, 90, 9, b"media"))
HELLO = bytes.fromhex("16feff00000000000000000004") + bytes(4)
ZOOM_MEDIA = (
    bytes([15])
    + bytes(18)
    + rtp.build(rtp.Packet(113, 7, 90, 9, b"media", extension=rtp.Extension(0xBEDE, bytes(4))))
)


def send(payload: bytes, kind: int = 0x0016) -> bytes:
    return message(kind, 1, peer_attribute(1), (stun.DATA, payload))


def reflector_frame(payload: bytes) -> bytes:
    return bytes(range(16)) + b"from" + len(payload).to_bytes(4, "big") + payload + bytes(-len(payload) % 4)


def multiplexed(payload: bytes) -> bytes:
    return b"\xff\x10" + (8 + len(payload)).to_bytes(2, "big") + bytes(8) + payload


def ms_data(payload: bytes) -> bytes:
    body = bytes.fromhex("000f000472c64bc60013") + len(payload).to_bytes(2, "big") + payload
    return b"\x01\x15" + len(body).to_bytes(2, "big") + bytes(range(16)) + body


@pytest.mark.parametrize("inside", [BINDING, MEDIA, HELLO])
@pytest.mark.parametrize(
    ("name", "wrap"),
    [
        ("turn-channel", channel),
        ("turn-channel", lambda inside: channel(inside, 0x4003)),
        ("turn-indication", send),
        ("turn-indication", lambda inside: send(inside, 0x0017)),
        ("turn-indication", lambda inside: send(inside, 0x0004)),
        ("reflector", reflector_frame),
        ("ms-turn", multiplexed),
        ("ms-turn", ms_data),
    ],
)
def test_a_wrapping_is_named_and_taken_off(name: str, wrap: Callable[[bytes], bytes], inside: bytes) -> None:
    assert unwrap(wrap(inside)) == [Inner("plain", wrap(inside)), Inner(name, inside)]


def test_zoom_s_header_is_taken_off() -> None:
    assert [inner.encapsulation for inner in unwrap(ZOOM_MEDIA)] == ["plain", "zoom"]


def test_what_is_wrapped_twice_is_named_by_both() -> None:
    found = unwrap(multiplexed(channel(MEDIA)))

    assert [inner.encapsulation for inner in found] == ["plain", "ms-turn", "ms-turn+turn-channel"]
    assert found[-1].payload == MEDIA


def test_no_more_than_two_wrappings_are_taken_off() -> None:
    assert len(unwrap(channel(send(send(send(BINDING)))))) == 1 + MAX_DEPTH


def test_stun_behind_an_unknown_header_is_found_where_it_ends_the_datagram() -> None:
    assert unwrap(b"\x99header" + BINDING)[1:] == [Inner("unknown", BINDING)]
    assert len(unwrap(b"\x99header" + BINDING + b"more")) == 1


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        BINDING,
        MEDIA,
        HELLO,
        channel(b""),
        channel(b"opaque bytes"),
        channel(MEDIA, 0x6000) + bytes(1),
        channel(MEDIA) + bytes(4),
        channel(MEDIA)[:8],
        multiplexed(MEDIA)[:-1],
        message(0x0016, 1, peer_attribute(1)),
        reflector_frame(b""),
        reflector_frame(MEDIA) + bytes(4),
    ],
)
def test_what_does_not_fit_is_left_alone(payload: bytes) -> None:
    assert unwrap(payload) == [Inner("plain", payload)]


def test_channel_data_may_lack_its_padding() -> None:
    """Over UDP (RFC 8656 section 12.5)."""
    assert channel_payload(channel(b"abcde")) == channel_payload(channel(b"abcde")[:9]) == b"abcde"


def test_channel_numbers_of_rfc_5766_have_to_fit_exactly() -> None:
    assert channel_payload(channel(b"abcd", 0x7FFE)) == b"abcd"
    assert channel_payload(channel(b"abcde", 0x7FFE)) is None


def test_only_what_has_nothing_around_it_is_direct() -> None:
    assert is_direct("plain")
    assert is_direct("rfc4571")
    assert not is_direct("reflector")
    assert not is_direct("ms-turn+turn-channel")


@given(st.binary(max_size=120))
def test_any_bytes_give_at_least_themselves(payload: bytes) -> None:
    """Hostile bytes never raise; what is inside is shorter than what is around it."""
    found = unwrap(payload)
    sizes = [len(inner.payload) for inner in found]

    assert found[0] == ("plain", payload)
    assert sizes == sorted(sizes, reverse=True)
    assert len(found) <= 1 + MAX_DEPTH
    is_known(payload)


@given(
    st.sampled_from(
        [
            channel(BINDING),
            send(MEDIA),
            reflector_frame(BINDING),
            multiplexed(MEDIA),
            ms_data(BINDING),
            ZOOM_MEDIA,
        ]
    ),
    st.integers(0, 200),
    st.integers(0, 255),
    st.integers(0, 200),
)
def test_a_damaged_wrapping_never_raises(payload: bytes, place: int, byte: int, kept: int) -> None:
    """One byte changed, the end cut off."""
    damaged = bytearray(payload)
    damaged[place % len(payload)] = byte

    assert unwrap(bytes(damaged)[:kept])[0].payload == bytes(damaged)[:kept]


@pytest.mark.peer("shared")
def test_wrappings_of_the_captures(shared: Path) -> None:
    """Teams relays in frames and data indications, Messenger in channel 0x4003, Telegram in its frames."""
    found = {
        name: collected_from(shared / "captures" / name)[0].stun(0).encapsulations
        for name in ("teams_full.pcap", "stun_facebook.pcapng", "ndpid_heads_telegram_voice.pcap")
    }

    assert found == {
        "teams_full.pcap": {"plain": 55, "ms-turn": 8},
        "stun_facebook.pcapng": {"plain": 57, "turn-channel": 10},
        "ndpid_heads_telegram_voice.pcap": {"plain": 15, "reflector": 5},
    }


def test_a_datagram_s_own_payload_comes_first() -> None:
    """Whoever wants only what lay in the datagram takes the first."""
    assert unwrap(up(0, channel(MEDIA)).payload)[0].encapsulation == "plain"
