"""The UDP echo of the ``udp_open`` rung: is there a way for any datagram, there and back?

The caller sends 64 bytes that look like nothing, the responder answers with as many and a nonce of its own,
and the caller gives proof of the nonce. Only then has the responder seen that the caller receives there.
The nonce is the responder's to draw, so an answer is made by ``answer`` and not by ``Dialect.answers``.
"""

import hashlib
import hmac
from typing import Final

from callprobe.dialect.contract import (
    TOKEN_BYTES,
    CallMedium,
    Direction,
    FlowKeys,
    Heading,
    Heard,
    Schedule,
    SetupStage,
    Slot,
)
from callprobe.dialect.filler import faceless, is_faceless, keystream, start

NONCE_BYTES: Final = 16
REQUEST_BYTES: Final = 64
PROOF_BYTES: Final = 48
_TAG_BYTES: Final = 16
_NONCE_END: Final = TOKEN_BYTES + NONCE_BYTES
_TAG_END: Final = _NONCE_END + _TAG_BYTES
_SECOND_NS: Final = 1_000_000_000

_FOREIGN: Final = Heading(Heard.FOREIGN)
_CONTROL: Final = Heading(Heard.CONTROL)


class OpenEcho:
    """See ``callprobe.dialect.contract.Dialect``. It carries no media."""

    name = "open"
    version = "1"
    capture_date: str | None = None
    setup = SetupStage(
        name="udp_open",
        failure="udp_echo_timeout",
        deadline_ns=4 * _SECOND_NS,
        retry_ns=tuple(int(after * _SECOND_NS) for after in (0.0, 0.25, 0.75, 1.75, 2.75)),
    )
    keepalive_first_ns: int | None = None
    keepalive_ns: int | None = None

    def schedule(
        self, medium: CallMedium, duration_s: float, seed: int, direction: Direction = "up"
    ) -> Schedule:
        """Return no packets."""
        del medium, duration_s, seed, direction
        return ()

    def requests(self, keys: FlowKeys, attempt: int) -> list[bytes]:
        at = start(attempt)
        filler = keystream(keys, "open request")[at : at + REQUEST_BYTES - TOKEN_BYTES]
        return [_prefix(keys, "up") + filler]

    def keepalive(self, keys: FlowKeys, index: int) -> list[bytes]:
        """Return nothing."""
        del keys, index
        return []

    def farewell(self, keys: FlowKeys) -> list[bytes]:
        """Return nothing."""
        del keys
        return []

    def media(self, keys: FlowKeys, direction: Direction, slot: Slot) -> bytes:
        """Return bytes of the slot's size; ``hear`` takes them for FOREIGN, since an echo has no media."""
        at = start(slot.sequence)
        filler = keystream(keys, f"open media {direction}")
        return filler[at : at + slot.size]

    def idents(self, keys: FlowKeys) -> tuple[bytes, ...]:
        return (_prefix(keys, "up"),)

    def ident_of(self, data: bytes) -> bytes | None:
        """Return the start of a request; a proof is no first packet and identifies nothing."""
        return data[:TOKEN_BYTES] if len(data) == REQUEST_BYTES and is_faceless(data) else None

    def hear(self, keys: FlowKeys, direction: Direction, data: bytes) -> Heading:
        if data[:TOKEN_BYTES] != _prefix(keys, direction):
            return _FOREIGN
        if direction == "up":
            return _CONTROL if len(data) in {REQUEST_BYTES, PROOF_BYTES} else _FOREIGN
        tag = _tag(keys, "answer", nonce_of_answer(data))
        genuine = len(data) == REQUEST_BYTES and hmac.compare_digest(data[_NONCE_END:_TAG_END], tag)
        return Heading(Heard.SETUP_ANSWER) if genuine else _FOREIGN

    def answers(self, keys: FlowKeys, utc_ms: int, source: tuple[str, int], data: bytes) -> list[bytes]:
        """Return nothing: an answer needs the responder's nonce, see ``answer``."""
        del keys, utc_ms, source, data
        return []


OPEN: Final = OpenEcho()


def answer(keys: FlowKeys, nonce: bytes, data: bytes) -> bytes:
    """Return the responder's answer to the request ``data``, never longer than that.

    ``nonce``: 16 bytes that the caller cannot foretell, drawn by the responder.
    """
    at = start(int.from_bytes(nonce[:2], "big"))
    head = _prefix(keys, "down") + nonce + _tag(keys, "answer", nonce)
    return (head + keystream(keys, "open answer")[at : at + REQUEST_BYTES - len(head)])[: len(data)]


def nonce_of_answer(data: bytes) -> bytes:
    """Return the responder's nonce in an answer that ``hear`` took for SETUP_ANSWER."""
    return data[TOKEN_BYTES:_NONCE_END]


def proof(keys: FlowKeys, data: bytes) -> bytes:
    """Return the caller's proof that it received the answer ``data``."""
    tag = _tag(keys, "proof", nonce_of_answer(data))
    filler = keystream(keys, "open proof")[: PROOF_BYTES - TOKEN_BYTES - _TAG_BYTES]
    return _prefix(keys, "up") + tag + filler


def is_proof(keys: FlowKeys, nonce: bytes, data: bytes) -> bool:
    """Say whether ``data`` proves that its sender received the answer with ``nonce``."""
    if len(data) != PROOF_BYTES or data[:TOKEN_BYTES] != _prefix(keys, "up"):
        return False
    return hmac.compare_digest(data[TOKEN_BYTES : TOKEN_BYTES + _TAG_BYTES], _tag(keys, "proof", nonce))


def _prefix(keys: FlowKeys, direction: Direction) -> bytes:
    return faceless(keys, f"open {direction}")


def _tag(keys: FlowKeys, purpose: str, nonce: bytes) -> bytes:
    secret = keys.derive(f"open {purpose}", 32)
    return hashlib.blake2b(nonce, digest_size=_TAG_BYTES, key=secret).digest()
