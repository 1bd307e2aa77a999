"""Ctrl-C, and what else ends a command in the middle."""

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def ends_as_by_ctrl_c() -> Iterator[None]:
    """Let SIGTERM, from a timer or a system that shuts down, do what Ctrl-C does; for the main thread."""
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
