"""Zoom's wrapping of RTP and RTCP: the server's header, then the media header.

Byte offsets after Michel et al., *Enabling Passive Measurement of Zoom Performance in Production Networks*
(IMC 2022) and their dissector; between two clients the server's header is missing.
"""

from typing import Final, NamedTuple

_SERVER_MEDIA: Final = 5
_SERVER_HEADER_BYTES: Final = 8
_SERVER_DIRECTIONS: Final = frozenset({0, 4})
_AUDIO: Final = 15
_VIDEO: Final = 16
_RTP_AT: Final = {1: 26, 13: 27, _AUDIO: 19, _VIDEO: 24, 30: 20}
_RTCP_AT: Final = {33: 16, 34: 16, 35: 16}
_SHORT_VIDEO_AT: Final = 20
_LONG_VIDEO_MARK: Final = 2
_PEER_TYPES: Final = frozenset({13, _AUDIO, _VIDEO, 30, *_RTCP_AT})
_EXTENSION_PROFILES: Final = (0xBEDE, 0x1000)


class ZoomError(ValueError):
    """The bytes are no Zoom media; one sentence says why."""


class Packet(NamedTuple):
    """One packet of Zoom's media."""

    via_server: bool
    media_type: int
    """1 to 35: 15 is audio, 16 video, 13 and 30 a shared screen, 33 to 35 RTCP."""
    payload: bytes
    """The RTP or RTCP packet."""


def parse(data: bytes) -> Packet:
    """Return what is wrapped, if it is RTP or RTCP beyond doubt. Raises ZoomError."""
    via_server = _has_server_header(data)
    start = _SERVER_HEADER_BYTES if via_server else 0
    media_type = data[start] if len(data) > start else 0
    if not via_server and media_type not in _PEER_TYPES:
        raise ZoomError("these bytes have no media header of Zoom's")
    if media_type in _RTCP_AT:
        payload = data[start + _RTCP_AT[media_type] :]
        if not _is_rtcp(payload):
            raise ZoomError("no RTCP stands where Zoom puts it")
    else:
        payload = data[start + _rtp_offset(data, start, media_type) :]
        if not _is_rtp(payload):
            raise ZoomError("no RTP stands where Zoom puts it")
    return Packet(via_server, media_type, payload)


def _has_server_header(data: bytes) -> bool:
    return len(data) > _SERVER_HEADER_BYTES and data[0] == _SERVER_MEDIA and data[7] in _SERVER_DIRECTIONS


def _rtp_offset(data: bytes, start: int, media_type: int) -> int:
    """Return where RTP begins; video has four bytes more where it numbers its frames."""
    offset = _RTP_AT.get(media_type, len(data))
    if media_type == _VIDEO and data[start + 20 : start + 21] != bytes([_LONG_VIDEO_MARK]):
        return _SHORT_VIDEO_AT
    return offset


def _is_rtp(data: bytes) -> bool:
    """Say whether this is RTP with a header extension of RFC 8285, as all of Zoom's is."""
    if len(data) < 16 or data[0] >> 6 != 2 or not data[0] & 0x10 or 192 <= data[1] <= 223:
        return False
    at = 12 + 4 * (data[0] & 0x0F)
    return int.from_bytes(data[at : at + 2], "big") in _EXTENSION_PROFILES


def _is_rtcp(data: bytes) -> bool:
    """Say whether RTCP packets (RFC 3550 section 6.1) fill the bytes."""
    at = 0
    while at + 4 <= len(data) and data[at] >> 6 == 2 and 192 <= data[at + 1] <= 223:
        at += 4 + 4 * (data[at + 2] << 8 | data[at + 3])
    return 0 < at == len(data)
