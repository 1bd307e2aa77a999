"""What effects do to a stream of packets, against the figures they promise."""

import math
from itertools import groupby
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.censor.effects import DROPPED, make_act, make_copies
from callprobe.censor.policy import Delay, Drop, Duplicate, Gilbert, Rate

MS = 1_000_000


def lost(effect: Drop | Gilbert | Rate, seed: int, packets: int, gap_ns: int = 20 * MS) -> list[bool]:
    """Return for each of evenly spaced packets whether it was lost."""
    act = make_act(effect, Random(seed))
    return [act(number * gap_ns, 200) == DROPPED for number in range(packets)]


def test_gilbert_loss_lies_in_its_analytic_interval() -> None:
    """For 200 seeds the loss is in the 95 % interval, widened by the chain's correlation, as often as due."""
    p, r, packets = 0.02, 0.25, 4000
    share, rho = p / (p + r), 1 - p - r
    half = 1.96 * math.sqrt(share * (1 - share) / packets * (1 + rho) / (1 - rho))
    losses = [sum(lost(Gilbert(p=p, r=r), seed, packets)) / packets for seed in range(200)]

    assert 182 <= sum(abs(loss - share) <= half for loss in losses) <= 196


def test_gilbert_bursts_have_their_mean_length() -> None:
    """Bursts of 4 packets are 4 packets long, within 99 % of their geometric spread."""
    losses = lost(Gilbert(loss_ratio=0.2, burst_packets=4.0), 5, 60_000)
    runs = [len(list(run)) for is_lost, run in groupby(losses) if is_lost]
    half = 2.58 * math.sqrt(1 - 1 / 4) * 4 / math.sqrt(len(runs))

    assert abs(sum(runs) / len(runs) - 4.0) <= half


@pytest.mark.parametrize("gap_ms", [1, 5])
def test_timed_bursts_do_not_depend_on_the_packet_rate(gap_ms: int) -> None:
    """Bursts of 200 ms last 200 ms and take 30 % of the time for streams of any rate."""
    losses = lost(Gilbert(loss_ratio=0.3, burst_ms=200.0), 7, 1_000_000 // gap_ms // 2, gap_ms * MS)
    runs = [len(list(run)) * gap_ms for is_lost, run in groupby(losses) if is_lost]

    assert sum(losses) / len(losses) == pytest.approx(0.3, rel=0.12)
    assert sum(runs) / len(runs) == pytest.approx(200, rel=0.12)


def test_loss_within_the_states_is_as_stated() -> None:
    """With h = 0.5 and g0 = 0.1 the long-run loss is the mixture of both."""
    losses = lost(Gilbert(p=0.1, r=0.1, h=0.5, g0=0.1), 3, 40_000)

    assert sum(losses) / len(losses) == pytest.approx(0.3, abs=0.01)


def test_independent_drop_has_its_ratio() -> None:
    """A ratio of 0.2 drops a fifth."""
    assert sum(lost(Drop(ratio=0.2), 1, 20_000)) == pytest.approx(4000, abs=3 * math.sqrt(3200))


def test_policer_passes_its_rate() -> None:
    """64 kbit/s offered 128 lets 64 kbit/s through, the bucket's first filling apart."""
    losses = lost(Rate(kbit_s=64.0, burst_bytes=400), 1, 5000, gap_ns=200 * 8 * MS // 128)
    seconds = 5000 * 200 * 8 / 128_000

    assert losses.count(False) * 200 * 8 / seconds == pytest.approx(64_000, rel=0.01)


def test_policer_spares_what_is_slower() -> None:
    """A stream below the rate loses nothing."""
    assert not any(lost(Rate(kbit_s=200.0, burst_bytes=400), 1, 1000))


@given(st.integers(0, 2**32), st.floats(0, 100), st.floats(0, 200))
def test_delay_stays_in_its_band(seed: int, delay_ms: float, jitter_ms: float) -> None:
    """No packet is held less than nothing or more than delay plus jitter."""
    act = make_act(Delay(delay_ms=delay_ms, jitter_ms=jitter_ms), Random(seed))

    assert all(0 <= act(number, 100) <= round((delay_ms + jitter_ms) * MS) + 1 for number in range(50))


def test_order_is_kept_when_asked() -> None:
    """With keep_order no packet overtakes another, without it some do."""
    times = range(0, 2000 * MS, 10 * MS)
    loose = make_act(Delay(delay_ms=50, jitter_ms=40), Random(1))
    strict = make_act(Delay(delay_ms=50, jitter_ms=40, keep_order=True), Random(1))
    loose_due = [time + loose(time, 100) for time in times]
    strict_due = [time + strict(time, 100) for time in times]

    assert loose_due != sorted(loose_due)
    assert strict_due == sorted(strict_due)


def test_copies_come_in_their_share_and_after_their_gap() -> None:
    """A tenth of the packets is doubled, the second copy 5 ms later."""
    copy = make_copies(Duplicate(ratio=0.1, gap_ms=5.0), Random(2))
    gaps = [copy() for _ in range(10_000)]

    assert {gap for gap in gaps if gap is not None} == {5 * MS}
    assert sum(gap is not None for gap in gaps) == pytest.approx(1000, abs=90)
