"""A recorded call, made up: checks by STUN, then media both ways, a keepalive twice the same."""

import json
import random

from callprobe.dialect.trace import Trace, TracePacket
from callprobe.wire import stun

MS = 1_000_000
SECOND = 1000 * MS
CHECKS = 8
"""STUN packets in each direction, every half second."""
KEEPALIVE = b"keep the binding"
LOCAL, REMOTE = ("10.0.0.5", 50_001), ("198.51.100.77", 3478)
MAPPED = ("203.0.113.99", 61_234)

Recording = tuple[list[TracePacket], list[TracePacket]]


def rtp(number: int, ssrc: bytes, rng: random.Random, size: int = 92) -> bytes:
    """Return an RTP packet of payload type 111."""
    clock = (960 * number).to_bytes(4, "big")
    return b"\x80\x6f" + (1000 + number).to_bytes(2, "big") + clock + ssrc + rng.randbytes(size - 12)


def recording(*, media_s: float = 3.0, seed: int = 1) -> Recording:
    """Return the packets up and down; media begin after half a second."""
    rng = random.Random(seed)
    up, down = list[TracePacket](), list[TracePacket]()
    for number in range(CHECKS):
        transaction, at_ns = rng.randbytes(12), number * SECOND // 2
        user = ((stun.USERNAME, b"KCnk:czvd"),)
        up.append(TracePacket(at_ns, stun.add_fingerprint(stun.binding_request(transaction, user))))
        down.append(TracePacket(at_ns + 30 * MS, stun.binding_response(transaction, MAPPED)))
    for number in range(int(50 * media_s)):
        at_ns = SECOND // 2 + number * 20 * MS
        up.append(TracePacket(at_ns + MS, rtp(number, b"aaaa", rng)))
        down.append(TracePacket(at_ns + 7 * MS, rtp(number, b"bbbb", rng)))
    up += [TracePacket(at_ns + 3 * MS, KEEPALIVE) for at_ns in (SECOND, 2 * SECOND)]
    return sorted(up), sorted(down)


def recorded_trace(*, media_s: float = 3.0, seed: int = 1) -> Trace:
    """Return the trace of such a call."""
    return Trace.of(*recording(media_s=media_s, seed=seed))


def wehe_file(packets: list[TracePacket], pair: str = "010.000.000.005.50001-198.051.100.077.03478") -> str:
    """Return a replay file of Wehe with these packets of a client."""
    rows = [
        {"payload": one.payload.hex(), "timestamp": one.offset_ns / 1e9, "c_s_pair": pair, "end": False}
        for one in packets
    ]
    return json.dumps([rows, ["3478"], [], "made-up"])
