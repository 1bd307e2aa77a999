"""Replayed flows are known by their packets at a port that no flow with such packets shares."""

from dataclasses import dataclass

import pytest

from callprobe.dialect.contract import FlowKeys
from callprobe.dialect.replay_look import Nature, ReplayLook
from callprobe.dialect.trace import Trace, TracePacket, inverted
from callprobe.media.answerer import Answerer
from callprobe.responder.limits import BusyError
from callprobe.responder.replays import NAMING_BYTES, Replays, is_replay
from helpers.recorded import recorded_trace, recording

PORTS = (3478, 3479)
TRACE = recorded_trace()
UP = recording()[0]


@dataclass
class Flow:
    answerer: Answerer


def flow(nature: Nature = "original", trace: Trace = TRACE, key: int = 1) -> Flow:
    keys = FlowKeys(bytes([key]) * 32)
    look = ReplayLook(Trace.unpack(trace.pack()), nature).bound(keys)
    up, down = (look.schedule("voice", 90.0, 0, way) for way in ("up", "down"))
    return Flow(Answerer(0, look, keys, down, schedule_up=up, start_ns=0))


def replays(max_packets: int = 10**6) -> Replays[Flow]:
    return Replays(PORTS, max_packets)


def test_a_packet_names_its_flow_at_its_port_only() -> None:
    here, original, turned = replays(), flow(), flow("inverted")
    assert here.place(original) != here.place(turned)
    ports = {id(original): None, id(turned): None}
    for port in PORTS:
        for data, wanted in ((UP[3].payload, original), (inverted(UP[3].payload), turned)):
            found = here.flow_of(port, data)
            if found is not None:
                assert found is wanted
                assert ports[id(found)] is None
                ports[id(found)] = port  # type: ignore[assignment]
    assert None not in ports.values()


def test_two_flows_of_the_same_packets_never_share_a_port() -> None:
    """Not even those of two sessions: the next one is told to come back."""
    here = replays()
    assert {here.place(flow()), here.place(flow())} == set(PORTS)
    with pytest.raises(BusyError, match="with others just now"):
        here.place(flow())


def test_a_part_of_a_call_is_the_same_call() -> None:
    """Traces of other names may share packets."""
    up, down = recording()
    here = replays()
    assert here.place(flow()) != here.place(flow(trace=Trace.of(up[:40], down[:40])))


def test_a_call_turned_over_shares_packets_with_the_controls_of_the_other() -> None:
    turned = Trace.of([packet._replace(payload=inverted(packet.payload)) for packet in UP], [])
    here = replays()
    assert here.place(flow("inverted")) != here.place(flow(trace=turned))


def test_random_flows_share_ports_with_anybody() -> None:
    here = replays()
    flows = [flow("random", key=key) for key in range(6)]
    placed = [here.place(one) for one in flows]
    assert [placed.count(port) for port in PORTS] == [3, 3]
    for one, port in zip(flows, placed, strict=True):
        look = one.answerer.dialect
        data = look.media(one.answerer.keys, "up", look.schedule("voice", 90.0, 0)[0])
        assert here.flow_of(port, data) is one


def test_a_short_packet_names_nobody() -> None:
    short = Trace.of([TracePacket(0, b"z" * (NAMING_BYTES - 1)), TracePacket(1000, b"z" * NAMING_BYTES)], [])
    here = replays()
    port = here.place(flow(trace=short))
    assert here.flow_of(port, b"z" * (NAMING_BYTES - 1)) is None
    assert here.flow_of(port, b"z" * NAMING_BYTES) is not None


def test_a_flow_that_is_gone_leaves_its_place() -> None:
    here, one = replays(), flow()
    port = here.place(one)
    here.remove(one)
    here.remove(one)
    assert here.flow_of(port, UP[0].payload) is None
    assert here.digests() == set()
    assert here.place(flow()) == port
    assert here.digests() == {TRACE.digest}


def test_packets_of_all_flows_together_are_bounded() -> None:
    packets = len(TRACE.up.schedule) + len(TRACE.down.schedule)
    here = replays(2 * packets)
    here.place(flow("random", key=1))
    here.place(flow("random", key=2))
    with pytest.raises(BusyError, match="as much as it can"):
        here.place(flow("random", key=3))


def test_only_replays_are_replays() -> None:
    assert is_replay(flow())
