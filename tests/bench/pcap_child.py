"""Reads one capture in a process of its own and prints the CPU time of the analysis alone.

``python pcap_child.py WHAT FILE``; WHAT is one of our tiers (streams and flows told in full, the rest handed
on to nobody), ``analyze`` for all that ``pcap analyze`` does, ``bytes`` for reading the file and no more, or
``dpkt`` or ``scapy``, which take headers of RTP apart and count packets by SSRC: less than what our tiers do.
"""

import resource
import sys
import time
from collections import Counter
from pathlib import Path


class Nobody:
    """Takes what is handed on."""

    def datagram(self, datagram: object) -> None:
        """Take a datagram."""

    def segment(self, segment: object) -> None:
        """Take a segment."""

    def quote(self, quote: object) -> None:
        """Take a quotation."""


def our_tier(tier: str, path: Path) -> None:
    """Tell the streams and flows of a capture, by one tier."""
    from callprobe.pcap import engine

    start_s = time.process_time()
    found = engine.run(path, Nobody(), tier)  # type: ignore[arg-type] # the command line of the bench
    sys.stdout.write(f"counting {time.process_time() - start_s:.6f}\n")
    assert found.streams.streams(found.origin_ns or 0)
    assert found.flows.stats(found.origin_ns or 0)


def analyze(path: Path) -> None:
    """Take the whole capture apart."""
    from callprobe.pcap.dissect import dissect

    assert dissect(path).rtp


def bytes_reader(path: Path) -> None:
    """Read the file as the C kernel does, and look at nothing: no reader can be sooner done."""
    from callprobe.pcap.streams.kernel_reader import PIECE_BYTES

    piece = bytearray(PIECE_BYTES)
    with path.open("rb", buffering=0) as file:
        while file.readinto(piece):
            pass


def dpkt_reader(path: Path) -> None:
    """Read to RTP with dpkt."""
    import dpkt

    found: Counter[int] = Counter()
    with path.open("rb") as file:
        for _, data in dpkt.pcap.Reader(file):
            ethernet = dpkt.ethernet.Ethernet(data)
            found[dpkt.rtp.RTP(ethernet.data.data.data).ssrc] += 1


def scapy_reader(path: Path) -> None:
    """Read to RTP with scapy."""
    from scapy.layers.inet import UDP
    from scapy.layers.rtp import RTP
    from scapy.utils import PcapReader

    found: Counter[int] = Counter()
    with PcapReader(str(path)) as reader:
        for packet in reader:
            found[RTP(bytes(packet[UDP].payload)).sourcesync] += 1


def peak_mb() -> float:
    """Return the most memory that this process held; what is told to its parent counts the parent's, too."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Read and print."""
    what, path = sys.argv[1], Path(sys.argv[2])
    # What is imported is no part of the analysis; it is of the whole process.
    if what == "analyze":
        import callprobe.pcap.dissect
    elif what not in {"dpkt", "scapy"}:
        import callprobe.pcap.engine  # noqa: F401
    if what == "numpy":
        import numpy as np  # noqa: F401
    readers = {"bytes": bytes_reader, "dpkt": dpkt_reader, "scapy": scapy_reader, "analyze": analyze}
    start_s = time.process_time()
    if what in readers:
        readers[what](path)
    else:
        our_tier(what, path)
    sys.stdout.write(f"analysis {time.process_time() - start_s:.6f}\n")
    sys.stdout.write(f"peak {peak_mb():.1f}\n")


if __name__ == "__main__":
    main()
