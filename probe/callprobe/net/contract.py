"""What the probe may ask of a network; one implementation on sockets, one on the lab's virtual clock.

Nettests are written against this and run unchanged on either.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import httpx

from callprobe.media.flow import FlowMachine
from callresults.failure import Failure


class NetError(Exception):
    """A network operation failed; ``failure`` says how, in the closed list. The text names no address."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class Stream(Protocol):
    """A TCP connection, with or without TLS on it. Every wait has the deadline given at the call."""

    async def send(self, data: bytes, deadline_ns: int) -> None:
        """Send all of ``data``. Raises NetError."""
        ...

    async def receive(self, max_bytes: int, deadline_ns: int) -> bytes:
        """Return 1..max_bytes bytes, or b"" at the peer's end. Raises NetError."""
        ...

    async def close(self) -> None:
        """Close at once, without waiting for the peer."""
        ...


class FlowGroup(Protocol):
    """Open flows, each on a fresh local socket with a random port, that keep running between calls."""

    @property
    def kernel_timestamps(self) -> bool:
        """Whether arrivals carry the kernel's stamp."""
        ...

    def local_drops(self, index: int) -> int:
        """Datagrams that the own machine dropped for flow ``index`` (SO_RXQ_OVFL, failing sends)."""
        ...

    def send_lateness_ns(self, index: int) -> list[int]:
        """Return how late each scheduled datagram of flow ``index`` left, nanoseconds after its deadline."""
        ...

    async def run(self, until_ns: int) -> None:
        """Run all machines until ``until_ns`` or until every one is finished."""
        ...

    async def close(self) -> None:
        """Close the sockets."""
        ...


class Net(Protocol):
    """The edge: clocks, names, streams, flows."""

    @property
    def virtual(self) -> bool:
        """True when nothing leaves the process."""
        ...

    def now_ns(self) -> int:
        """Monotonic nanoseconds."""
        ...

    def utc_now(self) -> datetime:
        """Wall clock, UTC, aware."""
        ...

    async def sleep_until(self, when_ns: int) -> None:
        """Return at or after ``when_ns``."""
        ...

    def own_address(self, host: str) -> str | None:
        """Return the own address that packets to the address ``host`` carry, or None where none can tell.

        Nothing is sent. It is needed to keep it out of every record.
        """
        ...

    async def resolve(self, host: str, deadline_ns: int) -> list[str]:
        """Return the textual addresses of ``host``. Raises NetError."""
        ...

    async def open_stream(self, host: str, port: int, deadline_ns: int) -> Stream:
        """Connect TCP to an address. Raises NetError."""
        ...

    async def start_tls(self, stream: Stream, server_name: str, deadline_ns: int) -> Stream:
        """Do a TLS handshake on ``stream``, verifying the certificate. Raises NetError."""
        ...

    async def open_flows(self, machines: Sequence[FlowMachine]) -> FlowGroup:
        """Open one socket per machine. Raises NetError."""
        ...

    def http(self) -> httpx.AsyncBaseTransport:
        """Return a transport for httpx on this network; refuses what the local guard refuses."""
        ...
