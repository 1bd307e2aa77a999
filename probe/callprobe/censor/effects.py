"""What a rule does to the packets of one flow in one direction; each actor has a random stream of its own."""

import math
from collections.abc import Callable
from random import Random
from typing import Final

from callprobe.censor.policy import Delay, Drop, Duplicate, Gilbert, Rate

DROPPED: Final = -1
"""The answer of an actor that drops the packet; otherwise it answers how long to hold it, ns."""

Act = Callable[[int, int], int]
"""``(now_ns, size_bytes) -> DROPPED or hold_ns``."""


def make_act(effect: Drop | Gilbert | Delay | Rate, random: Random) -> Act:
    """Return the actor of an effect, in its starting state."""
    if isinstance(effect, Drop):
        return _drop(effect.ratio, random)
    if isinstance(effect, Delay):
        return _Hold(effect, random).act
    if isinstance(effect, Rate):
        return _Bucket(effect).act
    return _TimedChain(effect, random).act if effect.burst_ms else _PacketChain(effect, random).act


def make_copies(effect: Duplicate, random: Random) -> Callable[[], int | None]:
    """Return a function that says how long after the first copy a second follows, ns, or None for none."""
    gap_ns = round(effect.gap_ms * 1e6)
    return lambda: gap_ns if random.random() < effect.ratio else None


def _drop(ratio: float, random: Random) -> Act:
    draw = random.random
    return lambda _now_ns, _size: DROPPED if draw() < ratio else 0


class _PacketChain:
    """Gilbert-Elliott's chain, one step per packet."""

    def __init__(self, effect: Gilbert, random: Random) -> None:
        bad = effect.bad_share
        to_good = effect.r or 1.0 / (effect.burst_packets or 1.0)
        self._draw = random.random
        self._to_good = to_good
        self._to_bad = effect.p or to_good * bad / (1.0 - bad)
        self._loss_in = (effect.g0, effect.h)
        self._bad = random.random() < bad

    def act(self, _now_ns: int, _size: int) -> int:
        loss = self._loss_in[self._bad]
        lost = loss >= 1.0 or self._draw() < loss
        if self._draw() < (self._to_good if self._bad else self._to_bad):
            self._bad = not self._bad
        return DROPPED if lost else 0


class _TimedChain:
    """The same chain in continuous time, looked at when a packet comes."""

    def __init__(self, effect: Gilbert, random: Random) -> None:
        assert effect.burst_ms is not None
        self._share = effect.bad_share
        self._decay_per_ns = -1.0 / (effect.burst_ms * 1e6 * (1.0 - self._share))
        self._loss_in = (effect.g0, effect.h)
        self._draw = random.random
        self._bad = random.random() < self._share
        self._last_ns: int | None = None

    def act(self, now_ns: int, _size: int) -> int:
        if self._last_ns is not None:
            memory = math.exp(self._decay_per_ns * max(0, now_ns - self._last_ns))
            chance_bad = self._share + (self._bad - self._share) * memory
            self._bad = self._draw() < chance_bad
        self._last_ns = now_ns
        return DROPPED if self._draw() < self._loss_in[self._bad] else 0


class _Hold:
    """Delay with uniform jitter, in order when asked."""

    def __init__(self, effect: Delay, random: Random) -> None:
        self._delay_ns = effect.delay_ms * 1e6
        self._jitter_ns = effect.jitter_ms * 1e6
        self._keep_order = effect.keep_order
        self._draw = random.random
        self._last_due_ns = 0

    def act(self, now_ns: int, _size: int) -> int:
        hold_ns = self._delay_ns
        if self._jitter_ns:
            hold_ns = max(0.0, hold_ns + self._jitter_ns * (2.0 * self._draw() - 1.0))
        due_ns = now_ns + round(hold_ns)
        if self._keep_order:
            due_ns = self._last_due_ns = max(due_ns, self._last_due_ns)
        return due_ns - now_ns


class _Bucket:
    """Token bucket: filled at the rate, emptied by what passes."""

    def __init__(self, effect: Rate) -> None:
        self._bytes_per_ns = effect.kbit_s / 8e6
        self._depth_bytes = float(effect.burst_bytes)
        self._tokens_bytes = self._depth_bytes
        self._last_ns: int | None = None

    def act(self, now_ns: int, size: int) -> int:
        if self._last_ns is not None:
            gained = max(0, now_ns - self._last_ns) * self._bytes_per_ns
            self._tokens_bytes = min(self._depth_bytes, self._tokens_bytes + gained)
        self._last_ns = now_ns
        if size > self._tokens_bytes:
            return DROPPED
        self._tokens_bytes -= size
        return 0
