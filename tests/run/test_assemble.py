"""Keys and envelope from what both ends saw."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from callprobe.media.session import FlowView
from callprobe.run import assemble
from callprobe.run.assemble import Envelope, Packets, Seen
from callresults.metrics.summary import Arrival, SentPacket
from callresults.nettests.call import Second
from callresults.nettests.common import LocalConditions
from callresults.observation import Stage
from callresults.packet_record import MAX_PACKETS, decode
from helpers.joined import joined_for
from helpers.worlds import MS, SECOND, SURROUNDINGS, call_scenario

SCENARIO = call_scenario()
ENVELOPE = Envelope("report", datetime(2025, 8, 11, 9, 34, 59, tzinfo=UTC), 1.23456, ("AS64496", "RU", "n"))
UP = [SentPacket(number, 5 * SECOND + number * 500 * MS) for number in range(4)]
DOWN = [SentPacket(number, number * 500 * MS) for number in range(4)]
PACKETS = Packets(
    sent_up=UP,
    arrived_up=[Arrival(number, number * 500 * MS) for number in (0, 1, 3)],
    sent_down=DOWN,
    arrived_down=[Arrival(number, 9 * SECOND + number * 500 * MS) for number in (0, 2)],
    planned_down=DOWN,
    sizes_up=dict.fromkeys(range(4), 100),
    sizes_down=dict.fromkeys(range(4), 60),
)
BLIND = PACKETS._replace(arrived_up=None, sent_down=None)


def test_series_counts_each_direction_by_its_senders_seconds() -> None:
    assert assemble.series(PACKETS) == (
        Second(second=0, sent_up=2, received_up=2, sent_down=2, received_down=1),
        Second(second=1, sent_up=2, received_up=1, sent_down=2, received_down=1),
    )


def test_series_without_the_far_ends_half_keeps_what_the_probe_heard() -> None:
    assert assemble.series(BLIND) == (
        Second(second=0, sent_up=2, received_up=None, sent_down=None, received_down=1),
        Second(second=1, sent_up=2, received_up=None, sent_down=None, received_down=1),
    )


def test_packet_record_says_what_is_not_known() -> None:
    whole, blind = assemble.packet_record(PACKETS), assemble.packet_record(BLIND)
    assert [row.arrival_us for row in whole.up.rows] == [0, 500_000, None, 1_500_000]
    assert (whole.down.sent_known, blind.down.sent_known, blind.up.arrivals_known) == (True, False, False)


def test_keys_carry_the_packet_record_only_where_it_is_kept() -> None:
    joined = joined_for(SCENARIO)
    kept = assemble.arm_keys(joined, "shaped", "telegram-v2", (), Seen(packets=PACKETS))
    assert kept.packet_record is not None
    assert decode(kept.packet_record) == assemble.packet_record(PACKETS)
    frugal = joined._replace(surroundings=replace(SURROUNDINGS, keep_packet_records=False))
    left_out = assemble.arm_keys(frugal, "shaped", "telegram-v2", (), Seen(packets=PACKETS))
    assert (left_out.packet_record, left_out.packet_record_resolution_us) == (None, None)
    assert left_out.series == kept.series


def test_flood_longer_than_any_packet_record_leaves_the_rest_of_the_keys() -> None:
    flooded = PACKETS._replace(arrived_down=[Arrival(0, at) for at in range(MAX_PACKETS + 1)])
    keys = assemble.arm_keys(joined_for(SCENARIO), "shaped", "telegram-v2", (), Seen(packets=flooded))
    assert (keys.packet_record, keys.packet_record_resolution_us) == (None, None)
    assert len(keys.series) == 2


@pytest.mark.parametrize(("arm", "nature"), [("shaped", None), ("control", "random"), ("aa", "random")])
def test_controls_name_their_nature_also_when_they_never_began(arm, nature: str | None) -> None:
    keys = assemble.arm_keys(joined_for(SCENARIO), arm, "random:telegram-v2", ())
    assert keys.control_nature == nature
    assert (keys.responder_id, keys.responder_view, keys.series) == ("unknown", None, ())


def test_void_reason_makes_the_measurement_invalid() -> None:
    keys = assemble.arm_keys(joined_for(SCENARIO, void_reason="interrupted"), "shaped", "telegram-v2", ())
    assert (keys.valid, keys.void_reason) == (False, "interrupted")


def test_responder_view_counts_packets_once_and_says_when_it_was_cut() -> None:
    view = FlowView(
        flow_id=1,
        first_control_us=0,
        control_received=1,
        control_answered=1,
        received_sequence=(0, 0, 1),
        received_us=(0, 1, 2),
        sent_sequence=(0,),
        sent_us=(0,),
        complete=False,
    )
    summary = assemble.responder_view(view, joined_for(SCENARIO, views=(view,)).record)
    assert summary is not None
    assert (summary.packets_received, summary.packets_sent, summary.complete) == (2, 1, False)
    assert assemble.responder_view(view, None) is None


def test_load_is_the_machines_and_unknown_in_a_history() -> None:
    local = LocalConditions(kernel_timestamps=True)
    real = assemble.with_load(local, replace(SURROUNDINGS, history=None))
    assert real is not None
    assert real.load_1m == pytest.approx(assemble.load_per_core(), abs=1)
    assert assemble.with_load(local, SURROUNDINGS) == local
    assert assemble.with_load(None, SURROUNDINGS) is None


def test_envelope_is_rounded_and_free_of_addresses() -> None:
    stage = Stage(name="resolve", t0=0.0, t=0.1, outcome="ok")
    keys = assemble.arm_keys(joined_for(SCENARIO), "shaped", "telegram-v2", (stage,))
    made = assemble.measurement(keys, ENVELOPE, SURROUNDINGS, target="203.0.113.7")
    assert made.measurement_start_time == made.test_start_time == "2025-08-11 09:30:00"
    assert (made.test_runtime, made.probe_asn, made.probe_cc) == (1.235, "AS64496", "RU")
    assert made.input is None
    assert made.annotations.emulated
    assert made.test_name == "call"
