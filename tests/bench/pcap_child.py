"""Reads one capture in a process of its own and prints the CPU time of the analysis alone.

``python pcap_child.py TIER FILE``; TIER is one of ours, or ``dpkt`` or ``scapy``, each taking RTP headers
apart and counting packets by SSRC, which is less than what our tiers do.
"""

import sys
import time
from collections import Counter
from pathlib import Path


def our_tier(tier: str, path: Path) -> None:
    """Take the whole capture apart."""
    from callprobe.pcap.dissect import dissect

    assert dissect(path, tier=tier).rtp  # type: ignore[arg-type] # the command line of the bench


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


def main() -> None:
    """Read and print."""
    tier, path = sys.argv[1], Path(sys.argv[2])
    if tier in {"python", "numpy", "c"}:
        import callprobe.pcap.dissect  # noqa: F401 - its import is no part of the analysis

        if tier == "numpy":
            import numpy as np  # noqa: F401
    start_s = time.process_time()
    if tier == "dpkt":
        dpkt_reader(path)
    elif tier == "scapy":
        scapy_reader(path)
    else:
        our_tier(tier, path)
    sys.stdout.write(f"analysis {time.process_time() - start_s:.6f}\n")


if __name__ == "__main__":
    main()
