"""TCP through the gate: segments that the censor drops are offered again, as a sender would retransmit them.

The kernel answers the client's SYN before a user-space relay can judge it, so a connection whose SYN is
dropped shows as accepted and silent, not as unanswered.
"""

import asyncio
import contextlib
from functools import partial
from typing import Final

from callprobe.censor.core import Address, FlowTuple, Way
from callprobe.lab.gate import Gate, Packet
from callprobe.net.clock import now_ns

SEGMENT_BYTES: Final = 1400
FIRST_RTO_S: Final = 1.0
"""Wait before the first retransmission, doubled each time (RFC 6298 sections 2 and 5.5)."""
RETRIES: Final = 6
"""After so many retransmissions the connection is given up."""


class TcpForward:
    """Forwards the connections of one port to its twin at the target."""

    def __init__(self, gate: Gate, target: Address) -> None:
        self._gate = gate
        self._target = target
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one accepted connection to its end."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        client: Address = writer.get_extra_info("peername")[:2]
        try:
            await self._connect(FlowTuple("tcp", client, self._target), reader, writer)
        except (OSError, _GivenUpError, asyncio.CancelledError):
            pass  # the client sees its connection end, which is all that a network would show it
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def close(self) -> None:
        """End every connection."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connect(
        self, flow: FlowTuple, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await self._offer("up", flow, b"")
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        try:
            await asyncio.gather(
                self._pump("up", flow, reader, far_writer), self._pump("down", flow, far_reader, writer)
            )
        finally:
            far_writer.close()

    async def _pump(
        self, way: Way, flow: FlowTuple, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(SEGMENT_BYTES):
            await self._offer(way, flow, data)
            writer.write(data)
            await writer.drain()
        await self._offer(way, flow, b"")
        with contextlib.suppress(OSError):
            writer.write_eof()

    async def _offer(self, way: Way, flow: FlowTuple, data: bytes) -> None:
        """Return when the censor has let the segment go. Raises _GivenUpError."""
        for attempt in range(RETRIES + 1):
            gone = asyncio.Event()
            if self._gate.judge(Packet(now_ns(), way, flow, data), partial(_set, gone)):
                await gone.wait()
                return
            await asyncio.sleep(FIRST_RTO_S * 2**attempt)
        raise _GivenUpError


class _GivenUpError(Exception):
    """No retransmission came through."""


def _set(event: asyncio.Event) -> bool:
    event.set()
    return True
