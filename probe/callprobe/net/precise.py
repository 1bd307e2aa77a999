"""A selector whose waits are not rounded up to whole milliseconds, or to one more, as epoll's are."""

import select
import selectors
import sys
from typing import Final

MOST_DESCRIPTORS: Final = 1024
"""FD_SETSIZE: select(2) knows none from here on."""
_IS_LINUX: Final = sys.platform == "linux"


class PreciseSelector(selectors.DefaultSelector):
    """Waits with select(2), which counts microseconds, on the epoll descriptor, and then asks epoll."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout > 0 and _IS_LINUX and self.fileno() < MOST_DESCRIPTORS:
            select.select([self.fileno()], [], [], timeout)
            timeout = 0
        return super().select(timeout)
