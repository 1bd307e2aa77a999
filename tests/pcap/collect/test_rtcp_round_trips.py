"""Round trips out of RTCP."""

from callprobe.pcap.collect import rtcp_round_trips
from callprobe.pcap.collect.rtcp_round_trips import RoundTripMeter

NEAR, FAR = ("192.0.2.1", 5001), ("203.0.113.1", 5001)
NTP = 0xE94A3B2C80000000
MIDDLE = 0x3B2C8000
MS = 1_000_000


def test_the_delay_at_the_far_end_is_taken_off() -> None:
    """Sent at 100 ms, echoed after half a second at 640 ms: 40 ms there and back."""
    meter = RoundTripMeter()
    meter.sent(1, NTP, NEAR, 100 * MS)
    meter.echoed(1, MIDDLE, 32768, FAR, 640 * MS)

    assert meter.logs[FAR].summary().median == 40.0


def test_each_end_has_its_own_distance() -> None:
    meter = RoundTripMeter()
    meter.sent(1, NTP, NEAR, 0)
    meter.sent(2, NTP, FAR, 0)
    meter.echoed(1, MIDDLE, 0, FAR, 40 * MS)
    meter.echoed(2, MIDDLE, 0, NEAR, 1 * MS)

    assert {end: log.summary().max for end, log in meter.logs.items()} == {FAR: 40.0, NEAR: 1.0}


def test_nothing_comes_of_what_was_not_sent_or_of_clocks_that_lie() -> None:
    meter = RoundTripMeter()
    meter.sent(1, NTP, NEAR, 0)
    meter.echoed(1, 0, 0, FAR, MS)
    meter.echoed(1, MIDDLE + 1, 0, FAR, MS)
    meter.echoed(2, MIDDLE, 0, FAR, MS)
    meter.echoed(1, MIDDLE, 65536, FAR, MS)
    meter.echoed(1, MIDDLE, 0, NEAR, MS)

    assert meter.logs == {}


def test_what_waits_and_who_answers_is_bounded() -> None:
    meter = RoundTripMeter()
    for ssrc in range(rtcp_round_trips.MOST_SENT + 1):
        meter.sent(ssrc, NTP, NEAR, 0)
    meter.echoed(0, MIDDLE, 0, FAR, MS)
    for port in range(rtcp_round_trips.MOST_ENDS + 5):
        meter.echoed(9, MIDDLE, 0, ("203.0.113.1", port), MS)

    assert FAR not in meter.logs
    assert len(meter.logs) == rtcp_round_trips.MOST_ENDS
