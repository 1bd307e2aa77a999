"""Small flow machines for tests of what runs them."""

from typing import NamedTuple

from callprobe.media.flow import Address, Datagram


class Arrived(NamedTuple):
    now_ns: int
    kernel_ns: int
    peer: Address
    data: bytes


class Script:
    """Sends what a list of (deadline_ns, datagrams) says, and waits for ``expected`` arrivals."""

    def __init__(
        self,
        script: list[tuple[int, list[Datagram]]],
        expected: int = 0,
        echo: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        self._script = list(script)
        self._expected = expected
        self._echo = echo
        self.called_ns: list[int] = []
        self.arrived: list[Arrived] = []
        self.send_errors = 0

    @property
    def finished(self) -> bool:
        return not self._script and len(self.arrived) >= self._expected

    def next_deadline(self) -> int | None:
        return self._script[0][0] if self._script else None

    def on_time(self, now_ns: int) -> list[Datagram]:
        self.called_ns.append(now_ns)
        return self._script.pop(0)[1]

    def on_datagram(self, now_ns: int, kernel_ns: int, peer: Address, data: bytes) -> list[Datagram]:
        self.arrived.append(Arrived(now_ns, kernel_ns, peer, data))
        return [Datagram(peer, data)] if self._echo else []

    def on_send_error(self, now_ns: int, datagram: Datagram) -> None:
        self.send_errors += 1
