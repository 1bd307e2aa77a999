"""Paired blocks: what is compared with what."""

import msgspec

from callresults.nettests.call import CallKeys, Second
from callresults.rules.blocks import paired_blocks
from helpers.synthetic import call_keys, cut_after, gilbert_loss


def keys(*seconds: tuple[int, int | None, int | None, int]) -> CallKeys:
    rows = tuple(
        Second(second=index, sent_up=a, received_up=b, sent_down=c, received_down=d)
        for index, (a, b, c, d) in enumerate(seconds)
    )
    return msgspec.structs.replace(call_keys(duration_s=1.0), series=rows)


def test_each_direction_of_a_second_is_a_block():
    target = keys((50, 40, 50, 45), (50, 50, 50, 50))
    control = keys((50, 50, 50, 50), (50, 49, 50, 48))
    found = paired_blocks([target, control])
    assert found.blocks == [(10, 0), (0, 1), (5, 0), (0, 2)]
    assert found.packets_per_block == 50


def test_without_the_responders_view_only_the_way_down_is_compared():
    target = keys((50, None, None, 40), (50, None, None, 50))
    control = keys((50, 50, 50, 50), (50, 50, 50, 45))
    assert paired_blocks([target, control]).blocks == [(10, 0), (0, 5)]


def test_unequal_senders_are_scaled_to_the_target():
    assert paired_blocks([keys((50, 40, 50, 50)), keys((25, 20, 50, 50))]).blocks == [(10, 10), (0, 0)]


def test_seconds_in_which_an_arm_sent_nothing_are_left_out():
    assert paired_blocks([keys((50, 50, 0, 0)), keys((50, 50, 0, 0))]).blocks == [(0, 0)]


def test_only_seconds_that_all_lived_through_count():
    assert len(paired_blocks([call_keys(duration_s=5.0), call_keys(duration_s=3.0)]).blocks) == 6


def test_long_series_and_long_runs_are_compared_in_longer_blocks():
    assert len(paired_blocks([call_keys(duration_s=60.0)] * 2).blocks) == 40
    bursty = call_keys(duration_s=10.0, up=gilbert_loss(0.3, 30), down=gilbert_loss(0.3, 30))
    assert len(paired_blocks([bursty, call_keys(duration_s=10.0)]).blocks) < 10
    cut = call_keys(duration_s=10.0, up=cut_after(100))
    assert len(paired_blocks([cut, call_keys(duration_s=10.0)]).blocks) == 2
