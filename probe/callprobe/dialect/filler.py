"""Bytes that look random, cheap enough for every packet: slices of one keyed block per flow."""

import hashlib
from functools import lru_cache
from typing import Final

from callprobe.dialect.contract import TOKEN_BYTES, FlowKeys

MAX_FILL_BYTES: Final = 1472
"""UDP payload of an unfragmented IPv4 packet on Ethernet."""
_UNCLAIMED: Final = bytes((5, 6, 7, 9, 10, 11, 12, 13, 14, 15))
"""First bytes of no protocol: 4-15 without those of RFC 9443, WireGuard (1-4) and WhatsApp's 08."""
_STARTS: Final = 4096
_STRIDE: Final = 1021  # odd, so that 4096 sequence numbers in a row start at 4096 different places


@lru_cache(maxsize=1024)
def keystream(keys: FlowKeys, label: str) -> bytes:
    """Return the block of a flow for ``label``: SHAKE-128 of the key, as long as ``fill`` may reach."""
    return hashlib.shake_128(keys.derive(label, 32)).digest(_STARTS + MAX_FILL_BYTES)


def start(sequence: int) -> int:
    """Return where in the block the filler of packet ``sequence`` starts; repeats after 4096 packets."""
    return sequence * _STRIDE % _STARTS


def faceless(keys: FlowKeys, label: str) -> bytes:
    """Return 12 constant bytes for ``label`` with which a datagram can start and look like nothing.

    Neither a protocol's first byte, nor STUN's cookie at byte 4, nor a twelve-byte run of FF can come about.
    """
    return unclaimed(keys.derive(label, TOKEN_BYTES))


def unclaimed(start_bytes: bytes) -> bytes:
    """Return 12 drawn bytes, changed as little as it takes to be the start of no protocol's datagram."""
    drawn = bytearray(start_bytes)
    drawn[0] = _UNCLAIMED[drawn[0] % len(_UNCLAIMED)]
    drawn[4] ^= 0x80 if drawn[4] == 0x21 else 0
    drawn[11] ^= 0x80 if drawn[11] == 0xFF else 0
    return bytes(drawn)


def is_faceless(data: bytes) -> bool:
    """Say whether ``data`` starts as ``faceless`` bytes do; True does not mean that they are ours."""
    return data[:1] != b"" and data[0] in _UNCLAIMED
