"""Loss: the waiting time and the playout deadline."""

from callresults.metrics.loss import late_sequences, ratio, within_wait


def test_a_packet_after_the_waiting_time_is_lost():
    assert within_wait({0: 100, 1: 300, 2: 301}, 200) == {0: 100, 1: 300}


def test_the_waiting_time_runs_from_the_smallest_transit_whatever_the_clocks_say():
    assert within_wait({0: -(10**15), 1: -(10**15) + 200}, 200).keys() == {0, 1}


def test_nothing_received_is_nothing_in_time():
    assert within_wait({}, 200) == {}
    assert late_sequences({}, 60) == set()


def test_late_is_beyond_the_jitter_buffer():
    assert late_sequences({0: 5, 1: 65, 2: 66}, 60) == {2}


def test_ratio_of_nothing_is_unknown():
    assert ratio(1, 4) == 0.25
    assert ratio(0, 0) is None
