"""The per-second series beside each other."""

from callresults.metrics.summary import SecondCount
from callresults.nettests.call import Second
from callresults.nettests.series import series_of

UP = [SecondCount(0, 50, 49), SecondCount(1, 50, 50)]
DOWN = [SecondCount(0, 50, 30)]


def test_both_directions_stand_in_one_row_and_the_shorter_is_filled_with_nothing():
    assert series_of(UP, DOWN, responder_view=True) == (
        Second(second=0, sent_up=50, received_up=49, sent_down=50, received_down=30),
        Second(second=1, sent_up=50, received_up=50, sent_down=0, received_down=0),
    )


def test_what_only_the_responder_knows_is_unknown_without_it():
    first, _ = series_of(UP, DOWN, responder_view=False)
    assert first == Second(second=0, sent_up=50, received_up=None, sent_down=None, received_down=30)
