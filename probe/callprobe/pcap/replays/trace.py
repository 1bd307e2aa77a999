"""Takes one call out of a capture, to be replayed: its datagrams both ways, on one time axis.

The axis begins with the first packet of the capturing end, since a far end that has heard nothing has nobody
to send to; what it sent before is left out. So are empty datagrams and those that would be fragmented. What
the capture cut off is filled up, so that sizes are those of the wire.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple

from callprobe.dialect.contract import CallMedium
from callprobe.dialect.trace import (
    MAX_DURATION_S,
    MAX_PACKETS,
    MAX_PAYLOAD_BYTES,
    Trace,
    TraceError,
    TracePacket,
)
from callprobe.pcap.layers.link import Dissector
from callprobe.pcap.packets import Address, UdpDatagram, address_text
from callprobe.pcap.reading.read import CaptureError, CaptureFile
from callprobe.pcap.replays.conversations import Call, conversations_of
from callprobe.pcap.replays.scrub import Scrubber

HIGHEST_PORT: Final = 65535
VIDEO_BITS_PER_S: Final = 150_000
"""Mean rate of a direction from which a call is taken for video."""
_FLOW: Final = re.compile(r"(\[[^]]+\]|[^\[\]-]+):(\d+)-(\[[^]]+\]|[^\[\]-]+):(\d+)")


class ReplayFileError(ValueError):
    """There is no call to be replayed in the file; one sentence naming it."""


class Flow(NamedTuple):
    """Which conversation is wanted: the end that is played here, and the far end."""

    local: Address
    remote: Address


class Recorded(NamedTuple):
    """A recorded call before it is made a trace of."""

    source: str
    """``capture`` or ``wehe``."""
    ends: Flow
    up: list[TracePacket]
    down: list[TracePacket]
    first_ns: int | None
    """When it began, since 1970; None where the file does not tell."""
    filled: int = 0
    """Packets of which the capture had only a part."""
    left_out: int = 0
    """Packets that cannot be sent: empty, too long, or from before the capturing end sent anything."""

    @property
    def medium(self) -> CallMedium:
        """Voice or video, by the bits per second of the busier direction."""
        return "video" if max(map(_bits_per_s, (self.up, self.down))) > VIDEO_BITS_PER_S else "voice"

    @property
    def capture_date(self) -> str | None:
        """ISO date (UTC) of the call."""
        if self.first_ns is None:
            return None
        return datetime.fromtimestamp(self.first_ns // 1_000_000_000, UTC).date().isoformat()


class Scrubbed(NamedTuple):
    """A trace, and how many of its packets are not as they were recorded."""

    trace: Trace
    changed_packets: int


def parse_flow(text: str) -> Flow:
    """Return the flow in ``HOST:PORT-HOST:PORT``, an IPv6 host in brackets. Raises ValueError."""
    match = _FLOW.fullmatch(text)
    with suppress(ValueError):
        if match is not None:
            return Flow(_address(match[1], match[2]), _address(match[3], match[4]))
    raise ValueError(f"{text!r} is no flow; give HOST:PORT-HOST:PORT, an IPv6 host in brackets")


def _address(host: str, port: str) -> Address:
    if ("[" in host) != (":" in host) or not 0 <= int(port) <= HIGHEST_PORT:
        raise ValueError(host)
    return str(ip_address(host.strip("[]"))), int(port)


def read_capture(path: Path, flow: Flow | None = None, duration_s: float | None = None) -> Recorded:
    """Return the call in a capture: the dominant one, or what passed in ``flow``.

    ``duration_s``: only so much from its beginning. Raises ReplayFileError.
    """
    try:
        conversations = conversations_of(_datagrams(path))
        call = conversations.call() if flow is None else conversations.between(*flow)
        if call is None:
            raise ReplayFileError(_nothing(path, flow))
        return _collect(_datagrams(path), call, duration_s)
    except CaptureError as error:
        raise ReplayFileError(str(error)) from error


def make_trace(recorded: Recorded, path: Path, *, exact: bool) -> Scrubbed:
    """Return the trace of a recorded call, scrubbed unless its ``exact`` bytes are wanted.

    Raises ReplayFileError when it is longer than what can be played.
    """
    up, down, changed = recorded.up, recorded.down, 0
    _check_length(recorded, path)
    if not exact:
        scrubber = Scrubber(host for host, _ in recorded.ends)
        payloads = scrubber.clean_all([packet.payload for packet in (*up, *down)])
        up, down = _with(up, payloads[: len(up)]), _with(down, payloads[len(up) :])
        changed = scrubber.changed_packets
    try:
        return Scrubbed(Trace.of(up, down), changed)
    except TraceError as error:
        raise ReplayFileError(f"{path}: {error}") from error


def _with(packets: Iterable[TracePacket], payloads: Iterable[bytes]) -> list[TracePacket]:
    return [TracePacket(packet.offset_ns, payload) for packet, payload in zip(packets, payloads, strict=True)]


def shaped(
    source: str, ends: Flow, stamped: Iterable[tuple[int, bool, bytes, int]], duration_s: float | None
) -> Recorded:
    """Return a recorded call of packets (time in ns, whether up, payload, size on the wire)."""
    up: list[TracePacket] = []
    down: list[TracePacket] = []
    origin_ns: int | None = None
    filled = left_out = 0
    for at_ns, is_up, payload, size in sorted(stamped, key=lambda packet: packet[0]):
        if (origin_ns is None and not is_up) or not 0 < size <= MAX_PAYLOAD_BYTES:
            left_out += 1
            continue
        origin_ns = at_ns if origin_ns is None else origin_ns
        offset_ns = (at_ns - origin_ns) // 1000 * 1000
        if duration_s is not None and offset_ns >= duration_s * 1e9:
            break
        filled += size > len(payload)
        (up if is_up else down).append(TracePacket(offset_ns, _whole(payload, size)))
    return Recorded(source, ends, up, down, origin_ns, filled, left_out)


def _datagrams(path: Path) -> Iterator[UdpDatagram]:
    dissector = Dissector()
    for frame in CaptureFile(path):
        found = dissector.take(frame)
        if isinstance(found, UdpDatagram):
            yield found


def _collect(datagrams: Iterable[UdpDatagram], call: Call, duration_s: float | None) -> Recorded:
    ends = Flow(call.local, call.remote)
    longest_ns = round((duration_s or MAX_DURATION_S + 1) * 1e9)
    stamped = []
    for one in datagrams:
        if {one.source, one.destination} == set(ends) and call.first_ns <= one.epoch_ns <= call.last_ns:
            stamped.append((one.epoch_ns, one.source == call.local, one.payload, one.size))
            if len(stamped) > 4 * MAX_PACKETS or one.epoch_ns > call.first_ns + 2 * longest_ns:
                break
    return shaped("capture", ends, stamped, duration_s)


def _check_length(recorded: Recorded, path: Path) -> None:
    """Refuse what could not be played, and say how it can be made to fit."""
    if not recorded.up:
        local, remote = map(address_text, recorded.ends)
        raise ReplayFileError(
            f"{path}: {local} sends nothing that could be replayed; "
            f"--flow {remote}-{local} plays the other half"
        )
    lasts_s = max(half[-1].offset_ns for half in (recorded.up, recorded.down) if half) / 1e9
    packets = max(len(recorded.up), len(recorded.down))
    if lasts_s > MAX_DURATION_S:
        what = f"the call lasts longer than {MAX_DURATION_S:g} s"
    elif packets > MAX_PACKETS:
        what = f"the call has more than {MAX_PACKETS} packets in one direction"
    else:
        return
    raise ReplayFileError(f"{path}: {what}, the most that is replayed: give --media-duration-s")


def _nothing(path: Path, flow: Flow | None) -> str:
    if flow is None:
        return f"{path}: there is no call in it; --flow HOST:PORT-HOST:PORT names another conversation"
    return f"{path}: no datagram passes between {address_text(flow.local)} and {address_text(flow.remote)}"


def _whole(payload: bytes, size: int) -> bytes:
    """Return ``size`` bytes: what the capture cut off is drawn from what it has."""
    missing = size - len(payload)
    return payload[:size] + hashlib.shake_128(payload).digest(max(missing, 0))


def _bits_per_s(packets: list[TracePacket]) -> float:
    if len(packets) < 2:
        return 0.0
    lasts_s = (packets[-1].offset_ns - packets[0].offset_ns) / 1e9
    return 8 * sum(len(packet.payload) for packet in packets) / max(lasts_s, 1.0)
