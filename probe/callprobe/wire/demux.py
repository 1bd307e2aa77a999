"""What a datagram on a call's port is by its first byte (RFC 7983, RFC 9443) and second (RFC 5761)."""

from enum import Enum


class Protocol(Enum):
    """Who gets a datagram that arrives on a shared port."""

    STUN = "stun"
    ZRTP = "zrtp"
    DTLS = "dtls"
    TURN_CHANNEL = "turn channel"
    QUIC = "quic"
    RTP = "rtp"
    RTCP = "rtcp"
    UNASSIGNED = "unassigned"
    """First byte 4-15, or an empty datagram."""


_LAST_BYTES = (
    (3, Protocol.STUN),
    (15, Protocol.UNASSIGNED),
    (19, Protocol.ZRTP),
    (63, Protocol.DTLS),
    (79, Protocol.TURN_CHANNEL),
    (127, Protocol.QUIC),
    (191, Protocol.RTP),
    (255, Protocol.QUIC),
)
_BY_FIRST_BYTE = tuple(next(kind for last, kind in _LAST_BYTES if byte <= last) for byte in range(256))


def classify(data: bytes) -> Protocol:
    """Return the protocol of a datagram. A first guess: the protocol's parser has the last word."""
    kind = _BY_FIRST_BYTE[data[0]] if data else Protocol.UNASSIGNED
    if kind is Protocol.RTP and len(data) > 1 and 192 <= data[1] <= 223:
        return Protocol.RTCP
    return kind
