"""Metrics of a capture's call in the form of a measurement's, and its seconds.

What was received is known from the packets, what was sent to us from their sequence numbers, and what became
of our own packets only from what the far end told by RTCP in clear. What a capture cannot know stays null:
which packets came too late to be played, and the delay.
"""

import re
from typing import TYPE_CHECKING, Final

from callprobe.pcap.tell.endpoint import direction_of
from callresults.metrics.bursts import GMIN_PACKETS
from callresults.metrics.direction import DirectionMetrics
from callresults.metrics.loss import ratio
from callresults.nettests.call import Second

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callprobe.pcap.collect.rtcp import ReceptionReport
    from callprobe.pcap.dissect import Findings
    from callprobe.pcap.streams.rtp_streams import RtpStream

_MODEL: Final = re.compile(r"g107[.0-9]{0,2}/[a-z0-9.-]{1,24}/[0-9.]{1,8}ms")
_FIRST_NUMBER: Final = re.compile(r"[0-9a-f]{4}([0-9a-f]{4})")
"""In the first header of a stream (RFC 3550 section 5.1)."""
_MOST: Final = 2**53 - 1
"""Largest whole number that JSON carries exactly."""
MOST_SECONDS: Final = 3600
"""Later ones are left off the series."""
_COVERED_RATIO: Final = 0.9
"""What the far end told must concern this share of the packets that were sent, or it is of another time."""


def down_metrics(streams: "Sequence[RtpStream]") -> DirectionMetrics | None:
    """Return what arrived: counts over all streams, variation and bursts of the one with most packets."""
    if not streams:
        return None
    main = max(streams, key=lambda stream: stream.packets)
    expected = whole(sum(stream.expected for stream in streams))
    unique = whole(sum(stream.unique for stream in streams))
    lost = whole(sum(stream.lost for stream in streams))
    duplicates = whole(sum(stream.duplicates for stream in streams))
    reordered = whole(sum(stream.type_p_reordered for stream in streams))
    runs = whole(sum(stream.bursts.loss_runs for stream in streams))
    jitter, bursts = main.jitter_ms, main.bursts
    return DirectionMetrics(
        packets_sent=expected,
        packets_received=unique,
        packets_lost=lost,
        loss_ratio=_rounded(ratio(lost, expected)),
        loss_wait_s=None,
        packets_late=None,
        late_ratio=None,
        playout_ms=None,
        packets_duplicated=duplicates,
        duplicated_ratio=_rounded(ratio(duplicates, expected)),
        packets_reordered=reordered,
        reordered_ratio=_rounded(ratio(reordered, unique)),
        jitter_ms=jitter.last if jitter else None,
        jitter_ms_mean=jitter.mean if jitter else None,
        jitter_ms_max=jitter.max if jitter else None,
        ipdv_ms_p95=main.ipdv_ms_p95,
        pdv_ms_p50=main.pdv_ms.p50 if main.pdv_ms else None,
        pdv_ms_p95=main.pdv_ms.p95 if main.pdv_ms else None,
        gmin_packets=GMIN_PACKETS,
        burst_density_ratio=bursts.burst_density_ratio,
        burst_duration_ms=bursts.burst_duration_ms,
        gap_density_ratio=bursts.gap_density_ratio,
        gap_duration_ms=bursts.gap_duration_ms,
        loss_run_packets_mean=_rounded(ratio(lost, runs)),
        loss_run_packets_max=whole(max(stream.bursts.loss_run_packets_max for stream in streams)),
        burst_r=bursts.burst_r,
        longest_silence_ms=main.max_gap_ms,
        r_factor=None,
        mos_cq=main.mos_cq,
        mos_cq_low=main.mos_cq_low,
        mos_cq_high=main.mos_cq_high,
        mos_model=main.mos_model if main.mos_model and _MODEL.fullmatch(main.mos_model) else None,
    )


def up_metrics(findings: "Findings", streams: "Sequence[RtpStream]") -> DirectionMetrics | None:
    """Return what the far end told of the streams that were sent, if it told of nearly all their packets."""
    told = [(stream, report) for stream in streams if (report := _report(findings, stream)) is not None]
    if not told:
        return None
    expected = whole(sum(_reported(stream, report) for stream, report in told))
    sent = sum(stream.expected for stream in streams)
    if not _COVERED_RATIO * sent <= expected <= sent / _COVERED_RATIO:
        return None
    lost = whole(sum(min(max(report.packets_lost, 0), _reported(stream, report)) for stream, report in told))
    main, report = max(told, key=lambda pair: pair[0].packets)
    clock_hz = main.clock_rate_hz
    return DirectionMetrics(
        packets_sent=expected,
        packets_received=expected - lost,
        packets_lost=lost,
        loss_ratio=_rounded(ratio(lost, expected)),
        loss_wait_s=None,
        packets_late=None,
        late_ratio=None,
        playout_ms=None,
        packets_duplicated=None,
        duplicated_ratio=None,
        packets_reordered=None,
        reordered_ratio=None,
        jitter_ms=round(report.jitter_ticks * 1000 / clock_hz, 3) if clock_hz else None,
        jitter_ms_mean=None,
        jitter_ms_max=None,
        ipdv_ms_p95=None,
        pdv_ms_p50=None,
        pdv_ms_p95=None,
        gmin_packets=GMIN_PACKETS,
        burst_density_ratio=None,
        burst_duration_ms=None,
        gap_density_ratio=None,
        gap_duration_ms=None,
        loss_run_packets_mean=None,
        loss_run_packets_max=None,
        burst_r=None,
        longest_silence_ms=None,
        r_factor=None,
        mos_cq=None,
        mos_cq_low=None,
        mos_cq_high=None,
        mos_model=None,
    )


def series(up: "Sequence[RtpStream]", down: "Sequence[RtpStream]") -> tuple[Second, ...]:
    """Return the seconds from the first that holds media on; none where a stream has no single seconds."""
    streams = (*up, *down)
    if not streams or any(stream.second_row_s != 1 for stream in streams):
        return ()
    seconds = [row.second for stream in streams for row in stream.seconds]
    first = min(seconds, default=0)
    length = min(max(seconds, default=-1) - first + 1, MOST_SECONDS)
    sent_up, sent_down, received_down = ([0] * length for _ in range(3))
    for stream, received, sent in (
        *((stream, sent_up, None) for stream in up),
        *((stream, received_down, sent_down) for stream in down),
    ):
        for row in stream.seconds:
            place = row.second - first
            if place < length:
                received[place] += row.received
                if sent is not None:
                    sent[place] += row.received + row.lost
    return tuple(
        Second(
            second=second,
            sent_up=whole(sent_up[second]),
            received_up=None,
            sent_down=whole(sent_down[second]),
            received_down=whole(received_down[second]),
        )
        for second in range(length)
    )


def _report(findings: "Findings", stream: "RtpStream") -> "ReceptionReport | None":
    """Return what the far end told last of a stream."""
    return next(
        (
            report
            for report in findings.rtcp.reports
            if report.source_ssrc == stream.ssrc
            and direction_of(report.src, report.dst, findings.endpoint) == "down"
        ),
        None,
    )


def _reported(stream: "RtpStream", report: "ReceptionReport") -> int:
    """Return how many packets a report speaks of: from the stream's first number in the capture on."""
    first = _FIRST_NUMBER.match(stream.first_header)
    return max(report.highest_sequence - int(first[1], 16) + 1, 0) if first else 0


def whole(number: int) -> int:
    """Return a count that any JSON carries."""
    return min(max(number, 0), _MOST)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
