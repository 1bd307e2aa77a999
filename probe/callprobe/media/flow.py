"""The seam of the media plane: a pure machine per five-tuple, run by any driver.

A machine never reads a clock or a socket. Time comes in as ``now_ns`` (monotonic nanoseconds of the driver),
datagrams go out as return values. Three drivers run the same machine: asyncio sockets, a process of its own,
and the virtual clock of the lab.
"""

from typing import NamedTuple, Protocol

Address = tuple[str, int]
"""Host (textual IP address) and UDP port."""


class Datagram(NamedTuple):
    """One datagram to send."""

    peer: Address
    data: bytes


class FlowMachine(Protocol):
    """One five-tuple: everything it will send, and what it makes of what arrives."""

    @property
    def finished(self) -> bool:
        """True when the machine neither sends nor waits any more."""
        ...

    def next_deadline(self) -> int | None:
        """Return when ``on_time`` wants to be called next (ns), or None for *only on arrival*."""
        ...

    def on_time(self, now_ns: int) -> list[Datagram]:
        """Return what is due at ``now_ns``; called at or after ``next_deadline``."""
        ...

    def on_datagram(self, now_ns: int, kernel_ns: int, peer: Address, data: bytes) -> list[Datagram]:
        """Take one arrival, stamped ``kernel_ns`` by the kernel on the driver's clock; return the replies."""
        ...

    def on_send_error(self, now_ns: int, datagram: Datagram) -> None:
        """Learn that the own machine could not send: a local loss, never the network's."""
        ...
