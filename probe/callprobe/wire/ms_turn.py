"""Microsoft's TURN ([MS-TURN]): its multiplexed frames and its data indication, as Teams sends them."""

from typing import Final, NamedTuple

from callprobe.wire import stun

DATA_INDICATION: Final = 0x0115
SEND_REQUEST: Final = 0x0004
"""Carries DATA to a peer; the same number is Refresh in RFC 8656."""
MAGIC_COOKIE_ATTRIBUTE: Final = 0x000F
MAGIC_COOKIE: Final = bytes.fromhex("72c64bc6")
DESTINATION_ADDRESS: Final = 0x0011
"""Peer that a send request's data is for, in the clear."""
REMOTE_ADDRESS: Final = 0x0012
"""Peer that a data indication's data comes from, in the clear; XOR-PEER-ADDRESS in RFC 8656."""
REALM: Final = 0x0015
"""NONCE in RFC 8656; the two have each other's numbers."""

_FRAME_MARK: Final = b"\xff\x10"
_FRAME_HEADER_BYTES: Final = 12
_LENGTH_STARTS_AT: Final = 4


class MsTurnError(ValueError):
    """The bytes are not what they were taken for; one sentence says why."""


class Frame(NamedTuple):
    """A multiplexed frame: what is relayed, without a STUN message around it."""

    session_id: bytes
    """8 bytes, those of MULTIPLEXED-TURN-SESSION-ID (0x8095)."""
    payload: bytes


def parse_frame(data: bytes) -> Frame:
    """Return the multiplexed frame that ``data`` is exactly. Raises MsTurnError."""
    if data[:2] != _FRAME_MARK or len(data) < _FRAME_HEADER_BYTES:
        raise MsTurnError("these bytes begin no multiplexed TURN frame")
    if (data[2] << 8 | data[3]) != len(data) - _LENGTH_STARTS_AT:
        raise MsTurnError("the length of the multiplexed TURN frame does not fit")
    return Frame(data[4:_FRAME_HEADER_BYTES], data[_FRAME_HEADER_BYTES:])


def parse_data_indication(data: bytes) -> bytes:
    """Return what a data indication (RFC 3489's header, 0x0115) carries. Raises MsTurnError."""
    try:
        message = stun.read_classic(data)
    except stun.StunError as error:
        raise MsTurnError(f"no data indication: {error}") from error
    if message.type != DATA_INDICATION or message.first(MAGIC_COOKIE_ATTRIBUTE) != MAGIC_COOKIE:
        raise MsTurnError("the message is no data indication")
    carried = message.first(stun.DATA)
    if carried is None:
        raise MsTurnError("the data indication carries no data")
    return carried
