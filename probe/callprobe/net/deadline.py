"""One way to wait for the network: until a deadline, and with a named failure."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from callprobe.net.clock import now_ns
from callprobe.net.contract import NetError
from callprobe.net.failures import failure_of

T = TypeVar("T")


async def by(deadline_ns: int, operation: Awaitable[T]) -> T:
    """Return what ``operation`` returns. Raises NetError when it fails or the deadline passes first.

    The system's error is not chained: its text names addresses.
    """
    try:
        async with asyncio.timeout((deadline_ns - now_ns()) / 1e9):
            return await operation
    except OSError as error:
        raise NetError(failure_of(error)) from None
