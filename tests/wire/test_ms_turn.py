"""Microsoft's TURN."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.wire import ms_turn, stun
from helpers.hostile import outcome

SESSION = bytes(range(8))
COOKIE_ATTRIBUTE = bytes.fromhex("000f000472c64bc6")


def frame(payload: bytes) -> bytes:
    return b"\xff\x10" + (8 + len(payload)).to_bytes(2, "big") + SESSION + payload


def data_indication(payload: bytes, cookie: bytes = COOKIE_ATTRIBUTE) -> bytes:
    body = cookie + b"\x00\x13" + len(payload).to_bytes(2, "big") + payload
    return b"\x01\x15" + len(body).to_bytes(2, "big") + bytes(16) + body


@given(st.binary(max_size=60))
def test_a_frame_gives_back_session_and_payload(payload: bytes) -> None:
    assert ms_turn.parse_frame(frame(payload)) == (SESSION, payload)


@pytest.mark.parametrize("data", [b"", b"\xff\x10\x00\x08", frame(b"abc")[:-1], frame(b"abc") + b"\x00"])
def test_a_frame_fits_to_the_byte_or_is_none(data: bytes) -> None:
    assert outcome(lambda: ms_turn.parse_frame(data), ms_turn.MsTurnError) != "parsed"


@given(st.binary(min_size=1, max_size=60))
def test_a_data_indication_gives_back_what_it_carries(payload: bytes) -> None:
    """Unpadded, as Teams sends it."""
    assert ms_turn.parse_data_indication(data_indication(payload)) == payload


@pytest.mark.parametrize(
    "data",
    [
        data_indication(b"abc", cookie=b""),
        data_indication(b"abc")[:-1],
        b"\x01\x01" + data_indication(b"abc")[2:],
        b"\x01\x15\x00\x08" + bytes(16) + COOKIE_ATTRIBUTE,
        stun.binding_request(bytes(12)),
    ],
)
def test_what_lacks_cookie_type_or_data_is_no_data_indication(data: bytes) -> None:
    assert outcome(lambda: ms_turn.parse_data_indication(data), ms_turn.MsTurnError) != "parsed"


@given(st.binary(max_size=100))
def test_hostile_bytes_raise_the_named_error_only(data: bytes) -> None:
    outcome(lambda: ms_turn.parse_frame(data), ms_turn.MsTurnError)
    outcome(lambda: ms_turn.parse_data_indication(b"\x01\x15" + data), ms_turn.MsTurnError)
