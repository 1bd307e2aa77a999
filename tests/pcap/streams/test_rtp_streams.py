"""RTP streams as they are told: names, losses, path index, seconds, bounds."""

import random

import pytest
from msgspec.structs import replace

from callprobe.pcap.packets import UdpDatagram
from callprobe.pcap.streams.rtp_sample import Sample
from callprobe.pcap.streams.rtp_streams import (
    LIMITS,
    MAX_ON_PROBATION,
    MAX_STREAMS,
    MIN_PACKETS,
    RtpStream,
    StreamTable,
    _bounds,
    is_plain_rtp,
)
from callresults.metrics.codecs import CODECS, Codec, alternatives
from callresults.metrics.emodel import codec_rating, mos_interval, mos_of
from helpers.rtp_captures import MS, rtp

UP = (("192.0.2.1", 4000), ("192.0.2.2", 3478))
UP6 = (("2001:db8::1", 4000), ("2001:db8::2", 3478))


def table_of(
    packets: list[tuple[float, bytes]], *, ends: tuple[tuple[str, int], tuple[str, int]] = UP, cut: int = 0
) -> StreamTable:
    """Return a table with (time in ms, payload)."""
    table = StreamTable()
    for number, (at_ms, payload) in enumerate(packets):
        kept = payload[: len(payload) - cut]
        table.add(UdpDatagram(number, round(at_ms * MS), *ends, kept, len(payload)), kept, "plain")
    return table


def only(packets: list[tuple[float, bytes]], *, cut: int = 0, origin_ns: int = 0) -> RtpStream:
    """Return the one stream that (time in ms, payload) make."""
    (stream,) = table_of(packets, cut=cut).streams(origin_ns)
    return stream


def voice(
    numbers: list[int], *, payload_type: int = 111, step: int = 960, ms: float = 20
) -> list[tuple[float, bytes]]:
    """Return packets that arrive at the time of their number."""
    first = numbers[0]
    return [
        ((number - first) * ms, rtp(number, number * step, payload_type=payload_type)) for number in numbers
    ]


def test_clean_stream_has_nothing_wrong() -> None:
    """20 ms packets of a 48 kHz clock: nothing lost, no jitter, the clock inferred and the reason stated."""
    stream = only(voice([*range(500)]))

    assert (stream.packets, stream.unique, stream.expected, stream.lost) == (500, 500, 500, 0)
    assert (stream.duplicates, stream.reordered, stream.type_p_reordered, stream.strays) == (0, 0, 0, 0)
    assert (stream.clock_rate_hz, stream.clock_evidence, stream.kind) == (48000, "slope", "audio")
    assert (stream.timestamp_step_ticks, stream.ptime_ms, stream.max_gap_ms) == (960, 20.0, 20.0)
    assert stream.jitter_ms is not None
    assert stream.jitter_ms.max == pytest.approx(0, abs=1e-9)
    assert stream.pdv_ms is not None
    assert (stream.pdv_ms.p95, stream.pdv_ms.n_sampled) == (0.0, 500)
    assert (stream.ipdv_ms_p95, stream.segments, stream.second_row_s) == (0.0, 1, 1)


def test_names_are_those_of_the_contract() -> None:
    """Addresses with brackets where they need them, sources and profiles in hex, the first header."""
    packets = [(20.0 * n, rtp(n, 960 * n, 0xABC, profile=0xBEDE, marker=n == 0)) for n in range(20)]
    (stream,) = table_of(packets, ends=UP6).streams(0)

    assert (stream.src, stream.dst) == ("[2001:db8::1]:4000", "[2001:db8::2]:3478")
    assert (stream.ssrc, stream.encapsulation, stream.direction) == ("0x00000abc", "plain", None)
    assert (stream.payload_types, stream.extension_profiles) == ({111: 20}, {"0xbede": 20})
    assert stream.first_header == packets[0][1][:32].hex()
    assert stream.marker_packets == 1


def test_loss_is_not_hidden_by_duplicates() -> None:
    """Three numbers missing and five packets doubled are three lost and five duplicates."""
    numbers = [n for n in range(65_530, 65_590) if n not in {65_540, 65_541, 65_560}]
    packets = voice(numbers)
    stream = only(sorted([*packets, *packets[:5]], key=lambda packet: packet[0]))

    assert (stream.expected, stream.lost, stream.duplicates) == (60, 3, 5)
    assert stream.loss_ratio == 0.05
    assert (stream.bursts.loss_runs, stream.bursts.loss_run_packets_max, stream.bursts.bursts) == (2, 2, 1)


def test_overtaken_packet_is_reordered_not_lost() -> None:
    """A packet that comes after its successors counts once by either definition."""
    order = [0, 1, 2, 4, 5, 3, *range(6, 20)]
    stream = only([(20.0 * index, rtp(number, 960 * number)) for index, number in enumerate(order)])

    assert (stream.lost, stream.reordered, stream.type_p_reordered) == (0, 1, 1)


def test_jitter_follows_the_standard() -> None:
    """Delays that alternate by d give a jitter that nears 2 d (RFC 3550 section 6.4.1)."""
    packets = [(20.0 * n + 3 * (n % 2), rtp(n, 960 * n)) for n in range(400)]
    stream = only(packets)

    assert stream.jitter_ms is not None
    assert stream.jitter_ms.last == pytest.approx(3, abs=0.001)


def test_unknown_clock_has_no_jitter() -> None:
    """Null, never 0: nothing tells what a tick is."""
    stream = only([(5.0 * n, rtp(n, 0, 0, payload_type=99)) for n in range(30)])

    assert (stream.clock_rate_hz, stream.jitter_ms, stream.pdv_ms, stream.mos_cq) == (None,) * 4
    assert stream.seconds[0].jitter_ms is None


def test_path_index_names_its_model() -> None:
    """Opus is rated by G.107.2, G.711 by G.107; the delay that was assumed is named."""
    opus, law = only(voice([*range(100)])), only(voice([*range(100)], payload_type=8, step=160))

    assert opus.mos_model == "g107.2/opus-swb-vbr-25/130ms"
    assert law.mos_model == "g107/g711-plc/130ms"
    expected = codec_rating(CODECS["g711-plc"], loss_ratio=0, burst_r=1, delay_ms=130)
    assert law.mos_cq == round(mos_of(expected), 3)
    assert opus.mos_cq_low is not None
    assert opus.mos_cq_high is not None
    assert opus.mos_cq is not None
    assert opus.mos_cq_low <= opus.mos_cq <= opus.mos_cq_high


@pytest.mark.parametrize("codec", [*CODECS.values()])
@pytest.mark.parametrize("loss_ratio", [0.0, 0.01, 0.07, 0.4])
@pytest.mark.parametrize("burst_r", [1.0, 4.0])
def test_interval_is_that_over_all_tables(codec: Codec, loss_ratio: float, burst_r: float) -> None:
    """The rows that are not rated would bound nothing."""
    path = {"loss_ratio": loss_ratio, "burst_r": burst_r, "delay_ms": 130.0}

    assert mos_interval(_bounds(codec), **path) == mos_interval(alternatives(codec), **path)


def test_path_index_falls_with_loss() -> None:
    """More loss is never a better call."""
    draw = random.Random(7)
    scores = [
        only(voice([n for n in range(2000) if n in {0, 1999} or draw.random() >= ratio])).mos_cq
        for ratio in (0.0, 0.02, 0.1, 0.3, 0.6)
    ]

    assert scores == sorted(scores, key=lambda score: -(score or 0))


def test_video_has_no_path_index() -> None:
    """The E-model is one of speech."""
    packets = [
        (40.0 * frame + place, rtp(4 * frame + place, 3600 * frame, payload_type=96, size=1100))
        for frame in range(50)
        for place in range(4)
    ]
    stream = only(packets)

    assert (stream.kind, stream.mos_cq, stream.mos_model, stream.dtx) == ("video", None, None, None)
    assert (stream.timestamp_step_ticks, stream.ptime_ms, stream.size_mode) == (3600, 40.0, 1100)


def test_pause_in_speech_is_told() -> None:
    """A stamp that leaps where no number is missing is silence, not loss."""
    stamps = [960 * n + (20_000 if n >= 25 else 0) for n in range(50)]
    stream = only([(stamp / 48, rtp(n, stamp)) for n, stamp in enumerate(stamps)])

    assert stream.dtx is not None
    assert (stream.dtx.gaps, stream.dtx.at_least_ms, stream.lost) == (1, 200, 0)


def test_cut_packets_count() -> None:
    """A snapshot length hides payloads, not headers."""
    stream = only(voice([*range(30)]), cut=20)

    assert (stream.packets, stream.size_min, stream.media_bytes) == (30, 40, 1200)


def test_seconds_add_up() -> None:
    """Rows begin with the capture's seconds; what they lost in sum is what is lost."""
    draw = random.Random(3)
    packets = [
        (20.0 * n + 500 + (draw.randrange(900) if draw.random() < 0.1 else 0), rtp(n, 960 * n))
        for n in range(600)
        if n in {0, 599} or draw.random() > 0.2
    ]
    table = table_of([])
    table.grid_ns = 100 * MS
    for number, (at_ms, payload) in enumerate(sorted(packets, key=lambda packet: packet[0])):
        table.add(UdpDatagram(number, round(at_ms * MS), *UP, payload, len(payload)), payload, "plain")
    (stream,) = table.streams(100 * MS)

    assert [row.second for row in stream.seconds] == list(range(len(stream.seconds)))
    assert sum(row.received for row in stream.seconds) == stream.unique
    assert sum(row.lost for row in stream.seconds) == stream.lost > 0
    assert min(row.lost for row in stream.seconds) >= 0
    assert stream.first_s == 0.4


def test_seconds_of_wrapped_streams_lie_within_them() -> None:
    """A table that was told no grid counts from each stream's first packet."""
    (stream,) = table_of([(5_900.0 + at_ms, packet) for at_ms, packet in voice([*range(200)])]).streams(
        400 * MS
    )

    assert [row.second for row in stream.seconds] == [5, 6, 7, 8]


def test_wrapping_is_part_of_the_key() -> None:
    """The same source in channel data and in clear is two streams; what was cut off lay at the end."""
    table = StreamTable()
    for at_ms, packet in voice([*range(20)]):
        wrapped = b"\x40\x00\x00\x28" + packet[:30]
        datagram = UdpDatagram(1, round(at_ms * MS), *UP, wrapped, 44)
        table.add(datagram, packet, "plain")
        table.add(datagram, wrapped[4:], "turn-channel")
    plain, channel = sorted(table.streams(0), key=lambda stream: stream.encapsulation)

    assert (plain.encapsulation, channel.encapsulation) == ("plain", "turn-channel")
    assert channel.size_max == 40


@pytest.mark.parametrize(("packets", "streams"), [(MIN_PACKETS - 1, 0), (MIN_PACKETS, 1)])
def test_few_packets_are_no_stream(packets: int, streams: int) -> None:
    """Chance bytes look like RTP now and then."""
    assert len(table_of(voice([*range(packets)])).streams(0)) == streams


@pytest.mark.parametrize(
    "payloads",
    [
        [rtp(5, 960 * n, 0) for n in range(99)],
        [rtp(n, n) for n in random.Random(1).sample(range(65_536), 200)],
        [rtp(n * 4000, n) for n in range(200)],
    ],
    ids=["resting", "random", "leaping"],
)
def test_numbers_of_chance_are_no_stream(payloads: list[bytes]) -> None:
    """A name service's flags rest, ciphers jump: neither rises as a sender's numbers do."""
    assert table_of([(20.0 * n, payload) for n, payload in enumerate(payloads)]).streams(0) == []


def test_every_packet_twice_is_still_a_stream() -> None:
    """As where a mirror port shows both ways through a bridge."""
    packets = [packet for packet in voice([*range(50)]) for _ in range(3)]

    assert only(packets).duplicates == 100


def test_probation_forgets_the_oldest() -> None:
    """A flood of sources takes the place of what was begun before it, and of nothing that is settled."""
    table = table_of(voice([*range(20)]))
    late = [(UdpDatagram(1, n, *UP, b"", 40), rtp(n, 960 * n, 9)) for n in range(20)]
    for datagram, payload in late[:9]:
        table.add(datagram, payload, "plain")
    for ssrc in range(1000, 1000 + MAX_ON_PROBATION):
        table.add(late[0][0], rtp(1, 1, ssrc), "plain")
    for datagram, payload in late[9:18]:
        table.add(datagram, payload, "plain")

    assert [stream.ssrc for stream in table.streams(0)] == ["0x00000007"]


def test_streams_are_bounded() -> None:
    """Beyond so many, packets are counted as left out."""
    table = StreamTable()
    for ssrc in range(MAX_STREAMS + 2):
        for number in range(MIN_PACKETS + 3):
            table.add(UdpDatagram(1, 0, *UP, b"", 40), rtp(number, number, ssrc), "plain")

    assert len(table.streams(0)) == MAX_STREAMS
    assert table.packets_left_out == 2 * MIN_PACKETS


def test_result_can_be_asked_for_twice() -> None:
    """Nothing is settled twice."""
    table = table_of(voice([*range(0, 60, 2)]))
    first = table.streams(0)

    assert table.streams(0) == first
    assert replace(first[0], direction="up").lost == 29


def test_limits_are_said_for_every_stream() -> None:
    """Each stream that is kept has its share of memory."""
    assert LIMITS[-1][0] == MAX_STREAMS
    assert [count for count, _ in LIMITS] == sorted(count for count, _ in LIMITS)
    assert len(Sample(LIMITS[0][1].sample)) == 0
    assert is_plain_rtp(rtp(1, 1))
