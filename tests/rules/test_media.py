"""What came through of an arm, as far as its record knows."""

import msgspec
import pytest

from callresults.nettests.call import Second
from callresults.rules.media import Traffic, came_through, packets_in_final_silence, traffic
from helpers.synthetic import CALL_STAGES, call_keys, ladder


def second(number: int, up: int | None, down: int, *, sent_down: int | None = 50) -> Second:
    return Second(second=number, sent_up=50, received_up=up, sent_down=sent_down, received_down=down)


def test_both_halves_known_gives_the_metrics_counts() -> None:
    keys = call_keys()
    up, down = traffic(keys)

    assert keys.metrics_up is not None
    assert keys.metrics_down is not None
    assert up == Traffic(keys.metrics_up.packets_sent, keys.metrics_up.packets_received)
    assert down == Traffic(keys.metrics_down.packets_sent, keys.metrics_down.packets_received)


def test_without_the_far_ends_record_the_own_schedule_stands_for_what_it_sent() -> None:
    """What arrived up is then not known at all."""
    rows = (second(0, None, 40, sent_down=None), second(1, None, 50, sent_down=None))
    up, down = traffic(call_keys(metrics_up=None, metrics_down=None, series=rows))

    assert up == Traffic(100, None)
    assert down == Traffic(100, 90)
    assert down.loss_ratio == pytest.approx(0.1)


def test_more_arrivals_than_were_sent_make_the_loss_unknown() -> None:
    assert Traffic(100, 111).loss_ratio is None
    assert Traffic(100, 105).loss_ratio == 0.0
    assert Traffic(0, 0).loss_ratio is None


def test_the_final_silence_is_counted_in_packets_of_the_worse_direction() -> None:
    rows = (second(0, 50, 50), second(1, 50, 0), second(2, 0, 0))

    assert packets_in_final_silence(call_keys(series=rows)) == 100


def test_media_at_either_end_came_through() -> None:
    """An arm that never began, and of which nobody heard anything, did not."""
    dead = call_keys(stages=ladder(CALL_STAGES, "udp_open"), metrics_up=None, metrics_down=None, series=())
    dead = msgspec.structs.replace(dead, responder_view=None)

    assert came_through(call_keys())
    assert not came_through(dead)
    assert came_through(msgspec.structs.replace(dead, series=(second(0, 1, 0),)))
