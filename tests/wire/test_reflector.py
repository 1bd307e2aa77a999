"""Telegram's reflectors, by the messages that wire-formats cites (2024) and by libtgvoip's layouts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.wire import reflector
from helpers.hostile import outcome

TAG = bytes.fromhex("5cf39375beee0adbedeb3c096f7d66c8")
RUN = b"\xff" * 12
QUERY_ID = bytes.fromhex("000000000000007b")
PING = TAG + RUN + bytes.fromhex("feffffff") + QUERY_ID
MAPPED = bytes(10) + b"\xff\xff" + bytes([192, 0, 2, 7]) + (39264).to_bytes(4, "little")
PONG = TAG + RUN + bytes.fromhex("c77215c0 01653b67") + QUERY_ID + MAPPED


def frame(payload: bytes, padding: int = 0) -> bytes:
    return TAG + b"from" + len(payload).to_bytes(4, "big") + payload + bytes(padding)


def test_a_ping_is_a_tag_and_a_query() -> None:
    control = reflector.parse_control(PING)

    assert control.query_id == reflector.TGCALLS_QUERY_ID
    assert control == (reflector.Kind.PING, TAG, QUERY_ID, None, None)


def test_an_answer_tells_the_time_and_the_mapped_address() -> None:
    control = reflector.parse_control(PONG)

    assert control == (reflector.Kind.PONG, TAG, QUERY_ID, 0x673B6501, ("192.0.2.7", 39264))


def test_an_answer_tells_an_ipv6_address_too() -> None:
    packed = bytes.fromhex("20010db8000000000000000000000007")
    control = reflector.parse_control(PONG[:44] + packed + (443).to_bytes(4, "little"))

    assert control.mapped == ("2001:db8::7", 443)


@pytest.mark.parametrize(
    ("mark", "rest", "kind"),
    [
        ("ffffffff", 0, reflector.Kind.PEER_REQUEST),
        ("1c37d927", 16, reflector.Kind.PEER_ANSWER),
        ("b173fc83", 40, reflector.Kind.PEER_ANSWER_IPV6),
    ],
)
def test_peer_information_is_told_by_mark_and_size(mark: str, rest: int, kind: reflector.Kind) -> None:
    data = TAG + RUN + bytes.fromhex(mark) + bytes(rest)

    assert reflector.parse_control(data).kind is kind
    assert outcome(lambda: reflector.parse_control(data + b"\x00"), reflector.ReflectorError) != "parsed"


@given(st.binary(min_size=1, max_size=60), st.integers(0, 3))
def test_a_frame_gives_back_its_payload(payload: bytes, padding: int) -> None:
    assert reflector.parse_frame(frame(payload, padding)) == payload


@pytest.mark.parametrize("data", [b"", PING, PONG, frame(b""), frame(b"abc")[:-1], frame(b"abc", 4)])
def test_what_does_not_fit_is_no_frame(data: bytes) -> None:
    assert outcome(lambda: reflector.parse_frame(data), reflector.ReflectorError) != "parsed"


@given(data=st.binary(max_size=80), marked=st.booleans())
def test_hostile_bytes_raise_the_named_error_only(*, data: bytes, marked: bool) -> None:
    """Also behind the mark of a control message."""
    told = TAG + RUN + data if marked else data
    outcome(lambda: reflector.parse_control(told), reflector.ReflectorError)
    outcome(lambda: reflector.parse_frame(told), reflector.ReflectorError)
