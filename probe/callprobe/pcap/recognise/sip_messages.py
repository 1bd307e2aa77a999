"""SIP as far as a capture's story needs it: who asked for what, what was answered, where media should go."""

import re
from typing import Final, NamedTuple

METHODS: Final = frozenset(
    {
        "ACK",
        "BYE",
        "CANCEL",
        "INFO",
        "INVITE",
        "MESSAGE",
        "NOTIFY",
        "OPTIONS",
        "PRACK",
        "PUBLISH",
        "REFER",
        "REGISTER",
        "SUBSCRIBE",
        "UPDATE",
    }
)
"""RFC 3261 and its extensions; other words are no SIP."""

_MAX_LINES_BYTES: Final = 8192
_REQUEST: Final = re.compile(rb"([A-Z]{3,9}) [^\r\n ]{1,512} SIP/2\.0\r?\n")
_STATUS: Final = re.compile(rb"SIP/2\.0 ([1-6][0-9]{2}) ?[^\r\n]{0,256}\r?\n")
_CALL_ID: Final = re.compile(rb"(?im)^(?:call-id|i)[ \t]*:[ \t]*([^\r\n]{1,128})")
_SEQUENCE: Final = re.compile(rb"(?im)^cseq[ \t]*:[ \t]*[0-9]{1,10}[ \t]+([A-Z]{3,9})")
_CONNECTION: Final = re.compile(rb"(?m)^c=IN IP[46] ([0-9A-Fa-f.:]{2,45})")
_MEDIA: Final = re.compile(rb"(?m)^m=(audio|video) ([0-9]{1,5})(?:/[0-9]{1,3})? [A-Z/]{0,12}RTP/[A-Z]{3,5}")


class SipMessage(NamedTuple):
    """A request or an answer."""

    method: str
    """Of the request; of what is answered, for an answer ("" where it does not say)."""
    status: int | None
    """Null for a request."""
    call_id: bytes
    media: tuple[tuple[str, int], ...]
    """Addresses where its SDP wants RTP (RFC 8866 section 5.14)."""


def parse(data: bytes) -> SipMessage | None:
    """Return the SIP message (RFC 3261 section 7) that a datagram or segment begins with, or None."""
    request = _REQUEST.match(data)
    status = None if request else _STATUS.match(data)
    if request is None and status is None:
        return None
    data = data[:_MAX_LINES_BYTES]
    word = request.group(1) if request else _first(_SEQUENCE, data)
    method = word.decode("ascii")
    if request and method not in METHODS:
        return None
    return SipMessage(
        method=method if method in METHODS else "",
        status=int(status.group(1)) if status else None,
        call_id=_first(_CALL_ID, data),
        media=_media(data),
    )


def _first(pattern: re.Pattern[bytes], data: bytes) -> bytes:
    found = pattern.search(data)
    return found.group(1).strip() if found else b""


def _media(data: bytes) -> tuple[tuple[str, int], ...]:
    host = _first(_CONNECTION, data).decode("ascii")
    ports = (int(found.group(2)) for found in _MEDIA.finditer(data))
    return tuple((host, port) for port in ports if host and 0 < port < 65536)
