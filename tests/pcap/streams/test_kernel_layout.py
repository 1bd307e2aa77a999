"""What Python and C believe of the same memory."""

import ctypes
import re
import subprocess
from pathlib import Path

import pytest

from callprobe.pcap.layers import plain_frames
from callprobe.pcap.reading import container, pcapng
from callprobe.pcap.streams import (
    flows,
    kernel,
    kernel_layout,
    rtp_numbers,
    rtp_sample,
    rtp_state,
    rtp_streams,
    rtp_times,
)
from callresults.metrics.bursts import GMIN_PACKETS

SOURCE = kernel.SOURCE.read_text()


def constant(name: str) -> int:
    """Return a constant of the source."""
    found = re.search(rf"\b{name} = ([^,;}}]+)", SOURCE)
    assert found is not None
    return int(eval(found[1], {"WINDOW": rtp_numbers.WINDOW, "HALF_WINDOW": rtp_numbers.HALF_WINDOW}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLOCKS", len(rtp_times.CLOCKS_HZ)),
        ("MIN_PACKETS", rtp_streams.MIN_PACKETS),
        ("MAX_STREAMS", rtp_streams.MAX_STREAMS),
        ("MAX_ON_PROBATION", rtp_streams.MAX_ON_PROBATION),
        ("FIRST_HEADER_BYTES", rtp_streams.FIRST_HEADER_BYTES),
        ("MAX_PROFILES", rtp_state.MAX_PROFILES),
        ("OTHER_PROFILE", rtp_state.OTHER_PROFILE),
        ("MAX_JUMP", rtp_numbers.MAX_JUMP),
        ("MAX_MISORDER", rtp_numbers.MAX_MISORDER),
        ("ESTABLISHED", rtp_times.ESTABLISHED),
        ("WINDOW", rtp_numbers.WINDOW),
        ("HALF_WINDOW", rtp_numbers.HALF_WINDOW),
        ("GMIN_PACKETS", GMIN_PACKETS),
        ("MAX_FLOWS", flows.MAX_FLOWS),
        ("MAX_FRAME_BYTES", container.MAX_FRAME_BYTES),
        ("MAX_BLOCK_BYTES", pcapng.MAX_BLOCK_BYTES),
        ("UDP", plain_frames.UDP),
        ("TCP", plain_frames.TCP),
    ],
)
def test_constants_are_the_same(name: str, value: int) -> None:
    """A bound that differed would make figures differ."""
    assert constant(name) == value


def test_tables_are_the_same() -> None:
    """Limits of streams, ticks of a pause, version, factor of the sample."""
    limits = re.search(r"LIMITS\[\] = \{(.*?)\};", SOURCE)
    ticks = re.search(r"SILENCE_TICKS\[CLOCKS\] = \{(.*?)\}", SOURCE)
    version = re.search(r"KERNEL_VERSION (\d+)", SOURCE)
    factor = re.search(r"SAMPLE_FACTOR = (0x[0-9A-F]+)u", SOURCE)
    assert limits is not None
    assert ticks is not None
    assert version is not None
    assert factor is not None

    rows = re.findall(
        r"\{(\w+), (\w+), (\w+)\}", limits[1].replace("MAX_STREAMS", str(rtp_streams.MAX_STREAMS))
    )
    assert [tuple(map(int, row)) for row in rows] == [(count, *limit) for count, limit in rtp_streams.LIMITS]
    assert tuple(map(int, ticks[1].split(","))) == rtp_times.SILENCE_TICKS
    assert int(version[1]) == kernel_layout.VERSION
    assert int(factor[1], 16) == rtp_sample.FACTOR


@pytest.mark.peer("cc")
def test_structures_have_the_same_sizes(tmp_path: Path) -> None:
    """The compiler says so when the kernel is built."""
    sizes = {
        "event_t": kernel_layout.EVENT.size,
        "sampled_t": kernel_layout.SAMPLED.size,
        "row_t": kernel_layout.ROW.size,
        "flow_t": kernel_layout.FLOW.size,
        "interface_t": ctypes.sizeof(kernel_layout.Source),
        "outcome_t": ctypes.sizeof(kernel_layout.Outcome),
        "summary_t": ctypes.sizeof(kernel_layout.Summary),
        "losses_t": ctypes.sizeof(kernel_layout.Losses),
        "totals_t": ctypes.sizeof(kernel_layout.Totals),
    }
    checks = "".join(f'_Static_assert(sizeof({name}) == {size}, "");' for name, size in sizes.items())
    source = tmp_path / "check.c"
    source.write_text(f'#include "{kernel.SOURCE}"\n{checks}\n')
    compiler = kernel.compiler()
    assert compiler is not None
    command = [compiler, "-std=gnu11", "-fsyntax-only", str(source)]

    assert subprocess.run(command, capture_output=True, text=True, check=False).stderr == ""
