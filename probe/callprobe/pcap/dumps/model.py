"""What a browser's dump of its calls says, whatever its format; nothing in it names anybody."""

from typing import Final

from msgspec import Struct

from callresults.nettests.browser import BrowserCall, BrowserName, DumpFormat
from callresults.nettests.common import IpVersion

MOST_BYTES: Final = 200_000_000
"""Largest dump that is read, packed or unpacked: an hour of four connections has a tenth of it."""
MOST_CONNECTIONS: Final = 200


class DumpError(Exception):
    """The file is no dump that can be read; the message is one sentence that names the file."""


class Browser(Struct, frozen=True, kw_only=True):
    """Who wrote the dump."""

    name: BrowserName = "other"
    version: int | None = None
    """Major version."""


class Connection(Struct, frozen=True, kw_only=True):
    """One ``RTCPeerConnection``."""

    service: str
    """Stable name of the service by the page that made it; ``webrtc`` where the page is nobody's known."""
    emulated: bool
    """Whether the page came from this machine itself."""
    start_ms: float | None
    """Milliseconds since 1970 at which the connection was made; null when the dump has no usable time."""
    ip_version: IpVersion
    """Of the path that was used; ``ipv4`` where the dump does not tell."""
    call: BrowserCall


class Dump(Struct, frozen=True, kw_only=True):
    """One file."""

    file: str
    """Name without folder."""
    format: DumpFormat
    browser: Browser
    connections: tuple[Connection, ...]
    """In order of their beginning."""
    connections_left_out: int
    """Beyond ``MOST_CONNECTIONS``."""
    broken_at_line: int | None
    """Line of an RTCStatsDump that cannot be read; what comes after it is not counted."""
    story: tuple[str, ...] = ()
    """The same in sentences."""
