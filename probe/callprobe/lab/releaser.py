"""Absolute deadlines on an asyncio loop, kept as exactly as a portable program can."""

import asyncio
import heapq
import itertools
from collections.abc import Callable

from callprobe.net.clock import now_ns
from callprobe.net.precise import PreciseSelector

Release = Callable[[int], None]
"""Called with the time of the release, monotonic ns."""


class Releaser:
    """Calls back at or soon after given times, in order."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._heap: list[tuple[int, int, Release]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    def at(self, due_ns: int, release: Release) -> None:
        """Call ``release`` at ``due_ns`` (monotonic ns); at once when that is past."""
        current_ns = now_ns()
        if due_ns <= current_ns:
            release(current_ns)
            return
        heapq.heappush(self._heap, (due_ns, next(self._order), release))
        if self._heap[0][0] == due_ns:
            self._arm(current_ns)

    def close(self) -> None:
        """Forget what is still held."""
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, current_ns: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later((self._heap[0][0] - current_ns) / 1e9, self._fire)

    def _fire(self) -> None:
        self._timer = None
        while self._heap and self._heap[0][0] <= (current_ns := now_ns()):
            heapq.heappop(self._heap)[2](current_ns)
        if self._heap and self._timer is None:
            self._arm(now_ns())


def precise_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop whose timers are not rounded up to whole milliseconds, where epoll would."""
    return asyncio.SelectorEventLoop(PreciseSelector())
