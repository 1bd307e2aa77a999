"""The ``udp_open`` rung: a token-bearing random datagram that the responder echoes.

It runs on a five-tuple of its own, so that the first packets of every other flow stay exactly those of its
dialect. The echo carries a nonce; sending it back proves to the responder that this host receives what is
sent to it.
"""

from typing import Final

from callprobe.dialect import open_echo
from callprobe.dialect.contract import FlowKeys, Heard
from callprobe.media.flow import Address, Datagram

RETRY_NS: Final = tuple(quarter * 250_000_000 for quarter in range(15))
"""Often, since everything else of a run waits for a proved path: the echo of a bad line must get through."""
DEADLINE_NS: Final = 4_000_000_000
PROOF_AFTER_NS: Final = (0, 150_000_000, 400_000_000, 800_000_000)
"""The proof is not acknowledged, so it is sent several times after the answer."""


class UdpOpen:
    """One echo with retransmission; a flow machine."""

    def __init__(self, keys: FlowKeys, peer: Address, *, start_ns: int) -> None:
        """Prepare an echo whose first request leaves at ``start_ns``."""
        self._keys = keys
        self._peer = peer
        self._start_ns = start_ns
        self.attempts = 0
        self.first_request_ns: int | None = None
        self.answered_ns: int | None = None
        self.rtt_ns: int | None = None
        """Null after a retransmission: no echo tells which request it answers (RFC 6298 section 3, Karn)."""
        self._over = False
        self._proof = b""
        self._proofs_sent = 0

    @property
    def deadline_ns(self) -> int:
        """When the echo is given up."""
        return self._start_ns + DEADLINE_NS

    @property
    def finished(self) -> bool:
        """Whether the echo is answered and proved, or given up."""
        return self._over

    @property
    def settled(self) -> bool:
        """Whether it is known if the echo came back."""
        return self._over or self.answered_ns is not None

    def next_deadline(self) -> int | None:
        """Return when the next request, proof or the end of waiting is due."""
        if self._over:
            return None
        if self.answered_ns is not None:
            return self.answered_ns + PROOF_AFTER_NS[self._proofs_sent]
        if self.attempts < len(RETRY_NS):
            return self._start_ns + RETRY_NS[self.attempts]
        return self.deadline_ns

    def on_time(self, now_ns: int) -> list[Datagram]:
        """Send the next request or proof, or give up."""
        if self._over:
            return []
        if self.answered_ns is not None:
            return self._prove(now_ns)
        if self.attempts and now_ns >= self.deadline_ns:
            self._over = True
            return []
        if self.attempts >= len(RETRY_NS) or now_ns < self._start_ns + RETRY_NS[self.attempts]:
            return []
        if self.first_request_ns is None:  # a late start moves the repetitions and the deadline with it
            self.first_request_ns = self._start_ns = now_ns
        datagrams = open_echo.OPEN.requests(self._keys, self.attempts)
        self.attempts += 1
        return [Datagram(self._peer, data) for data in datagrams]

    def on_datagram(self, now_ns: int, kernel_ns: int, peer: Address, data: bytes) -> list[Datagram]:
        """Take the echo and prove it."""
        heading = open_echo.OPEN.hear(self._keys, "down", data)
        if self.settled or peer != self._peer or heading.kind is not Heard.SETUP_ANSWER:
            return []
        self.answered_ns = kernel_ns
        if self.attempts == 1 and self.first_request_ns is not None:
            self.rtt_ns = kernel_ns - self.first_request_ns
        self._proof = open_echo.proof(self._keys, data)
        return self._prove(max(now_ns, kernel_ns))

    def on_send_error(self, now_ns: int, datagram: Datagram) -> None:
        """A request that the own machine refused is retried like a lost one."""
        del now_ns, datagram

    def _prove(self, now_ns: int) -> list[Datagram]:
        due_ns = self.next_deadline()
        if due_ns is None or now_ns < due_ns:
            return []
        self._proofs_sent += 1
        self._over = self._proofs_sent == len(PROOF_AFTER_NS)
        return [Datagram(self._peer, self._proof)]
