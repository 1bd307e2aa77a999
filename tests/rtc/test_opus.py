"""The voice that is sent."""

import time

import pytest
from aiortc.mediastreams import MediaStreamError
from av import AudioCodecContext, Packet

from callprobe.rtc.opus import OpusTrack, packets_in, tone_frames
from helpers.webrtc_world import run


def test_every_frame_is_twenty_milliseconds_of_opus_that_a_decoder_accepts() -> None:
    decoder = AudioCodecContext.create("libopus", "r")
    decoder.sample_rate = 48_000
    decoded = [frame for data in tone_frames() for frame in decoder.decode(Packet(data))]
    assert len(tone_frames()) == 50
    assert sum(frame.samples for frame in decoded) in range(48_000 - 960, 48_001)
    assert 25_000 < 8 * sum(map(len, tone_frames())) < 40_000


def test_a_track_ends_after_its_duration_on_its_own_grid() -> None:
    async def main() -> list[int]:
        track = OpusTrack(0.1, time.monotonic_ns)
        packets = [await track.recv() for _ in range(5)]
        with pytest.raises(MediaStreamError):
            await track.recv()
        assert [packet.pts for packet in packets] == [0, 960, 1920, 2880, 3840]
        return track.due_ns

    due_ns = run(main)
    assert [due - due_ns[0] for due in due_ns] == [0, 20_000_000, 40_000_000, 60_000_000, 80_000_000]


def test_fifty_packets_make_a_second() -> None:
    assert [packets_in(seconds) for seconds in (0, 0.02, 1, 2.5)] == [0, 1, 50, 125]
