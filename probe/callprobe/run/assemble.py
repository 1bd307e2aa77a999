"""From what the two ends of a flow saw to the record: keys of each arm, then the envelope around them."""

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from callprobe.dialect.contract import Schedule
from callprobe.dialect.registry import REGISTERED, Looks, control_nature_of
from callprobe.media.session import FlowView, SessionGrant, SessionRecord
from callprobe.nettest import call as call_nettest
from callprobe.nettest.call import ArmOutcome, ArmPlan, CallOutcome
from callprobe.run.surroundings import Surroundings
from callprobe.scenario.model import CallScenario
from callprobe.vantage.redaction import redact, round_start
from callresults.measurement import Annotations, Measurement, TestKeys
from callresults.metrics.direction import DirectionMetrics
from callresults.metrics.summary import Arrival, SentPacket, per_second
from callresults.nettests.call import CallKeys, ResponderView, Second
from callresults.nettests.common import Arm, IpVersion, LocalConditions
from callresults.nettests.series import series_of
from callresults.observation import Stage
from callresults.packet_record import (
    RESOLUTION_US,
    FlowRecord,
    PacketRecordError,
    direction_record,
    encode,
)

TEST_VERSION: Final = "0.1.0"
CONTROL_ARMS: Final = frozenset({"control", "aa"})


class Envelope(NamedTuple):
    """What the arms of one scenario's run share."""

    report_id: str
    start: datetime
    runtime_s: float
    network: tuple[str, str, str]
    """asn, country, name."""


class Joined(NamedTuple):
    """What the arms of a pair share in their keys."""

    scenario: CallScenario
    surroundings: Surroundings
    duration_s: float
    """Of the media that were asked for."""
    pair_id: str
    probe_id: str
    ip_version: IpVersion
    grant: SessionGrant | None
    record: SessionRecord | None
    before: tuple[Stage, ...]
    """Rungs below the flows: resolve, session_open."""
    void_reason: str | None
    looks: Looks = REGISTERED


class Packets(NamedTuple):
    """Both directions of one flow, each on the clocks of its two ends; None = that half is not known."""

    sent_up: Sequence[SentPacket]
    arrived_up: Sequence[Arrival] | None
    sent_down: Sequence[SentPacket] | None
    arrived_down: Sequence[Arrival]
    planned_down: Sequence[SentPacket]
    """What the far end was to send, by its schedule; stands in for ``sent_down`` where counts are wanted."""
    sizes_up: Mapping[int, int]
    sizes_down: Mapping[int, int]


class Seen(NamedTuple):
    """What the two ends saw of one flow; what is left out never happened."""

    up: DirectionMetrics | None = None
    down: DirectionMetrics | None = None
    packets: Packets | None = None
    view: FlowView | None = None
    local: LocalConditions | None = None
    responder_port: int | None = None


NOTHING: Final = Seen()


def call_keys(outcome: CallOutcome, arm: ArmOutcome, joined: Joined) -> CallKeys:
    """Return the keys of one arm that is a flow of our own."""
    plan = arm.plan
    view = call_nettest.view_of(joined.record, plan.flow_id)
    options = call_nettest.options_for(joined.scenario.medium, plan.schedule, recorded=plan.is_replay)
    up, down = call_nettest.metrics_of_arm(arm, view, options)
    packets = Packets(
        sent_up=[SentPacket(sequence, at) for sequence, at in arm.log.sent],
        arrived_up=None if view is None else call_nettest.arrivals_up(view),
        sent_down=None if view is None else call_nettest.sent_down(view),
        arrived_down=[Arrival(sequence, at) for sequence, at in arm.log.arrived],
        planned_down=[SentPacket(slot.sequence, slot.offset_ns) for slot in plan.schedule_down],
        sizes_up=_sizes(plan, plan.schedule),
        sizes_down=_sizes(plan, plan.schedule_down),
    )
    stages = joined.before + call_nettest.stages_of_arm(outcome, arm, joined.record)
    seen = Seen(up, down, packets, view, arm.local, plan.responder_port)
    return arm_keys(joined, plan.arm, plan.dialect.name, stages, seen)


def _sizes(plan: ArmPlan, schedule: Schedule) -> dict[int, int]:
    """Return the sizes that may stand in a record: those of somebody's own call can tell what was said."""
    return {} if plan.is_replay else {slot.sequence: slot.size for slot in schedule}


def arm_keys(
    joined: Joined, arm: Arm, look: str, stages: tuple[Stage, ...], seen: Seen = NOTHING
) -> CallKeys:
    """Return the keys of any arm of a call, also of one that never began."""
    scenario, surroundings, grant = joined.scenario, joined.surroundings, joined.grant
    dialect = joined.looks.find(look)
    text = packet_text(seen.packets) if seen.packets and surroundings.keep_packet_records else None
    return CallKeys(
        scenario_id=scenario.id,
        scenario_digest=scenario.digest,
        service=scenario.service,
        medium=scenario.medium,
        arm=arm,
        pair_id=joined.pair_id,
        session_id=grant.session_id if grant else None,
        probe_id=joined.probe_id,
        access_type=surroundings.access_type,
        ip_version=joined.ip_version,
        stages=stages,
        valid=joined.void_reason is None,
        void_reason=joined.void_reason,
        local=with_load(seen.local, surroundings),
        dialect=look,
        dialect_version=dialect.version,
        dialect_capture_date=dialect.capture_date,
        control_nature=control_nature_of(look) if arm in CONTROL_ARMS else None,
        responder_id=grant.responder_id if grant else "unknown",
        responder_network=grant.responder_network if grant else "AS0",
        responder_kind=grant.responder_kind if grant else "unknown",
        responder_port=seen.responder_port,
        media_duration_s=joined.duration_s,
        metrics_up=seen.up,
        metrics_down=seen.down,
        series=series(seen.packets) if seen.packets else (),
        packet_record=text,
        packet_record_resolution_us=RESOLUTION_US if text else None,
        responder_view=responder_view(seen.view, joined.record),
    )


def responder_view(view: FlowView | None, record: SessionRecord | None) -> ResponderView | None:
    """Return the summary of the far end's record that stands in the measurement; None without a record."""
    if view is None or record is None:
        return None
    return ResponderView(
        packets_received=len(set(view.received_sequence)),
        packets_sent=len(view.sent_sequence),
        kernel_timestamps=record.kernel_timestamps,
        complete=view.complete,
    )


def packet_text(packets: Packets) -> str | None:
    """Return the per-packet record as text, or None when a flood made it longer than any record may be."""
    try:
        return encode(packet_record(packets))
    except PacketRecordError:
        return None


def packet_record(packets: Packets) -> FlowRecord:
    """Return the per-packet record; stamps count from the first packet that either side sent or heard."""
    up_start = min((packet.sent_ns for packet in packets.sent_up), default=0)
    return FlowRecord(
        up=direction_record(
            packets.sent_up,
            packets.arrived_up,
            packets.sizes_up,
            sender_start_ns=up_start,
            receiver_start_ns=_first(packets.arrived_up),
        ),
        down=direction_record(
            packets.sent_down,
            packets.arrived_down,
            packets.sizes_down,
            sender_start_ns=min((packet.sent_ns for packet in packets.sent_down or ()), default=0),
            receiver_start_ns=_first(packets.arrived_down),
        ),
    )


def series(packets: Packets) -> tuple[Second, ...]:
    """Return sent and received per second, each direction by its own sender's schedule."""
    sent_down = packets.planned_down if packets.sent_down is None else packets.sent_down
    return series_of(
        per_second(packets.sent_up, packets.arrived_up or ()),
        per_second(sent_down, packets.arrived_down),
        responder_view=packets.sent_down is not None,
    )


def with_load(local: LocalConditions | None, surroundings: Surroundings) -> LocalConditions | None:
    """Add the machine's load; in virtual time there is none to speak of."""
    if local is None or surroundings.history is not None:
        return local
    return msgspec.structs.replace(local, load_1m=load_per_core())


def load_per_core() -> float | None:
    """Return the one-minute load per core, or None where the system does not tell."""
    try:
        return round(os.getloadavg()[0] / (os.cpu_count() or 1), 2)
    except (OSError, AttributeError):
        return None


def measurement(
    keys: TestKeys,
    envelope: Envelope,
    surroundings: Surroundings,
    *,
    target: str | None,
    own_addresses: Iterable[str] = (),
) -> Measurement:
    """Put the envelope around an arm's keys, redacted (``own_addresses`` are the volunteer's) and rounded."""
    asn, country, name = envelope.network
    start = round_start(envelope.start)
    return redact(
        Measurement(
            report_id=envelope.report_id,
            test_name="call" if isinstance(keys, CallKeys) else "service_reachability",
            test_version=TEST_VERSION,
            test_start_time=start,
            measurement_start_time=start,
            test_runtime=round(envelope.runtime_s, 3),
            probe_cc=country,
            probe_asn=asn,
            probe_network_name=name,
            software_name="callprobe",
            software_version=surroundings.software_version,
            input=target,
            annotations=Annotations(emulated=surroundings.emulated, history=surroundings.history),
            test_keys=keys,
        ),
        own_addresses,
    )


def _first(arrivals: Sequence[Arrival] | None) -> int:
    return min((packet.arrival_ns for packet in arrivals or ()), default=0)
