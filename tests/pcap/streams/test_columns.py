"""The NumPy tier gives what plain Python gives, figure by figure and call by call."""

import random
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from struct import pack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.helpers import frames as by_hand
from tests.helpers.rtp_captures import (
    BASE_S,
    LINKS,
    MS,
    Call,
    Recorder,
    Sent,
    block,
    ethernet,
    merged,
    pcap,
    pcapng,
    play,
    rtp,
    written,
)

from callprobe.pcap import engine
from callprobe.pcap.reading.read import CaptureError
from callprobe.pcap.streams import columns
from callprobe.pcap.streams.rtp_streams import RtpStream
from callprobe.pcap.write import udp_packet

UP = (("192.0.2.1", 4000), ("198.51.100.2", 3478))
DOWN = UP[::-1]
UP6 = (("2001:db8::1", 4000), ("2001:db8::2", 3478))
START_NS = BASE_S * 1_000_000_000
SPEECH = Call()
ROUGH = Call(packets=400, loss=0.2, copies=0.2, late=0.2, gap_ns=5 * MS)
BROKEN = Call(packets=400, restarts=0.02, strays=0.02)
VIDEO = Call(
    packets=500, step=3000, gap_ns=8 * MS, frame_packets=4, payload_type=96, profile=0xBEDE, late=0.01
)
SLOW = Call(packets=200, gap_ns=1500 * MS, step=9600)
CALLS = (SPEECH, ROUGH, BROKEN, VIDEO, SLOW)
SMALL = {"piece_bytes": 4096, "waiting_rows": 100}
MIDDLE = {"piece_bytes": 50_000, "waiting_rows": 1000}
WHOLE: dict[str, int] = {}


def equal(path: Path, **sizes: int) -> list[RtpStream]:
    """Compare the two tiers over one file; return the streams."""
    plain, quick = Recorder(), Recorder()
    expected = engine.run(path, plain, tier="python")
    found = columns.run(path, quick, **sizes)
    tally, origin_ns = found.tally, expected.origin_ns or 0
    assert (tally.frames, tally.udp_datagrams) == (expected.frames, expected.udp_datagrams)
    assert (tally.origin_ns, tally.first_ns, tally.last_ns) == expected[3:6]
    assert list(tally.link_types.items()) == list(expected.link_types.items())
    assert found.truncated_at_offset == expected.truncated_at_offset
    assert quick.taken == plain.taken
    assert found.flows.stats(origin_ns) == expected.flows.stats(origin_ns)
    assert found.flows.packets_left_out == expected.flows.packets_left_out
    assert found.streams.packets_left_out == expected.streams.packets_left_out
    streams = found.streams.streams(origin_ns)
    assert streams == expected.streams.streams(origin_ns)
    return streams


def calls(seed: int, kinds: Iterable[Call] = CALLS) -> list[Sent]:
    """Return the frames of one stream of each kind, and some that are no RTP."""
    pairs = (UP, DOWN, UP6)
    streams = [
        (*pairs[number % 3], play(kind, seed + number, ssrc=number, start_ns=START_NS + number * MS))
        for number, kind in enumerate(kinds)
    ]
    streams.append(
        (*UP, [(START_NS + 70 * MS * number, b"\x00\x01\x00\x00" + bytes(16)) for number in range(80)])
    )
    return merged(streams)


@pytest.mark.parametrize("sizes", [SMALL, MIDDLE, WHOLE], ids=["small", "middle", "whole"])
@pytest.mark.parametrize("seed", range(4))
def test_figures_are_those_of_plain_python(tmp_path: Path, seed: int, sizes: dict[str, int]) -> None:
    """Loss, copies, reordering, wraps, restarts, strays and long pauses, over edges of pieces."""
    streams = equal(written(tmp_path, pcap(calls(10 * seed))), **sizes)

    assert len(streams) == len(CALLS)
    assert any(stream.reordered for stream in streams)
    assert any(stream.segments > 1 for stream in streams)


@pytest.mark.parametrize("link_type", sorted(LINKS))
@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_every_link_layer_is_read(tmp_path: Path, link_type: int, byte_order: str) -> None:
    """Ethernet with tags, raw IP, cooked frames of both kinds, loopback; both versions of IP."""
    pairs = (UP, UP6, DOWN, UP6[::-1])
    streams = [(*pair, play(SPEECH, number, ssrc=number)) for number, pair in enumerate(pairs)]
    sent = merged(streams, LINKS[link_type])

    assert (
        len(equal(written(tmp_path, pcap(sent, link_type=link_type, byte_order=byte_order)), **MIDDLE)) == 4
    )
    assert len(equal(written(tmp_path, pcapng(sent, link_type=link_type, byte_order=byte_order)))) == 4


@pytest.mark.parametrize("resolution", [3, 6, 7, 9, 10, 0x80 | 20])
def test_every_resolution_of_times_is_read(tmp_path: Path, resolution: int) -> None:
    """Powers of ten and of two."""
    path = written(tmp_path, pcapng(calls(3, [SPEECH, VIDEO]), resolution=resolution))

    assert len(equal(path, **MIDDLE)) == 2


def test_interfaces_and_sections_take_turns(tmp_path: Path) -> None:
    """Two interfaces of different link layers and clocks, simple packets, and a second section."""
    option = by_hand.option(9, b"\x09") + by_hand.option(0, b"")
    head = by_hand.section() + by_hand.interface(1) + by_hand.interface(101, option)
    blocks = []
    for number in range(200):
        packet = udp_packet(*(UP if number % 2 else DOWN), rtp(number // 2, 960 * number))
        at_us = START_NS // 1000 + 10_000 * number
        if number % 50 == 49:
            frame = ethernet(packet)
            blocks.append(by_hand.block(3, pack("<I", len(frame)) + frame))
        elif number % 2:
            blocks.append(by_hand.packet(ethernet(packet), at_us))
        else:
            blocks.append(by_hand.packet(packet, at_us * 1000, number=1))
    data = head + b"".join(blocks)

    assert len(equal(written(tmp_path, data * 2), piece_bytes=3000)) == 2
    assert len(equal(written(tmp_path, data * 2))) == 2


@pytest.mark.parametrize("cut", [1, 13, 40, 77, 200, 1001])
def test_cut_files_break_in_the_same_place(tmp_path: Path, cut: int) -> None:
    """Inside a record header, inside a frame, inside a block."""
    sent = calls(5, [SPEECH])
    for data in (pcap(sent), pcapng(sent)):
        equal(written(tmp_path, data[:-cut]), **SMALL)
        equal(written(tmp_path, data[:-cut]))


@pytest.mark.parametrize("snap_length", [20, 43, 54, 60, 66, 70, 90])
def test_cut_frames_say_what_they_can(tmp_path: Path, snap_length: int) -> None:
    """Headers and payloads end early."""
    sent = [Sent(at_ns, data[:snap_length], len(data)) for at_ns, data, _ in calls(6, [SPEECH, VIDEO])]

    equal(written(tmp_path, pcap(sent)), **MIDDLE)


def test_impossible_lengths_break_the_file(tmp_path: Path) -> None:
    """A record of 300 KiB, a block whose ends differ, one on an interface that is not there."""
    sent = calls(7, [SPEECH])
    tail = pack("<IIII", BASE_S, 0, 300 << 10, 300 << 10) + bytes(400 << 10)
    equal(written(tmp_path, pcap(sent) + tail), **MIDDLE)
    equal(written(tmp_path, pcap(sent) + tail))
    strange = (
        block(6, pack("<IIIII", 9, 0, 0, 4, 4) + bytes(4)),
        pack("<III", 6, 36, 0) + bytes(24),
        block(6, b""),
    )
    for end in strange:
        equal(written(tmp_path, pcapng(sent) + end + pcapng(sent)), **MIDDLE)


def test_times_may_go_back(tmp_path: Path) -> None:
    """Frames in random order of time."""
    sent = calls(8, [SPEECH, SLOW])
    random.Random(8).shuffle(sent)

    equal(written(tmp_path, pcap(sent)), **MIDDLE)


def test_many_rows_of_seconds_are_halved(tmp_path: Path) -> None:
    """A stream longer than there are rows."""
    packets = [(START_NS + 900 * MS * number, rtp(number, 43_200 * number)) for number in range(11_000)]
    (stream,) = equal(written(tmp_path, pcap(merged([(*UP, packets)]))))

    assert stream.second_row_s > 1


def test_numbers_rise_by_more_than_the_window_holds(tmp_path: Path) -> None:
    """One stream of many packets with holes in it, counted in one go."""
    numbers = [number for number in range(0, 80_000, 2) if number % 1000 != 10]
    packets = [(START_NS + MS * number, rtp(number, 48 * number)) for number in numbers]
    (stream,) = equal(written(tmp_path, pcap(merged([(*UP, packets)]))), waiting_rows=30_000)

    assert stream.lost > 30_000


def test_headers_of_every_form_are_read(tmp_path: Path) -> None:
    """Contributing sources, extensions that fit or do not, many profiles, payloads of reflectors."""
    draw = random.Random(9)
    packets = []
    for number in range(600):
        first = 0x80 | draw.choice([0, 0x10, 0x20, 0x30]) | draw.choice([0, 0, 1, 15])
        header = pack(">BBHII", first, draw.choice([0, 96, 200, 224]), number, 160 * number, 5)
        rest = draw.choice(
            [
                pack(">HH", draw.randrange(40), draw.choice([0, 1, 9])) + bytes(24),
                bytes(8) + pack(">I", draw.choice([0, 6, 7, 8, 9])) + bytes(draw.randrange(12)),
                bytes(4) + b"\xff" * 12 + bytes(8),
                bytes(draw.randrange(70)),
            ]
        )
        packets.append((START_NS + 20 * MS * number, header + rest))
    equal(written(tmp_path, pcap(merged([(*UP, packets), (*UP6, packets)]))), **MIDDLE)


def test_chance_bytes_are_left_out(tmp_path: Path) -> None:
    """A new SSRC in every packet, among packets of a stream."""
    draw = random.Random(10)
    noise = [
        (START_NS + 3 * MS * number, rtp(draw.randrange(1 << 16), number, draw.randrange(1 << 32)))
        for number in range(6000)
    ]
    sent = merged([(*UP, noise), (*DOWN, play(SPEECH, 1, ssrc=9))])

    assert len(equal(written(tmp_path, pcap(sent)), **MIDDLE)) == 1


def test_more_streams_than_are_kept(tmp_path: Path) -> None:
    """Streams and flows beyond the limits are counted as left out."""
    packets = [
        (START_NS + MS * number, rtp(number, 960 * number, ssrc))
        for number in range(12)
        for ssrc in range(4100)
    ]
    equal(written(tmp_path, pcap(merged([(*UP, packets)]))))


def test_fragments_and_tunnels_of_known_streams_come_in_order(tmp_path: Path) -> None:
    """Packets that need the dissector are counted between those that do not."""
    sent = []
    for number in range(400):
        payload = rtp(number if number % 9 else number - 1, 960 * number)
        datagram = by_hand.udp(payload)
        if number % 3:
            parts = [ethernet(by_hand.ipv4(17, datagram))]
        else:
            whole = by_hand.ipv4(17, datagram)
            parts = [
                ethernet(by_hand.ipv4(17, whole[20:36], fragment=0x2000, identification=number)),
                ethernet(by_hand.ipv4(17, whole[36:], fragment=2, identification=number)),
            ]
        sent += [Sent(START_NS + 20 * MS * number, part) for part in parts]
    (stream,) = equal(written(tmp_path, pcap(sent)), **MIDDLE)

    assert stream.packets == 400


@given(
    kinds=st.lists(
        st.builds(
            Call,
            packets=st.integers(5, 120),
            sequence=st.integers(0, 65_535),
            timestamp=st.integers(0, (1 << 32) - 1),
            step=st.sampled_from([0, 160, 960, 3000, 90_000]),
            gap_ns=st.sampled_from([0, MS, 20 * MS, 700 * MS]),
            frame_packets=st.sampled_from([1, 3]),
            loss=st.sampled_from([0, 0.05, 0.5]),
            copies=st.sampled_from([0, 0.1, 0.9]),
            late=st.sampled_from([0, 0.1, 0.5]),
            restarts=st.sampled_from([0, 0.05]),
            strays=st.sampled_from([0, 0.05]),
            payload_type=st.sampled_from([0, 96, 111]),
            profile=st.sampled_from([None, 0xBEDE]),
        ),
        min_size=1,
        max_size=4,
    ),
    seed=st.integers(0, 1000),
    piece_bytes=st.sampled_from([600, 4096, 1 << 20]),
    waiting_rows=st.sampled_from([5, 60, 10_000]),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_senders_do(
    tmp_path: Path, kinds: list[Call], seed: int, piece_bytes: int, waiting_rows: int
) -> None:
    """Any mix of streams, in pieces of any size."""
    path = written(tmp_path, pcap(calls(seed, kinds)))

    equal(path, piece_bytes=piece_bytes, waiting_rows=waiting_rows)


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_bytes_are_broken(tmp_path: Path, data: st.DataObject) -> None:
    """Bytes of a file are replaced anywhere."""
    sent = calls(data.draw(st.integers(0, 3)), [Call(packets=60), Call(packets=40, profile=0xBEDE)])
    broken = bytearray(data.draw(st.sampled_from([pcap(sent), pcapng(sent)])))
    for at, byte in data.draw(
        st.lists(st.tuples(st.integers(28, len(broken) - 1), st.integers(0, 255)), max_size=30)
    ):
        broken[at] = byte
    path = written(tmp_path, bytes(broken))

    equal(path, piece_bytes=data.draw(st.sampled_from([2000, 1 << 20])), waiting_rows=50)


@pytest.mark.peer("shared")
def test_real_captures_give_the_same(shared: Path) -> None:
    """All captures that are shared, whole and in small pieces."""
    seen = 0
    for path in sorted(path for path in (shared / "captures").iterdir() if path.is_file()):
        try:
            seen += len(list(chain(equal(path), equal(path, **SMALL))))
        except CaptureError:
            continue

    assert seen
