from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.wire import rtcp, rtcp_xr
from callprobe.wire.rtcp import Packet, RtcpError
from callprobe.wire.rtcp_xr import Block
from helpers.hexdata import load_hex
from helpers.hostile import outcome

(PACKET,) = rtcp.packets(load_hex("wire/rtcp_xr"))
BLOCKS = {block.kind: block for block in rtcp_xr.parse(PACKET)}
MEDIA = 0x22222222


def test_blocks_are_split_and_unknown_ones_stay_raw() -> None:
    assert list(BLOCKS) == [1, 2, 3, 4, 5, 6, 7, 14]
    assert BLOCKS[14] == Block(kind=14, type_specific=0x80, body=bytes.fromhex("22222222"))


def test_loss_runs_tell_what_was_received() -> None:
    """A vector of 15 with one missing, then one packet that was received."""
    assert rtcp_xr.run_lengths(BLOCKS[1]) == rtcp_xr.RunLengths(
        ssrc=MEDIA, begin_sequence=100, end_sequence=116, thinning=0, told=16, marked=15
    )


def test_duplicate_runs_tell_what_came_twice() -> None:
    runs = rtcp_xr.run_lengths(BLOCKS[2])

    assert (runs.told, runs.marked) == (15, 2)


@pytest.mark.parametrize(
    ("thinning", "begin", "end", "chunks", "told", "marked"),
    [
        (0, 65530, 4, "400a", 10, 10),  # around the wrap
        (1, 101, 109, "8000 ffff", 4, 0),  # 102, 104, 106 and 108
        (2, 100, 101, "c000", 1, 1),
        (0, 100, 100, "ffff", 0, 0),
        (0, 100, 120, "000a 400a 0000", 20, 10),
    ],
)
def test_thinned_and_wrapped_runs_are_counted(
    thinning: int, begin: int, end: int, chunks: str, told: int, marked: int
) -> None:
    body = bytes.fromhex(f"22222222 {begin:04x} {end:04x}" + chunks)
    runs = rtcp_xr.run_lengths(Block(1, thinning, body))

    assert (runs.thinning, runs.told, runs.marked) == (thinning, told, marked)


def test_receipt_times_are_read() -> None:
    assert rtcp_xr.receipt_times(BLOCKS[3]) == rtcp_xr.ReceiptTimes(MEDIA, 100, 101, 0, (48000,))


def test_a_reference_time_and_its_answer_are_read() -> None:
    assert rtcp_xr.reference_time(BLOCKS[4]) == 0xE94A3B2C80000000
    assert rtcp_xr.delays(BLOCKS[5]) == (rtcp_xr.Delay(0x33333333, 0x3B2C8000, 65536),)


def test_a_statistics_summary_is_read() -> None:
    assert rtcp_xr.statistics(BLOCKS[6]) == rtcp_xr.Statistics(
        ssrc=MEDIA,
        begin_sequence=100,
        end_sequence=200,
        lost=3,
        duplicates=1,
        jitter=(5, 80, 20, 7),
        time_to_live=(64, 64, 64, 0),
    )


def test_what_a_summary_does_not_flag_is_unknown() -> None:
    summary = rtcp_xr.statistics(BLOCKS[6]._replace(type_specific=0))

    assert (summary.lost, summary.duplicates, summary.jitter, summary.time_to_live) == (
        None,
        None,
        None,
        None,
    )


def test_voip_metrics_are_read_and_127_is_unknown() -> None:
    metrics = rtcp_xr.voip_metrics(BLOCKS[7])

    assert (metrics.ssrc, metrics.loss_rate, metrics.discard_rate) == (MEDIA, 26, 5)
    assert (metrics.burst_density, metrics.gap_density, metrics.burst_ms, metrics.gap_ms) == (
        128,
        3,
        300,
        4000,
    )
    assert (metrics.round_trip_ms, metrics.end_system_delay_ms, metrics.gap_threshold) == (80, 120, 16)
    assert (metrics.signal_level_dbm, metrics.noise_level_dbm, metrics.echo_return_loss_db) == (
        -18,
        -60,
        None,
    )
    assert (metrics.r_factor, metrics.external_r_factor, metrics.mos_lq, metrics.mos_cq) == (
        93,
        None,
        4.3,
        4.0,
    )
    assert metrics[-3:] == (40, 80, 120)


@pytest.mark.parametrize(
    ("read", "sentence"),
    [
        (lambda: rtcp_xr.parse(Packet(200, 0, bytes(8), 2)), "type 200 are no RTCP extended report"),
        (lambda: rtcp_xr.parse(Packet(207, 0, bytes(6), 1)), "block at byte 4 runs over the end"),
        (
            lambda: rtcp_xr.parse(Packet(207, 0, bytes(4) + b"\x07\x00\x00\x08", 2)),
            "block at byte 4 runs over",
        ),
        (lambda: rtcp_xr.voip_metrics(Block(7, 0, bytes(31))), "31 bytes are too short"),
        (lambda: rtcp_xr.reference_time(Block(4, 0, bytes(9))), "9 bytes are no RTCP reference time"),
        (lambda: rtcp_xr.delays(Block(5, 0, bytes(13))), "13 bytes are no RTCP answers"),
    ],
)
def test_each_fault_has_its_sentence(read: Callable[[], object], sentence: str) -> None:
    with pytest.raises(RtcpError, match=sentence):
        read()


READERS: list[Callable[[Block], object]] = [
    rtcp_xr.run_lengths,
    rtcp_xr.receipt_times,
    rtcp_xr.reference_time,
    rtcp_xr.delays,
    rtcp_xr.statistics,
    rtcp_xr.voip_metrics,
]


@given(st.binary(max_size=60), st.sampled_from(READERS), st.integers(0, 255))
def test_hostile_bytes_raise_nothing_but_rtcp_error(
    data: bytes, read: Callable[[Block], object], kind: int
) -> None:
    assert outcome(lambda: rtcp_xr.parse(Packet(207, 0, data, len(data) // 4)), RtcpError)
    assert outcome(lambda: read(Block(kind, kind, data)), RtcpError)
