"""Metrics of a capture's call: what arrived, what the far end told, and the seconds."""

import pytest

from callprobe.pcap.collect.rtcp import ReceptionReport, Rtcp
from callprobe.pcap.measurement_metrics import MOST_SECONDS, down_metrics, series, up_metrics, whole
from callprobe.pcap.streams.rtp_streams import Bursts, JitterMs, PdvMs, RtpStream, StreamSecond
from helpers.findings import FAR, OWN, RELAY, blank, both_ways, findings, stream

FIRST_HEADER = "806f03e8" + "00" * 8
"""Sequence number 1000."""


def lossy(packets: int = 96, lost: int = 4, **changes: object) -> RtpStream:
    """Return a stream that was received, with losses."""
    expected = packets + lost
    given = {
        "packets": packets + 1,
        "unique": packets,
        "expected": expected,
        "lost": lost,
        "duplicates": 1,
        "type_p_reordered": 2,
        "kind": "audio",
        "clock_rate_hz": 48000,
        "jitter_ms": JitterMs(last=2.5, mean=2.0, max=9.0),
        "pdv_ms": PdvMs(p50=3.0, p95=11.0, n_sampled=packets),
        "ipdv_ms_p95": 5.0,
        "max_gap_ms": 180.0,
        "bursts": blank(
            Bursts, gmin_packets=16, loss_runs=2, loss_run_packets_max=3, burst_r=1.5, burst_density_ratio=0.3
        ),
        "mos_cq": 4.1,
        "mos_cq_low": 3.9,
        "mos_cq_high": 4.2,
        "mos_model": "g107.2/opus-swb-vbr-25/130ms",
    }
    return stream(FAR, OWN, 0, 1, **(given | changes))


def report(**changes: object) -> ReceptionReport:
    """Return what the far end told of our stream: 4 of 100 lost."""
    given = {
        "source_ssrc": "0x00000001",
        "src": FAR,
        "dst": OWN,
        "packets_lost": 4,
        "highest_sequence": 1099,
        "jitter_ticks": 480,
        "reports": 3,
    }
    return blank(ReceptionReport, **(given | changes))


def sent(**changes: object) -> RtpStream:
    """Return our stream of 100 packets, from number 1000 on."""
    given = {
        "expected": 100,
        "unique": 100,
        "packets": 100,
        "first_header": FIRST_HEADER,
        "clock_rate_hz": 48000,
    }
    return stream(OWN, FAR, 0, 1, **(given | changes))


def told(*reports: ReceptionReport) -> object:
    """Return findings with these reports, captured by us."""
    return findings(
        flows=(*both_ways(OWN, FAR), *both_ways(OWN, RELAY)),
        rtp=(stream(OWN, FAR, 0, 1), stream(OWN, RELAY, 0, 1)),
        rtcp=blank(Rtcp, reports=reports),
    )


def test_what_arrived_is_counted_and_what_was_sent_follows_from_the_numbers() -> None:
    found = down_metrics([lossy()])
    assert found is not None

    assert (found.packets_sent, found.packets_received, found.packets_lost, found.loss_ratio) == (
        100,
        96,
        4,
        0.04,
    )
    assert (found.packets_duplicated, found.packets_reordered, found.loss_run_packets_mean) == (1, 2, 2.0)
    assert (found.jitter_ms, found.jitter_ms_mean, found.jitter_ms_max) == (2.5, 2.0, 9.0)
    assert (found.pdv_ms_p50, found.pdv_ms_p95, found.ipdv_ms_p95, found.longest_silence_ms) == (
        3.0,
        11.0,
        5.0,
        180.0,
    )
    assert (found.mos_cq, found.mos_model, found.burst_r) == (4.1, "g107.2/opus-swb-vbr-25/130ms", 1.5)


def test_what_a_capture_cannot_know_is_null() -> None:
    found = down_metrics([lossy(jitter_ms=None, pdv_ms=None)])
    assert found is not None

    assert (found.packets_late, found.late_ratio, found.loss_wait_s, found.playout_ms) == (None,) * 4
    assert (found.jitter_ms, found.pdv_ms_p50, found.r_factor) == (None,) * 3
    assert down_metrics([]) is None


def test_streams_of_a_medium_are_added_up_and_the_busiest_gives_the_variation() -> None:
    busy = lossy(packets=190, lost=10, jitter_ms=JitterMs(last=7.0, mean=7.0, max=7.0))
    found = down_metrics([lossy(), busy])
    assert found is not None

    assert (found.packets_sent, found.packets_lost, found.loss_ratio) == (300, 14, 0.046667)
    assert (found.jitter_ms, found.loss_run_packets_max) == (7.0, 3)


def test_a_model_that_is_none_of_ours_is_not_named() -> None:
    found = down_metrics([lossy(mos_model="192.0.2.77")])
    assert found is not None

    assert found.mos_model is None


def test_what_the_far_end_told_is_what_became_of_our_packets() -> None:
    found = up_metrics(told(report()), [sent()])  # type: ignore[arg-type]
    assert found is not None

    assert (found.packets_sent, found.packets_received, found.packets_lost, found.loss_ratio) == (
        100,
        96,
        4,
        0.04,
    )
    assert (found.jitter_ms, found.jitter_ms_mean, found.packets_duplicated) == (10.0, None, None)


@pytest.mark.parametrize(
    "other",
    [
        {"source_ssrc": "0x00000002"},
        {"src": OWN, "dst": FAR},
        {"highest_sequence": 1030},
        {"highest_sequence": 9000},
    ],
    ids=["of another source", "by ourselves", "of the beginning only", "of more than was sent"],
)
def test_a_report_that_does_not_fit_says_nothing(other: dict[str, object]) -> None:
    assert up_metrics(told(report(**other)), [sent()]) is None  # type: ignore[arg-type]


def test_without_reports_nothing_is_known_of_what_arrived_there() -> None:
    assert up_metrics(told(), [sent()]) is None  # type: ignore[arg-type]
    assert up_metrics(told(report()), []) is None  # type: ignore[arg-type]
    assert up_metrics(told(report()), [sent(first_header="")]) is None  # type: ignore[arg-type]


def test_more_copies_than_losses_is_no_loss() -> None:
    found = up_metrics(told(report(packets_lost=-3)), [sent()])  # type: ignore[arg-type]
    assert found is not None

    assert (found.packets_received, found.packets_lost) == (100, 0)


def test_seconds_stand_beside_each_other_from_the_first_that_holds_media() -> None:
    rows = tuple(StreamSecond(second=at, received=40, lost=10, jitter_ms=None) for at in (7, 9))
    found = series([stream(OWN, FAR, 6, 7)], [stream(FAR, OWN, 7, 9, seconds=rows)])

    assert [
        (one.second, one.sent_up, one.received_up, one.sent_down, one.received_down) for one in found
    ] == [
        (0, 50, None, 0, 0),
        (1, 50, None, 50, 40),
        (2, 0, None, 0, 0),
        (3, 0, None, 50, 40),
    ]


def test_numbers_that_were_missed_in_one_second_and_came_in_the_next_are_none_of_either() -> None:
    rows = (
        StreamSecond(second=0, received=40, lost=10, jitter_ms=None),
        StreamSecond(second=1, received=10, lost=-10, jitter_ms=None),
    )

    assert [one.sent_down for one in series([], [stream(FAR, OWN, 0, 1, seconds=rows)])] == [50, 0]


def test_a_stream_without_single_seconds_has_no_series() -> None:
    assert series([], [stream(FAR, OWN, 0, 9, second_row_s=2)]) == ()
    assert series([], []) == ()


def test_the_series_of_a_long_call_is_cut() -> None:
    assert len(series([stream(OWN, FAR, 0, MOST_SECONDS + 50)], [])) == MOST_SECONDS


@pytest.mark.parametrize(("number", "count"), [(-5, 0), (7, 7), (2**64, 2**53 - 1)])
def test_counts_are_such_as_any_json_carries(number: int, count: int) -> None:
    assert whole(number) == count
