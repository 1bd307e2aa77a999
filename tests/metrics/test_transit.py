"""Matching: order of arrival, copies, strangers."""

from callresults.metrics.transit import Arrival, SentPacket, match


def test_arrivals_are_joined_in_the_order_of_their_stamps():
    sent = [SentPacket(0, 0), SentPacket(1, 20), SentPacket(2, 40)]
    arrivals = [Arrival(2, 1050), Arrival(0, 1001), Arrival(9, 1002), Arrival(0, 1060)]
    matched = match(sent, arrivals)
    assert matched.first == {0: 1001, 2: 1010}
    assert matched.transits_ns == [1001, 1010, 1060]
    assert matched.arrived_ns == [1001, 1050, 1060]
    assert list(matched.sent_at) == [0, 1, 2]
