"""All metrics together: exact small cases, and laws that hold for any traffic."""

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callresults.metrics.summary import (
    Arrival,
    MetricOptions,
    SecondCount,
    SentPacket,
    direction_metrics,
    per_second,
)

MS = 1_000_000
OPTIONS = MetricOptions()


def sent_packets(n: int) -> list[SentPacket]:
    return [SentPacket(i, i * 20 * MS) for i in range(n)]


def arriving(sent: list[SentPacket], delays_ms: dict[int, float] | None = None) -> list[Arrival]:
    """Everything arrives after 30 ms on a clock 5 s ahead, but for what ``delays_ms`` says."""
    extra = delays_ms or {}
    return [Arrival(i, at + 5_030 * MS + round(extra.get(i, 0) * MS)) for i, at in sent]


def test_a_clean_path_is_clean():
    sent = sent_packets(100)
    found = direction_metrics(sent, arriving(sent), OPTIONS)
    assert (found.packets_sent, found.packets_received, found.packets_lost) == (100, 100, 0)
    assert (found.loss_ratio, found.late_ratio, found.duplicated_ratio, found.reordered_ratio) == (0, 0, 0, 0)
    assert (found.jitter_ms, found.ipdv_ms_p95, found.pdv_ms_p95) == (0, 0, 0)
    assert (found.burst_density_ratio, found.burst_r, found.loss_run_packets_max) == (None, None, 0)
    assert found.gap_duration_ms == 2000
    assert found.longest_silence_ms == 20
    assert found.mos_model == "g107.2/opus-swb-vbr-25/130ms"
    assert found.mos_cq_low < found.mos_cq < found.mos_cq_high


def test_loss_lateness_duplicates_and_reordering_are_told_apart():
    sent = sent_packets(10)
    arrivals = arriving(sent, {3: 61, 5: 25, 7: 2001})
    del arrivals[1]
    found = direction_metrics(sent, [*arrivals, Arrival(2, 9_000 * MS), Arrival(77, 6_000 * MS)], OPTIONS)
    assert (found.packets_received, found.packets_lost, found.packets_late) == (8, 2, 1)
    assert found.packets_duplicated == 1
    assert found.packets_reordered == 2
    assert found.reordered_ratio == 0.25
    assert found.loss_run_packets_max == 1
    assert found.burst_r == pytest.approx(0.8)
    assert found.burst_density_ratio == pytest.approx(3 / 7, abs=1e-6)
    assert found.burst_duration_ms == 140


def test_nothing_sent_leaves_everything_unknown():
    found = direction_metrics([], [], OPTIONS)
    assert (found.packets_sent, found.loss_run_packets_max) == (0, 0)
    assert (found.loss_ratio, found.jitter_ms, found.longest_silence_ms, found.mos_cq) == (None,) * 4


def test_nothing_arrived_is_total_loss_and_one_silence():
    found = direction_metrics(sent_packets(51), [], OPTIONS)
    assert (found.loss_ratio, found.jitter_ms, found.pdv_ms_p50) == (1, None, None)
    assert found.longest_silence_ms == 1000
    assert (found.r_factor, found.mos_cq, found.mos_cq_high) == (0, 1, 1)
    assert found.burst_duration_ms == 1020


def test_a_cut_flow_is_silent_to_its_end():
    sent = sent_packets(101)
    found = direction_metrics(sent, arriving(sent)[:26], OPTIONS)
    assert found.longest_silence_ms == 1500


def test_one_packet_has_no_jitter():
    sent = sent_packets(1)
    found = direction_metrics(sent, arriving(sent), OPTIONS)
    assert (found.jitter_ms, found.ipdv_ms_p95, found.pdv_ms_p95) == (None, None, 0)


def test_no_reference_codec_no_path_index():
    sent = sent_packets(10)
    found = direction_metrics(sent, arriving(sent), MetricOptions(codec=None, ptime_ms=None))
    assert (found.r_factor, found.mos_cq, found.mos_model) == (None, None, None)
    assert found.gap_duration_ms == 200


def test_rfc3611_example_as_a_direction():
    """Discarded packets are late ones."""
    pattern = "11110111111111111111111X111X1011110111111111111111111X1111111111"
    sent = [SentPacket(i, i * 10 * MS) for i in range(64)]
    arrivals = [
        arrival
        for arrival in arriving(sent, {i: 500 for i, packet in enumerate(pattern) if packet == "X"})
        if pattern[arrival.sequence] != "0"
    ]
    found = direction_metrics(sent, arrivals, MetricOptions(ptime_ms=10))
    assert (found.packets_lost, found.packets_late) == (3, 3)
    assert (found.burst_duration_ms, found.burst_density_ratio) == (120, 0.333333)
    assert (found.gap_duration_ms, found.gap_density_ratio) == (260, 0.038462)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 3 * 10**9)), max_size=60),
    st.integers(-(10**18), 10**18),
    st.randoms(use_true_random=False),
)
def test_clock_offset_and_order_of_hearing_change_nothing(packets, offset, shuffle):
    sent = sent_packets(len(packets))
    arrivals = [
        Arrival(i, at + delay) for (i, at), (lost, delay) in zip(sent, packets, strict=True) if not lost
    ]
    found = direction_metrics(sent, arrivals, OPTIONS)
    shifted = [Arrival(i, at + offset) for i, at in arrivals]
    shuffle.shuffle(shifted)
    assert found.packets_received + found.packets_lost == found.packets_sent
    assert found.packets_late <= found.packets_received
    assert msgspec.json.decode(msgspec.json.encode(found), type=type(found)) == found
    if len({at for _, at in arrivals}) == len(arrivals):
        assert direction_metrics(sent, shifted, OPTIONS) == found


def test_seconds_count_packets_where_they_were_sent():
    sent = sent_packets(120)
    arrivals = [arrival for arrival in arriving(sent, {49: 900}) if not 50 <= arrival.sequence < 60]
    assert per_second(sent, arrivals) == [
        SecondCount(0, 50, 50),
        SecondCount(1, 50, 40),
        SecondCount(2, 20, 20),
    ]
    assert per_second([], []) == []


def test_a_second_without_packets_stands_with_zeros():
    sent = [SentPacket(0, 0), SentPacket(1, 2_500 * MS)]
    assert per_second(sent, []) == [SecondCount(0, 1, 0), SecondCount(1, 0, 0), SecondCount(2, 1, 0)]


def test_seconds_add_up_to_the_direction():
    draw = random.Random(7)
    sent = sent_packets(333)
    arrivals = [arrival for arrival in arriving(sent) if draw.random() > 0.2]
    found = direction_metrics(sent, arrivals, OPTIONS)
    seconds = per_second(sent, arrivals)
    assert sum(second.sent for second in seconds) == found.packets_sent
    assert sum(second.received for second in seconds) == found.packets_received


def test_a_burst_in_a_stream_with_pauses_lasts_as_long_as_the_call_did_there() -> None:
    """Packets of 60 ms sent every 300 ms on average: the burst's length is told by the spacing."""
    sent = [SentPacket(index, index * 300_000_000) for index in range(20)]
    arrivals = [Arrival(index, at) for index, at in sent if not 5 <= index < 9]

    metrics = direction_metrics(sent, arrivals, MetricOptions(ptime_ms=60.0))

    assert metrics.burst_duration_ms == 1200.0
