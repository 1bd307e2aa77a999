"""What became of several that were asked."""

from callprobe.pcap.tell.rung import outcome_of


def test_some_answers_are_a_part() -> None:
    """None is a failure, all are success."""
    assert [outcome_of(answered, 3) for answered in range(4)] == ["failed", "partial", "partial", "ok"]
