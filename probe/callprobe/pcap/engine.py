"""Reads a capture once: RTP streams and flows are counted here, everything else is handed on.

Three ways give the same figures: plain Python; NumPy (``callprobe[pcap]``), many packets at once; and a
kernel in C, once it was built (``kernel.build``).
"""

from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol

from callprobe.pcap.packets import Sink, UdpDatagram
from callprobe.pcap.reading.piecewise import Piecewise
from callprobe.pcap.reading.read import CaptureFile, open_capture
from callprobe.pcap.streams import kernel, kernel_reader
from callprobe.pcap.streams.flows import FlowStats, FlowTable
from callprobe.pcap.streams.rtp_streams import RtpStream, StreamTable
from callprobe.pcap.tally import Tally, within_limit

__all__ = ["EngineResult", "Tier", "TierError", "best_tier", "run"]

Tier = Literal["python", "numpy", "c"]

SMALL_FILE_BYTES: Final = 1 << 22
"""Reading a smaller file takes less time than starting NumPy."""


class TierError(ValueError):
    """The tier that was asked for is not to be had; one sentence says how to get it."""


class Streams(Protocol):
    """RTP streams."""

    packets_left_out: int
    """Of streams beyond those that are kept."""

    def streams(self, origin_ns: int) -> list[RtpStream]:
        """Return the streams in order of their first packet; times count from ``origin_ns``."""
        ...


class Flows(Protocol):
    """UDP flows."""

    packets_left_out: int
    """Of flows beyond those that are kept."""

    def stats(self, origin_ns: int) -> list[FlowStats]:
        """Return the flows in the order in which they began; times count from ``origin_ns``."""
        ...


class EngineResult(NamedTuple):
    """What was counted."""

    frames: int
    """Of any kind."""
    udp_datagrams: int
    link_types: dict[str, int]
    """Frames by link type."""
    origin_ns: int | None
    """Time of the first frame in the file, nanoseconds since 1970; None when there is none."""
    first_ns: int | None
    """The earliest time."""
    last_ns: int | None
    """The latest."""
    truncated_at_offset: int | None
    """In the unpacked file: the first record that is not whole."""
    streams: Streams
    """The RTP streams that lay in nothing else."""
    flows: Flows
    tier: Tier


class PythonMedia:
    """Streams and flows, one packet at a time."""

    def __init__(self) -> None:
        self.streams = StreamTable()
        self.flows = FlowTable()

    def datagram(self, datagram: UdpDatagram, *, is_rtp: bool) -> None:
        """Take a UDP datagram, which is settled as RTP or is not."""
        source, destination = datagram.source, datagram.destination
        self.flows.add(source, destination, datagram.epoch_ns, datagram.size, is_rtp=is_rtp)
        if is_rtp:
            self.streams.add(datagram, datagram.payload, "plain")


def run(path: Path, sink: Sink, tier: Tier | None = None) -> EngineResult:
    """Read a capture up to where it breaks, if it does; by the fastest tier there is, unless one is named.

    What is not settled as plain RTP goes to ``sink`` in the order of the file.

    Raises:
        CaptureError: the file cannot be read, or is no capture.
        TierError: the named tier is not to be had.
    """
    chosen = tier or best_tier(path)
    if chosen == "c":
        return _run_kernel(path, sink)
    return _run_numpy(path, sink) if chosen == "numpy" else _run_python(path, sink)


def best_tier(path: Path) -> Tier:
    """Return the tier that is done soonest with a file."""
    if kernel.load() is not None:
        return "c"
    if _size(path) < SMALL_FILE_BYTES:
        return "python"
    from importlib.util import find_spec

    return "python" if find_spec("numpy") is None else "numpy"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _run_python(path: Path, sink: Sink) -> EngineResult:
    media = PythonMedia()
    tally = Tally(sink, media)
    capture = CaptureFile(path)
    for frame in capture:
        if tally.origin_ns is None:
            media.streams.grid_ns = within_limit(frame.epoch_ns)
        tally.take(frame)
    return _of_tally(tally, media.streams, media.flows, capture.truncated_at_offset, "python")


def _run_numpy(path: Path, sink: Sink) -> EngineResult:
    try:
        from callprobe.pcap.streams import columns
    except ImportError as error:
        raise TierError("NumPy is not installed: pip install 'callprobe[pcap]'.") from error
    found = columns.run(path, sink)
    return _of_tally(found.tally, found.streams, found.flows, found.truncated_at_offset, "numpy")


def _of_tally(
    tally: Tally, streams: StreamTable, flows: FlowTable, truncated_at_offset: int | None, tier: Tier
) -> EngineResult:
    return EngineResult(
        frames=tally.frames,
        udp_datagrams=tally.udp_datagrams,
        link_types=tally.link_types,
        origin_ns=tally.origin_ns,
        first_ns=tally.first_ns,
        last_ns=tally.last_ns,
        truncated_at_offset=truncated_at_offset,
        streams=streams,
        flows=flows,
        tier=tier,
    )


def _run_kernel(path: Path, sink: Sink) -> EngineResult:
    library = kernel.load()
    if library is None:
        raise TierError("The C kernel was not built: callprobe.pcap.streams.kernel.build() compiles it.")
    with open_capture(path) as capture, Piecewise(path, capture, kernel_reader.PIECE_BYTES) as pieces:
        state = kernel.Kernel(library)
        reader = kernel_reader.KernelReader(state, pieces, sink)
        truncated_at_offset = reader.run()
    state.end()
    summary = state.summary()
    return EngineResult(
        frames=summary.frames,
        udp_datagrams=summary.udp_datagrams,
        link_types=reader.tally.link_types,
        origin_ns=summary.origin_ns if summary.has_times else None,
        first_ns=summary.first_ns if summary.has_times else None,
        last_ns=summary.last_ns if summary.has_times else None,
        truncated_at_offset=truncated_at_offset,
        streams=kernel.KernelStreams(state),
        flows=kernel.KernelFlows(state),
        tier="c",
    )
