"""Feeds damaged pieces of captures to a kernel that was built with sanitizers; run by ``test_kernel``.

Prints how many frames were read. Each piece lies in memory of exactly its size, so that reading beyond it is
found.
"""

import ctypes
import random
import sys
from pathlib import Path
from struct import pack

from callprobe.pcap.streams import kernel
from callprobe.pcap.streams import kernel_layout as layout
from helpers.rtp_captures import LINKS, Call, merged, pcap, pcapng, play

PIECES = 3000
CLASSIC_TICKS = (1_000_000, 1_000_000_000)
TICKS = (1, 1000, 1_000_000, 1_000_000_000, 1 << 20, 1 << 61)


def material(draw: random.Random, link_type: int) -> tuple[bytes, bool, int]:
    """Return the records of a small capture, whether they are of pcap, and 1 if big-endian."""
    ends = ("192.0.2.1", 5000), ("198.51.100.2", 6000)
    six = ("2001:db8::1", 5000), ("2001:db8::2", 6000)
    streams = [
        (*pair, play(Call(packets=40, restarts=0.1), draw.randrange(99), ssrc=7)) for pair in (ends, six)
    ]
    frames = merged(streams, LINKS[link_type])
    order = draw.choice("<>")
    if draw.random() < 0.5:
        return pcap(frames, link_type=link_type, byte_order=order)[24:], True, order == ">"
    data = pcapng(frames, link_type=link_type, byte_order=order)
    return data[data.index(pack(order + "I", 6), 28 + 20) :], False, order == ">"


def damaged(draw: random.Random, data: bytes) -> bytes:
    """Return a stretch of the bytes, some of them changed."""
    piece = bytearray(data[: draw.randrange(len(data) + 1)])
    for _ in range(draw.choice([0, 1, 5, 50]) if piece else 0):
        piece[draw.randrange(len(piece))] = draw.choice([0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)])
    return bytes(piece)


def main() -> None:
    """Feed the pieces, several to each kernel."""
    library = kernel.load(Path(sys.argv[1]))
    assert library is not None
    draw, outcome, frames = random.Random(11), layout.Outcome(), 0
    originals = [(kind, *material(draw, kind)) for kind in LINKS for _ in range(4)]
    for number in range(PIECES):
        if number % 30 == 0:
            state = kernel.Kernel(library)
        link_type, data, is_classic, big_endian = draw.choice(originals)
        piece = damaged(draw, data)
        memory = (ctypes.c_uint8 * len(piece)).from_buffer_copy(piece) if piece else (ctypes.c_uint8 * 0)()
        ticks = draw.choice(CLASSIC_TICKS if is_classic else TICKS)
        source = layout.Source(link_type, draw.random() < 0.9, ticks, draw.choice([0, -(10**18)]), 0)
        at = 0
        while True:
            state.feed(
                ctypes.addressof(memory) + at,
                len(piece) - at,
                big_endian=big_endian,
                header_bytes=draw.choice([16, 24]) if is_classic else 0,
                sources=(layout.Source * 1)(source),
                outcome=outcome,
            )
            list(state.events(outcome.n_events))
            at += outcome.consumed
            if outcome.reason not in {layout.EVENTS, layout.FRAME}:
                break
        if number % 30 == 29:
            state.end()
            frames += state.summary().frames
            list(state.totals())
            list(state.flows())
    sys.stdout.write(str(frames))


if __name__ == "__main__":
    main()
