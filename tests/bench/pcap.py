"""The capture rows of ``make bench``: how fast and in how much memory captures are read, beside the peers.

Every figure is CPU time, of a whole process (interpreter start included) or of the analysis alone; rounds are
interleaved, and a ratio is the median of ours by the median of tshark's in the same run.
"""

import heapq
import os
import random
import shutil
import statistics
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple

from callprobe.pcap.streams import kernel

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "build" / "bench"
PACKETS: Final = 1_000_000
SLOW_PACKETS: Final = 50_000
"""For peers and tiers that take too long over a million."""
ROUNDS: Final = 5
REPEATS: Final = 10
"""The long capture goes on for so many times as long."""
STREAMS: Final = 50
CHILD: Final = Path(__file__).with_name("pcap_child.py")
MEMORY_LIMIT_MB: Final = 110
MEMORY_TOLERANCE_MB: Final = 6
"""Until a stream has as many seconds as are kept, what is told of it grows by this much in all."""
START_US: Final = 1_700_000_000_000_000
ROUND_US: Final = 20_000
_TAGS: Final = {0: b"", 1: b"\x81\x00\x00\x05", 2: b"\x88\xa8\x00\x05\x81\x00\x00\x06"}


Part = Literal["whole", "analysis", "counting"]
"""Of a process."""


class Usage(NamedTuple):
    """What a process took."""

    whole_cpu_s: float
    peak_mb: float
    analysis_cpu_s: float
    """Of the analysis alone, where the process tells; else of all of it."""
    counting_cpu_s: float
    """Of the analysis, without the telling of its results; likewise."""


class Figure(NamedTuple):
    """One line of the table."""

    what: str
    unit: str
    measured: float
    peer: str
    peer_measured: float | None
    ratio: float | None
    goal: str
    met: bool | None
    """None where no goal was set."""


class Stream:
    """One sender of a generated capture: a call's voice, or every tenth its video."""

    def __init__(self, number: int, rng: random.Random, wrap: Callable[[bytes], bytes]) -> None:
        self.number = number
        self.is_video = number % 10 == 9
        self.is_ipv6 = number % 4 == 3
        tag = _TAGS[{0: 1, 5: 1, 8: 2}.get(number % 12, 0)]
        self._ethernet = bytes(12) + tag + struct.pack(">H", 0x86DD if self.is_ipv6 else 0x0800)
        self._extension = b"\xbe\xde\x00\x01\x10\xff\x00\x00" if number % 2 else b""
        self._sequence, self._timestamp = rng.randrange(1 << 16), rng.randrange(1 << 32)
        self._ssrc = rng.randrange(1 << 32)
        self._wrap = wrap
        self._sent = 0

    def frame(self, rng: random.Random) -> bytes:
        """Return the next packet as a frame; a frame of video is four packets."""
        self._sent += 1
        ends_frame = self.is_video and self._sent % 4 == 0
        stamp = self._timestamp + (self._sent // 4 * 7200 if self.is_video else self._sent * 960)
        header = struct.pack(
            ">BBHII",
            0x90 if self._extension else 0x80,
            ends_frame << 7 | (96 if self.is_video else 111),
            (self._sequence + self._sent) & 0xFFFF,
            stamp & 0xFFFFFFFF,
            self._ssrc,
        )
        size = rng.randrange(300, 1100) if self.is_video else rng.choice((5, 30, 45, 60, 75, 92))
        payload = self._wrap(header + self._extension + b"\x55" * size)
        udp = struct.pack(">HHHH", 10_000 + self.number, 20_000 + self.number, 8 + len(payload), 0) + payload
        return self._ethernet + self._ip(len(udp)) + udp

    def _ip(self, size: int) -> bytes:
        if self.is_ipv6:
            own, far = (bytes([0x20, end, *bytes(13), self.number]) for end in (1, 2))
            return struct.pack(">IHBB16s16s", 0x60000000, size, 17, 64, own, far)
        own, far = (bytes([10, end, 0, self.number + 1]) for end in (0, 1))
        return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + size, 0, 0, 64, 17, 0, own, far)


def as_it_is(payload: bytes) -> bytes:
    """Return RTP as it is."""
    return payload


def channel_data(payload: bytes) -> bytes:
    """Return RTP in TURN channel data."""
    return struct.pack(">HH", 0x4001, len(payload)) + payload


def records(packets: int, wrap: Callable[[bytes], bytes]) -> Iterator[bytes]:
    """Yield the records of a capture in order of time: losses 1 %, copies 0.5 %, late packets 0.5 %."""
    rng = random.Random(packets)
    streams = [Stream(number, rng, wrap) for number in range(STREAMS)]
    waiting: list[tuple[int, int, bytes]] = []
    written, at_us = 0, START_US
    while written < packets:
        for stream in streams:
            frame, draw = stream.frame(rng), rng.random()
            late_us = 45_000 if 0.01 <= draw < 0.015 else rng.randrange(2_000)
            for _ in range(0 if draw < 0.01 else 2 if draw > 0.995 else 1):
                heapq.heappush(waiting, (at_us + stream.number * 300 + late_us, len(waiting), frame))
        at_us += ROUND_US
        while waiting and waiting[0][0] < at_us and written < packets:
            arrival_us, _, frame = heapq.heappop(waiting)
            yield struct.pack("<IIII", *divmod(arrival_us, 1_000_000), len(frame), len(frame)) + frame
            written += 1


def generated(name: str, packets: int, wrap: Callable[[bytes], bytes] = as_it_is) -> Path:
    """Return a generated capture, made when it is not there yet."""
    path = FOLDER / f"{name}-{packets}.pcap"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        with path.with_suffix(".part").open("wb", buffering=1 << 20) as file:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
            file.writelines(records(packets, wrap))
        path.with_suffix(".part").rename(path)
    return path


def usage(command: list[str]) -> Usage:
    """Run a command and return what it took; what it compiles of Python is kept under ``build``."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(ROOT / "build" / "pycache")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, took = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    cpu_s = took.ru_utime + took.ru_stime
    told = dict(
        line.split()
        for line in said.decode().splitlines()
        if line.startswith(("analysis ", "counting ", "peak "))
    )
    analysis_cpu_s = float(told.get("analysis", cpu_s))
    counting_cpu_s = float(told.get("counting", analysis_cpu_s))
    peak_mb = float(told.get("peak", took.ru_maxrss / 1024))
    return Usage(cpu_s, peak_mb, analysis_cpu_s, counting_cpu_s)


def tshark(path: Path) -> list[str]:
    """Return the peer's command."""
    return ["tshark", "-n", "-r", str(path), "--enable-heuristic", "rtp_udp", "-q", "-z", "rtp,streams"]


def ours(what: str, path: Path) -> list[str]:
    """Return our command; ``scapy`` and ``dpkt`` are these libraries in the same harness."""
    return [sys.executable, str(CHILD), what, str(path)]


def rate(usages: list[Usage], packets: int, of: Part) -> float:
    """Return thousands of packets for each CPU-second of a part, by the median."""
    return packets / statistics.median(getattr(one, f"{of}_cpu_s") for one in usages) / 1000


def speed(
    what: str,
    mine: list[Usage],
    packets: int,
    peer_rate: float | None,
    *,
    goal: float | None = None,
    of: Part = "analysis",
) -> Figure:
    """Return a row of speed; without the peer nothing is said to be met or missed."""
    measured = rate(mine, packets, of)
    ratio = measured / peer_rate if peer_rate else None
    met = None if goal is None or ratio is None else ratio >= goal
    wanted = "-" if goal is None else f">= {goal:g} x"
    return Figure(what, "kpackets/CPU-s", measured, "tshark", peer_rate, ratio, wanted, met)


def memory(what: str, mine: Usage, peer: Usage | None, other: Usage | None = None) -> Figure:
    """Return a row of memory; ``other`` must be as large, within ``MEMORY_TOLERANCE_MB``."""
    same = other is None or abs(mine.peak_mb - other.peak_mb) <= MEMORY_TOLERANCE_MB
    peer_mb = peer.peak_mb if peer else None
    ratio = mine.peak_mb / peer_mb if peer_mb else None
    met = mine.peak_mb <= MEMORY_LIMIT_MB and same
    return Figure(what, "MB", mine.peak_mb, "tshark", peer_mb, ratio, f"<= {MEMORY_LIMIT_MB}, equal", met)


def figures() -> tuple[list[Figure], list[str]]:
    """Measure; return the rows, and the peers that are missing."""
    missing = [] if shutil.which("tshark") else ["tshark"]
    kernel.build()
    million, few = generated("calls", PACKETS), generated("calls", SLOW_PACKETS)
    wanted = [name for name in ("tshark", "bytes", "numpy", "c", "analyze") if name not in missing]
    taken: dict[str, list[Usage]] = {name: [] for name in wanted}
    for name in wanted[len(wanted) - 3 :]:
        usage(ours(name, few))
    for _ in range(ROUNDS):
        for name, rounds in taken.items():
            rounds.append(usage(tshark(million) if name == "tshark" else ours(name, million)))
    peer_rate = rate(taken["tshark"], PACKETS, "whole") if "tshark" in taken else None
    rows = [
        speed("NumPy, 10^6 packets", taken["numpy"], PACKETS, peer_rate, goal=8),
        speed("NumPy, whole process", taken["numpy"], PACKETS, peer_rate, of="whole"),
        speed("C kernel, 10^6 packets", taken["c"], PACKETS, peer_rate, goal=100),
        speed("C kernel, counting only", taken["c"], PACKETS, peer_rate, of="counting"),
        speed("C kernel, whole process", taken["c"], PACKETS, peer_rate, of="whole"),
        speed("the bytes read, not looked at", taken["bytes"], PACKETS, peer_rate),
        speed("pcap analyze (C kernel)", taken["analyze"], PACKETS, peer_rate),
    ]
    rows += [
        speed(f"{name}, {SLOW_PACKETS} packets", [usage(ours(what, few))], SLOW_PACKETS, peer_rate)
        for name, what in (("pure Python", "python"), ("dpkt and RTP", "dpkt"), ("scapy to RTP", "scapy"))
    ]
    return rows + wrapped_rows(missing) + memory_rows(taken, few), missing


def wrapped_rows(missing: list[str]) -> list[Figure]:
    """Return the speed over RTP in channel data, which goes the slow way in every tier."""
    path = generated("calls-in-channels", SLOW_PACKETS, channel_data)
    peer_rate = None if missing else rate([usage(tshark(path))], SLOW_PACKETS, "whole")
    return [
        speed("RTP in ChannelData, pcap analyze", [usage(ours("analyze", path))], SLOW_PACKETS, peer_rate)
    ]


def memory_rows(taken: dict[str, list[Usage]], few: Path) -> list[Figure]:
    """Return the peak memory over 10^6 and 10^7 packets; of pure Python over what it can read in time."""
    longer = generated("calls", REPEATS * PACKETS)
    peer = taken["tshark"][0] if "tshark" in taken else None
    rows = []
    for tier in ("numpy", "c"):
        short = taken[tier][0]
        rows.append(memory(f"{tier}, peak at 10^6 packets", short, peer))
        rows.append(memory(f"{tier}, peak at 10^7 packets", usage(ours(tier, longer)), None, short))
    rows.append(memory(f"python, peak at {SLOW_PACKETS} packets", usage(ours("python", few)), None))
    return rows


def table(rows: list[Figure]) -> str:
    """Return the rows as text."""
    width = max(len(row.what) for row in rows)
    lines = [f"{'what':<{width}}  {'unit':<14} {'measured':>10} {'tshark':>10} {'ratio':>8}  goal"]
    for row in rows:
        peer = f"{row.peer_measured:>10.1f}" if row.peer_measured is not None else f"{'-':>10}"
        ratio = f"{row.ratio:>8.2f}" if row.ratio is not None else f"{'-':>8}"
        mark = "  FALLS SHORT" if row.met is False else ""
        lines.append(
            f"{row.what:<{width}}  {row.unit:<14} {row.measured:>10.1f} {peer} {ratio}  {row.goal}{mark}"
        )
    return "\n".join(lines)
