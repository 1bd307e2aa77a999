import asyncio
import errno

import pytest

from callprobe.net.clock import now_ns
from callprobe.net.contract import NetError
from callprobe.net.deadline import by
from callresults.failure import Failure
from helpers.servers import asynctest


async def prompt() -> str:
    return "value"


async def failing() -> None:
    raise ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('192.0.2.1', 443)")


@asynctest
async def test_what_comes_in_time_is_returned():
    assert await by(now_ns() + 10**9, prompt()) == "value"


@asynctest
async def test_the_deadline_is_a_timeout_even_when_it_has_passed():
    for deadline_ns in (now_ns() - 1, now_ns() + 10**6):
        with pytest.raises(NetError) as caught:
            await by(deadline_ns, asyncio.Event().wait())
        assert caught.value.failure is Failure.GENERIC_TIMEOUT


@asynctest
async def test_a_failure_is_named_and_leads_to_no_address():
    with pytest.raises(NetError) as caught:
        await by(now_ns() + 10**9, failing())

    assert caught.value.failure is Failure.CONNECTION_REFUSED
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
