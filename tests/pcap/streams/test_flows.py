"""UDP flows."""

import pytest

from callprobe.pcap.streams import flows
from callprobe.pcap.streams.flows import FlowStats, FlowTable

A, B = ("192.0.2.1", 5000), ("2001:db8::2", 6000)


def test_each_direction_is_a_flow() -> None:
    """Counts, sizes and times of one direction, in the order in which flows began."""
    table = FlowTable()
    table.add(A, B, 3_000_000_000, 160, is_rtp=True)
    table.add(B, A, 2_500_000_000, 33, is_rtp=False)
    table.add(A, B, 2_000_000_000, 17, is_rtp=False)

    there, back = table.stats(1_000_000_000)
    assert there == FlowStats(
        src="192.0.2.1:5000",
        dst="[2001:db8::2]:6000",
        packets=2,
        bytes=177,
        first_s=1.0,
        last_s=2.0,
        size_min=17,
        size_max=160,
        odd16=1,
        rtp_candidates=1,
    )
    assert (back.src, back.packets, back.odd16) == ("[2001:db8::2]:6000", 1, 1)


def test_empty_datagram_counts() -> None:
    """Nothing is a size too."""
    table = FlowTable()
    table.add(A, B, 0, 0, is_rtp=False)

    (flow,) = table.stats(0)
    assert (flow.packets, flow.size_min, flow.size_max, flow.odd16) == (1, 0, 0, 0)


def test_flows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond so many, datagrams are counted as left out; flows that are known go on."""
    monkeypatch.setattr(flows, "MAX_FLOWS", 3)
    table = FlowTable()
    for port in (1, 2, 3, 4, 5, 1, 4):
        table.add(("192.0.2.1", port), B, 0, 16, is_rtp=False)

    assert [flow.packets for flow in table.stats(0)] == [2, 1, 1]
    assert table.packets_left_out == 3
