"""Voice to send: Opus frames made once from a tone and passed through already encoded, 50 per second."""

import asyncio
import functools
import math
from array import array
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import av
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

if TYPE_CHECKING:
    from av.stream import Stream

SAMPLE_RATE_HZ: Final = 48_000
FRAME_SAMPLES: Final = 960
FRAME_NS: Final = 20_000_000
BIT_RATE_BPS: Final = 32_000
LOOP_FRAMES: Final = 50
TIME_BASE: Final = Fraction(1, SAMPLE_RATE_HZ)


@functools.cache
def tone_frames() -> tuple[bytes, ...]:
    """Return a second of Opus (RFC 6716, mono, 32 kbit/s, 20 ms frames): a tone that swells like speech."""
    encoder = av.AudioCodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.bit_rate = SAMPLE_RATE_HZ, BIT_RATE_BPS
    encoder.layout, encoder.format, encoder.time_base = "mono", "s16", TIME_BASE
    encoder.options = {"application": "voip", "frame_duration": "20"}
    packets = [packet for index in range(LOOP_FRAMES) for packet in encoder.encode(_tone(index))]
    return tuple(bytes(packet) for packet in [*packets, *encoder.encode(None)])[:LOOP_FRAMES]


def packets_in(media_duration_s: float) -> int:
    """Return how many packets that many seconds hold."""
    return round(media_duration_s * 1e9 / FRAME_NS)


class OpusTrack(MediaStreamTrack):
    """Hands aiortc one encoded frame each 20 ms of a grid that starts with the first, then ends."""

    kind = "audio"

    def __init__(self, media_duration_s: float, now_ns: Callable[[], int]) -> None:
        super().__init__()
        self.due_ns: list[int] = []
        """When each packet was due; its lateness is the send time minus this."""
        self._count = packets_in(media_duration_s)
        self._now_ns = now_ns
        self._frames = tone_frames()

    async def recv(self) -> "av.Packet[Stream]":
        """Return the next frame when it is due. Raises MediaStreamError at the end."""
        index = len(self.due_ns)
        if index >= self._count or self.readyState != "live":
            self.stop()
            raise MediaStreamError
        due_ns = self.due_ns[0] + index * FRAME_NS if self.due_ns else self._now_ns()
        await asyncio.sleep(max(0, due_ns - self._now_ns()) / 1e9)
        self.due_ns.append(due_ns)
        packet = av.Packet(self._frames[index % len(self._frames)])
        packet.pts, packet.time_base = index * FRAME_SAMPLES, TIME_BASE
        return packet


def _tone(index: int) -> av.AudioFrame:
    frame = av.AudioFrame(format="s16", layout="mono", samples=FRAME_SAMPLES)
    first = index * FRAME_SAMPLES
    times = [(first + sample) / SAMPLE_RATE_HZ for sample in range(FRAME_SAMPLES)]
    loudness = 6000 * (1 + math.sin(2 * math.pi * 3 * first / SAMPLE_RATE_HZ))
    tone = array("h", (round(loudness * math.sin(2 * math.pi * 220 * t)) for t in times))
    frame.planes[0].update(tone.tobytes())
    frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE_HZ, first, TIME_BASE
    return frame
