"""A selector whose waits are not rounded up to whole milliseconds, where epoll would."""

import select
import selectors
import sys


class PreciseSelector(selectors.DefaultSelector):
    """Waits with select(2), which counts microseconds, on the epoll descriptor, and then asks epoll."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout > 0 and sys.platform == "linux":
            select.select([self.fileno()], [], [], timeout)
            timeout = 0
        return super().select(timeout)
