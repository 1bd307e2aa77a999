"""The ``stun_binding`` rung: one plain STUN Binding request and its retransmissions. Pure.

RFC 8489 section 6.2.1, ended early by a deadline: the RFC's own 39.5 s say no more about a blocked path. What
address the server saw is not kept.
"""

from typing import Final

from callprobe.media.flow import Address, Datagram
from callprobe.wire import stun
from callresults.failure import Failure

RTO_NS: Final = 500_000_000
"""First wait; each later one is twice as long."""
MAX_REQUESTS: Final = 7
"""Rc of the RFC."""
BINDING_ERROR_RESPONSE: Final = 0x0111


class StunBinding:
    """One Binding transaction; a flow machine."""

    def __init__(
        self, peer: Address, transaction_id: bytes, *, start_ns: int, deadline_ns: int, rto_ns: int = RTO_NS
    ) -> None:
        """Prepare a transaction: first request at ``start_ns``, end of waiting at ``deadline_ns``."""
        self._peer = peer
        self._transaction_id = transaction_id
        self._request = Datagram(peer, stun.binding_request(transaction_id))
        self._deadline_ns = deadline_ns
        self._rto_ns = rto_ns
        self._next_request_ns = start_ns
        self._first_sent_ns: int | None = None
        self._send_errors = 0
        self._error_answered = False
        self._expired = False
        self.attempts = 0
        """Requests sent or tried, retransmissions included."""
        self.foreign = 0
        """Datagrams that were no answer to this transaction."""
        self.bytes_received = 0
        """UDP payload bytes of the answer."""
        self.answered_ns: int | None = None
        """Kernel's stamp of the answer, on the driver's clock."""

    @property
    def finished(self) -> bool:
        """Whether the transaction is answered or its time is over."""
        return self._expired or self.answered_ns is not None

    @property
    def failure(self) -> Failure | None:
        """Why there is no success response; None when there is one."""
        if self.answered_ns is not None:
            return Failure.STUN_ERROR_RESPONSE if self._error_answered else None
        if self.attempts and self._send_errors == self.attempts:
            return Failure.LOCAL_SEND_ERROR
        return Failure.STUN_TIMEOUT

    @property
    def rtt_ns(self) -> int | None:
        """Round trip; None after a retransmission, for an answer does not say to which request (Karn)."""
        if self.answered_ns is None or self._first_sent_ns is None or self.attempts > 1:
            return None
        return max(self.answered_ns - self._first_sent_ns, 0)

    def next_deadline(self) -> int | None:
        """Return when the next request or the end of waiting is due."""
        if self.finished:
            return None
        if self.attempts < MAX_REQUESTS:
            return min(self._next_request_ns, self._deadline_ns)
        return self._deadline_ns

    def on_time(self, now_ns: int) -> list[Datagram]:
        """Send the next request, or give up."""
        if self.finished:
            return []
        if now_ns >= self._deadline_ns:
            self._expired = True
            return []
        if self.attempts >= MAX_REQUESTS or now_ns < self._next_request_ns:
            return []
        if self._first_sent_ns is None:
            self._first_sent_ns = now_ns
        self._next_request_ns += self._rto_ns << self.attempts
        self.attempts += 1
        return [self._request]

    def on_datagram(self, now_ns: int, kernel_ns: int, peer: Address, data: bytes) -> list[Datagram]:
        """Take the answer; anything else is counted and ignored."""
        del now_ns
        message = _answer(data)
        if self.finished or message is None or self._is_foreign(peer, message):
            self.foreign += 1
            return []
        self._error_answered = message.type == BINDING_ERROR_RESPONSE
        self.bytes_received = len(data)
        self.answered_ns = kernel_ns
        return []

    def on_send_error(self, now_ns: int, datagram: Datagram) -> None:
        """Learn that a request never left; it is retransmitted like a lost one."""
        del now_ns, datagram
        self._send_errors += 1

    def _is_foreign(self, peer: Address, message: stun.Message) -> bool:
        return peer != self._peer or message.transaction_id != self._transaction_id


def _answer(data: bytes) -> stun.Message | None:
    """Return the Binding response in ``data``, None for what is not one."""
    try:
        message = stun.parse(data)
    except stun.StunError:
        return None
    return message if message.type in {stun.BINDING_RESPONSE, BINDING_ERROR_RESPONSE} else None
