"""The C tier: builds ``kernel.c`` when asked to, loads it, and feeds it a capture.

The source comes with the package and needs no Python headers. Nothing is compiled unless ``build`` is called;
the library is kept in the cache folder under the digest of its source, so that a newer source never meets an
older library.
"""

import ctypes
import hashlib
import os
import socket
from array import array
from collections.abc import Iterator, Sequence
from ctypes import byref, c_int32, c_int64, c_uint16, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Final

import platformdirs

from callprobe.pcap.layers.ip import host_texts
from callprobe.pcap.layers.plain_frames import TUNNEL_PORTS
from callprobe.pcap.packets import Address, UdpDatagram
from callprobe.pcap.streams import kernel_layout as layout
from callprobe.pcap.streams.flows import FlowState, FlowStats
from callprobe.pcap.streams.loss_pattern import LossTotals
from callprobe.pcap.streams.rtp_numbers import NumberTotals
from callprobe.pcap.streams.rtp_sample import SampleColumns
from callprobe.pcap.streams.rtp_state import StreamTotals
from callprobe.pcap.streams.rtp_streams import RtpStream, StreamKey, described
from callprobe.pcap.streams.rtp_times import TimeTotals
from callprobe.pcap.streams.stream_seconds import RowColumns

SOURCE: Final = Path(__file__).with_name("kernel.c")
FLAGS: Final = ("-std=gnu11", "-O3", "-fPIC", "-shared", "-ffp-contract=off", "-fno-math-errno")
"""Floating point must follow the source operation by operation, or last digits differ."""
_COMPILERS: Final = ("cc", "gcc", "clang")
_HOME_VARIABLE: Final = "CALLPROBE_HOME"


class KernelError(RuntimeError):
    """The kernel cannot be built or used; one sentence says why."""


def library_path(folder: Path | None = None) -> Path:
    """Return where the library lies, or would lie: in the cache folder, or in the one given."""
    digest = hashlib.sha256(SOURCE.read_bytes() + " ".join(FLAGS).encode()).hexdigest()[:16]
    return (folder or _cache()) / f"kernel-{digest}.so"


def compiler() -> str | None:
    """Return the path of a C compiler, if one is installed."""
    import shutil

    return next(filter(None, map(shutil.which, _COMPILERS)), None)


def build(folder: Path | None = None, *, flags: Sequence[str] = ()) -> Path:
    """Compile the kernel and return the library's path. Raises KernelError."""
    import subprocess
    import tempfile

    program = compiler()
    if program is None:
        raise KernelError("No C compiler (cc, gcc or clang) is installed: the kernel cannot be built.")
    path = library_path(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as workplace:
        built = Path(workplace) / path.name
        command = [program, *FLAGS, *flags, "-o", str(built), str(SOURCE), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 # our own
        if done.returncode:
            raise KernelError(f"{program} cannot compile the kernel: {done.stderr.strip()}")
        built.replace(path)
    return path


def load(folder: Path | None = None) -> ctypes.CDLL | None:
    """Return the library if it was built, otherwise None."""
    path = library_path(folder)
    if not path.is_file():
        return None
    try:
        library = ctypes.CDLL(str(path))
    except OSError:
        return None
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library if library.callprobe_version() == layout.VERSION else None


def _cache() -> Path:
    named = os.environ.get(_HOME_VARIABLE)
    if named:
        return Path(named).expanduser() / "cache"
    return platformdirs.user_cache_path("callprobe")


_FUNCTIONS: Final = {
    "callprobe_version": (c_int32, ()),
    "callprobe_new": (c_void_p, (ctypes.POINTER(c_uint64), ctypes.POINTER(c_uint16), c_int32)),
    "callprobe_free": (None, (c_void_p,)),
    "callprobe_feed": (
        None,
        (
            c_void_p,
            c_void_p,
            c_int64,
            c_int32,
            c_int32,
            ctypes.POINTER(layout.Source),
            c_int32,
            ctypes.POINTER(layout.Outcome),
        ),
    ),
    "callprobe_events": (c_void_p, (c_void_p,)),
    "callprobe_note": (None, (c_void_p, c_int64)),
    "callprobe_count": (c_int64, (c_void_p,)),
    "callprobe_datagram": (
        c_int32,
        (c_void_p, ctypes.c_char_p, c_int32, c_uint32, c_int64, ctypes.c_char_p, c_int64, c_int64),
    ),
    "callprobe_summary": (None, (c_void_p, ctypes.POINTER(layout.Summary))),
    "callprobe_end": (None, (c_void_p,)),
    "callprobe_flows": (c_void_p, (c_void_p,)),
    "callprobe_stream": (c_int32, (c_void_p, c_int32, ctypes.POINTER(layout.Totals))),
}
"""What the library offers, with the types of result and arguments."""


class Kernel:
    """The streams and flows of one capture, in the memory of the library."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        ports = sorted(TUNNEL_PORTS)
        seed = (c_uint64 * 4).from_buffer_copy(os.urandom(32))
        self._state = library.callprobe_new(seed, (c_uint16 * len(ports))(*ports), len(ports))
        if not self._state:
            raise MemoryError
        self._ended = False

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.callprobe_free(self._state)

    def feed(
        self,
        address: int,
        size: int,
        *,
        big_endian: bool,
        header_bytes: int,
        sources: "ctypes.Array[layout.Source]",
        outcome: layout.Outcome,
    ) -> None:
        """Take records of pcap at a place in memory, or with ``header_bytes`` 0 blocks of pcapng."""
        self._library.callprobe_feed(
            self._state, address, size, big_endian, header_bytes, sources, len(sources), byref(outcome)
        )

    def events(self, count: int) -> Iterator[tuple[int, ...]]:
        """Return what the last call of ``feed`` hands on, the fields of ``layout.EVENT``."""
        address = self._library.callprobe_events(self._state)
        return layout.EVENT.iter_unpack(ctypes.string_at(address, count * layout.EVENT.size))

    def note(self, epoch_ns: int) -> None:
        """Note the time of a frame that was reckoned outside."""
        self._library.callprobe_note(self._state, epoch_ns)

    def count(self) -> int:
        """Count a frame that was read outside; return the time of the one before it."""
        return int(self._library.callprobe_count(self._state))

    def datagram(self, datagram: UdpDatagram, *, is_rtp: bool) -> None:
        """Take a UDP datagram that was dissected outside."""
        del is_rtp
        (source, source_port), (destination, destination_port) = datagram.source, datagram.destination
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        addresses = socket.inet_pton(family, source) + socket.inet_pton(family, destination)
        self._library.callprobe_datagram(
            self._state,
            addresses,
            len(addresses),
            source_port << 16 | destination_port,
            datagram.epoch_ns,
            datagram.payload,
            len(datagram.payload),
            datagram.size,
        )

    def summary(self) -> layout.Summary:
        """Return what was counted. Raises MemoryError when the library had too little."""
        summary = layout.Summary()
        self._library.callprobe_summary(self._state, byref(summary))
        if summary.out_of_memory:
            raise MemoryError
        return summary

    def end(self) -> None:
        """Conclude; nothing may be taken afterwards."""
        self._library.callprobe_end(self._state)

    def totals(self) -> Iterator[tuple[StreamKey, StreamTotals]]:
        """Yield the streams, one at a time."""
        found = layout.Totals()
        for place in range(self.summary().n_streams):
            self._library.callprobe_stream(self._state, place, byref(found))
            yield _key(found), _totals(found)

    def flows(self) -> Iterator[tuple[Address, Address, FlowState]]:
        """Yield the flows in the order in which they began."""
        count = self.summary().n_flows
        address = self._library.callprobe_flows(self._state)
        for fields in layout.FLOW.iter_unpack(ctypes.string_at(address, count * layout.FLOW.size)):
            yield _flow(fields)


class KernelStreams:
    """RTP streams in a kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.packets_left_out: int = kernel.summary().stream_packets_left_out

    def streams(self, origin_ns: int) -> list[RtpStream]:
        """Return the streams in order of their first packet; times count from ``origin_ns``."""
        return described(self._kernel.totals(), origin_ns)


class KernelFlows:
    """UDP flows in a kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.packets_left_out: int = kernel.summary().flow_packets_left_out

    def stats(self, origin_ns: int) -> list[FlowStats]:
        """Return the flows in the order in which they began; times count from ``origin_ns``."""
        return [
            flow.stats(source, destination, origin_ns) for source, destination, flow in self._kernel.flows()
        ]


def _key(found: layout.Totals) -> StreamKey:
    source, destination = host_texts(bytes(found.address)[: found.address_bytes])
    return StreamKey((source, found.source_port), (destination, found.destination_port), found.ssrc, "plain")


def _totals(found: layout.Totals) -> StreamTotals:
    return StreamTotals(
        first_header=bytes(found.first_header)[: found.first_header_bytes],
        packets=found.packets,
        strays=found.strays,
        bytes=found.bytes,
        size_min=found.size_min,
        size_max=found.size_max,
        first_ns=found.first_ns,
        last_ns=found.last_ns,
        max_gap_ns=found.max_gap_ns,
        markers=found.markers,
        payload_types={kind: packets for kind, packets in enumerate(found.payload_types[:]) if packets},
        profiles=dict(
            zip(found.profiles[: found.n_profiles], found.profile_packets[: found.n_profiles], strict=True)
        ),
        grid_ns=found.grid_ns,
        numbers=_numbers(found),
        times=_times(found),
    )


def _numbers(found: layout.Totals) -> NumberTotals:
    losses = found.losses
    return NumberTotals(
        segments=found.segments,
        unique=found.unique,
        expected=found.expected,
        reordered=found.reordered,
        late=found.late,
        orderly=found.orderly,
        losses=LossTotals(
            lost=losses.total,
            runs=losses.runs,
            run_max=losses.run_max,
            bursts=losses.bursts,
            burst_packets=losses.packets,
            burst_missing=losses.missing,
            first_burst_at=losses.first_burst_at,
            last_burst_end=losses.end,
        ),
    )


def _times(found: layout.Totals) -> TimeTotals:
    words = array("q", ctypes.string_at(found.sample, found.n_sampled * layout.SAMPLED.size))
    rows = ctypes.string_at(found.rows, found.n_rows * layout.ROW.size)
    wide, narrow = array("q", rows), array("I", rows)
    return TimeTotals(
        elapsed_ns=found.elapsed_ns,
        ticks=found.ticks,
        differences=found.differences,
        jitter=tuple(found.jitter[: layout.CLOCKS]),
        jitter_sum=tuple(found.jitter_sum[: layout.CLOCKS]),
        jitter_max=tuple(found.jitter_max[: layout.CLOCKS]),
        neighbours=found.neighbours,
        still=found.still,
        silences=tuple(found.silences),
        sample=SampleColumns(
            *(words[field :: layout.SAMPLED_WORDS] for field in range(layout.SAMPLED_WORDS))
        ),
        seconds_each=found.seconds_each,
        rows=RowColumns(
            numbers=wide[:: layout.ROW_WORDS],
            received=wide[1 :: layout.ROW_WORDS],
            lost=wide[2 :: layout.ROW_WORDS],
            jitters_us=tuple(
                narrow[layout.ROW_JITTER_AT + clock :: 2 * layout.ROW_WORDS] for clock in range(layout.CLOCKS)
            ),
        ),
    )


def _flow(
    fields: tuple[bytes, int, int, int, int, int, int, int, int, int, int, int],
) -> tuple[Address, Address, FlowState]:
    addresses, size, source_port, destination_port, *counts = fields
    source, destination = host_texts(addresses[:size])
    flow = FlowState(counts[2])
    (
        flow.packets,
        flow.bytes,
        flow.first_ns,
        flow.last_ns,
        flow.size_min,
        flow.size_max,
        flow.odd16,
        flow.rtp_candidates,
    ) = counts
    return (source, source_port), (destination, destination_port), flow
