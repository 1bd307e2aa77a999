"""Messages in a byte stream."""

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.layers.tcp_framing import recognise, split

COOKIE = bytes.fromhex("2112a442")
STUN = bytes.fromhex("00010008") + COOKIE + bytes(12) + b"\x80\x22\0\4test"
CHANNEL = pack(">HH", 0x4001, 5) + b"media"
DTLS = bytes.fromhex("16feff0000000000000000") + b"\0\x04body"
RTP = b"\x80\x6f" + bytes(10) + b"media"


def framed(*payloads: bytes) -> bytes:
    """Return payloads as RFC 4571 frames them."""
    return b"".join(len(payload).to_bytes(2, "big") + payload for payload in payloads)


def padded(message: bytes) -> bytes:
    """Return a message as TURN pads it on a stream."""
    return message + bytes(-len(message) % 4)


@pytest.mark.parametrize(
    ("data", "framing"),
    [
        (STUN, "turn-tcp"),
        (STUN + b"and the beginning of more", "turn-tcp"),
        (STUN[:8], "turn-tcp"),
        (padded(CHANNEL), "turn-tcp"),
        (framed(STUN), "rfc4571"),
        (framed(STUN)[:20], "rfc4571"),
        (framed(DTLS), "rfc4571"),
        (framed(RTP, RTP), "rfc4571"),
    ],
)
def test_call_is_recognised_by_its_first_bytes(data: bytes, framing: str) -> None:
    """STUN and DTLS show themselves; media and channel data when they fill the segment."""
    assert recognise(data) == framing


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x16",
        b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"INVITE sip:a@example.org SIP/2.0\r\n",
        b"SSH-2.0-OpenSSH_9\r\n",
        bytes.fromhex("160301020001000200") + bytes(300),
        framed(RTP) + b"x",
        padded(CHANNEL) + b"G",
        CHANNEL[:6],
        framed(b"\x80short"),
    ],
)
def test_other_protocols_are_not_taken_for_calls(data: bytes) -> None:
    """HTTP, SIP, SSH, TLS, and media that does not add up."""
    assert recognise(data) is None


def test_turn_messages_are_split_by_their_own_lengths() -> None:
    """STUN says its length, channel data is padded to four bytes."""
    data = STUN + padded(CHANNEL) + STUN

    assert split("turn-tcp", data) == ([STUN, CHANNEL, STUN], b"", True)


@pytest.mark.parametrize("size", range(len(STUN)))
def test_message_waits_for_its_end(size: int) -> None:
    """What is not complete is left over."""
    assert split("turn-tcp", STUN + STUN[:size]) == ([STUN], STUN[:size], True)


def test_frames_are_split_by_the_length_before_them() -> None:
    """Empty frames keep a connection alive and are no messages."""
    data = framed(STUN, b"", RTP)

    assert split("rfc4571", data + b"\0") == ([STUN, RTP], b"\0", True)


@pytest.mark.parametrize(
    ("framing", "wrong"),
    [("turn-tcp", b"\x80junk"), ("turn-tcp", b"\0\1\0\0wrong cookie"), ("rfc4571", b"\0\5\xff1234")],
)
def test_messages_before_a_wrong_one_are_kept(framing: str, wrong: bytes) -> None:
    """Where none can begin the bytes are out of step."""
    before = STUN if framing == "turn-tcp" else framed(STUN)

    assert split(framing, before + wrong) == ([STUN], b"", False)


@given(st.sampled_from(["turn-tcp", "rfc4571"]), st.sampled_from([b"", STUN, framed(STUN)]), st.binary())
def test_hostile_streams_never_raise(framing: str, start: bytes, rest: bytes) -> None:
    """Any bytes are messages, a beginning of one, or out of step."""
    recognise(start + rest)
    messages, left, in_step = split(framing, start + rest)

    assert sum(map(len, messages)) + len(left) <= len(start + rest)
    assert in_step or not left
