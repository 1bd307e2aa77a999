"""Absolute deadlines: in order, never early."""

import asyncio

from callprobe.lab.releaser import Releaser
from callprobe.net.clock import now_ns
from helpers.loopback import run

MS = 1_000_000


def test_releases_come_in_order_and_never_early() -> None:
    """Whatever the order of asking, each call comes at or after its time."""

    async def go() -> list[tuple[int, int]]:
        releaser, start_ns, done = Releaser(), now_ns(), asyncio.Event()
        seen: list[tuple[int, int]] = []
        for delay_ms in (9, 3, 6, 0, -5):
            due_ns = start_ns + delay_ms * MS
            releaser.at(due_ns, lambda at_ns, due_ns=due_ns: seen.append((due_ns - start_ns, at_ns - due_ns)))
        releaser.at(start_ns + 12 * MS, lambda _: done.set())
        await done.wait()
        return seen

    seen = run(go())

    assert [due_ns // MS for due_ns, _ in seen] == [0, -5, 3, 6, 9]
    assert all(late_ns >= 0 for _, late_ns in seen)


def test_closed_releaser_forgets() -> None:
    """What is held when the relay stops is never released."""

    async def go() -> list[int]:
        releaser, later, seen = Releaser(), Releaser(), list[int]()
        done = asyncio.Event()
        releaser.at(now_ns() + 2 * MS, seen.append)
        releaser.close()
        later.at(now_ns() + 4 * MS, lambda _: done.set())
        await done.wait()
        return seen

    assert run(go()) == []
