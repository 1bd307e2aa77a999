"""The layout of what ``kernel.c`` gives and takes; its structures are mirrored here field by field."""

from ctypes import Structure, c_double, c_int32, c_int64, c_uint8, c_uint32, c_uint64, c_void_p
from struct import Struct
from typing import Final

VERSION: Final = 1
"""KERNEL_VERSION in ``kernel.c``."""
CLOCKS: Final = 5
_FIRST_HEADER_BYTES: Final = 32
_PROFILES: Final = 17
_PAYLOAD_TYPES: Final = 128

EVENT: Final = Struct("=qqiiiiiiiiIi")
"""event_t: epoch_ns, frame, protocol, addresses_at, address_bytes, start, captured, size, source_port,
destination_port, sequence, flags."""
SAMPLED: Final = Struct("=6q")
"""sampled_t, the fields of ``SampledPacket``."""
SAMPLED_WORDS: Final = 6
ROW: Final = Struct("=qqq5Ixxxx")
"""row_t: number, received, lost, jitter of each clock."""
ROW_WORDS: Final = 6
"""Of 64 bits."""
ROW_JITTER_AT: Final = 6
"""The first clock's, in words of 32 bits."""
FLOW: Final = Struct("=32siiixxxx8q")
"""flow_t: addresses, their size, source_port, destination_port, packets, bytes, first_ns, last_ns, size_min,
size_max, odd16, rtp_candidates."""

MORE, EVENTS, FRAME, BLOCK, BROKEN = range(5)
"""Why a call of ``callprobe_feed`` ended."""


class Source(Structure):
    """interface_t."""

    _fields_ = (
        ("link_type", c_int32),
        ("readable", c_int32),
        ("ticks_per_s", c_uint64),
        ("offset_ns", c_int64),
        ("frames", c_int64),
    )


class Outcome(Structure):
    """outcome_t."""

    _fields_ = (
        ("consumed", c_int64),
        ("reason", c_int32),
        ("n_events", c_int32),
        ("frame", c_int64),
        ("epoch_ns", c_int64),
        ("ticks", c_int64),
        ("interface", c_int32),
        ("readable", c_int32),
        ("start", c_int32),
        ("captured", c_int32),
        ("wire_size", c_int64),
    )


class Summary(Structure):
    """summary_t."""

    _fields_ = tuple(
        (name, c_int64)
        for name in (
            "frames",
            "udp_datagrams",
            "has_times",
            "origin_ns",
            "first_ns",
            "last_ns",
            "n_streams",
            "n_flows",
            "stream_packets_left_out",
            "flow_packets_left_out",
            "out_of_memory",
        )
    )


class Losses(Structure):
    """losses_t."""

    _fields_ = tuple(
        (name, c_int64)
        for name in (
            "total",
            "runs",
            "run",
            "run_max",
            "bursts",
            "packets",
            "missing",
            "first_burst_at",
            "end",
            "first",
            "last",
            "count",
        )
    )


class Totals(Structure):
    """totals_t."""

    _fields_ = (
        ("address", c_uint8 * 32),
        ("address_bytes", c_int32),
        ("source_port", c_int32),
        ("destination_port", c_int32),
        ("ssrc", c_uint32),
        ("first_header", c_uint8 * _FIRST_HEADER_BYTES),
        ("first_header_bytes", c_int64),
        *(
            (name, c_int64)
            for name in (
                "packets",
                "strays",
                "bytes",
                "size_min",
                "size_max",
                "first_ns",
                "last_ns",
                "max_gap_ns",
                "markers",
                "grid_ns",
                "segments",
                "unique",
                "expected",
                "reordered",
                "late",
                "orderly",
            )
        ),
        ("losses", Losses),
        *((name, c_int64) for name in ("elapsed_ns", "ticks", "differences", "neighbours", "still")),
        ("jitter", c_double * CLOCKS),
        ("jitter_sum", c_double * CLOCKS),
        ("jitter_max", c_double * CLOCKS),
        ("silences", c_int64 * CLOCKS),
        ("payload_types", c_int64 * _PAYLOAD_TYPES),
        ("n_profiles", c_int64),
        ("profiles", c_int64 * _PROFILES),
        ("profile_packets", c_int64 * _PROFILES),
        ("n_sampled", c_int64),
        ("sample", c_void_p),
        ("seconds_each", c_int64),
        ("n_rows", c_int64),
        ("rows", c_void_p),
    )
