"""The private places of aioice and aiortc that this project touches, all of them.

``tests/rtc/test_seams.py`` names each and fails when one has moved; the versions are pinned in the
distribution.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

import aioice.ice
from aiortc import RTCPeerConnection

_addresses: ContextVar[tuple[str, ...]] = ContextVar("host_addresses", default=())


def _chosen_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:  # noqa: FBT001 - aioice's signature
    """Stand for ``aioice.ice.get_host_addresses``: what the caller chose, never all of the machine's."""
    del use_ipv4, use_ipv6
    return list(_addresses.get())


aioice.ice.get_host_addresses = _chosen_addresses


@contextlib.contextmanager
def host_addresses(*addresses: str) -> Iterator[None]:
    """Let ICE gather host candidates at exactly ``addresses`` in the block; aioice leaves out loopback."""
    token = _addresses.set(addresses)
    try:
        yield
    finally:
        _addresses.reset(token)


def decode_nothing(connection: RTCPeerConnection) -> None:
    """Let received media end after SRTP.

    The record is the tap's, so decoding would only cost time and hand the peer's bytes to a codec. Receiver
    reports then carry no block and are left out; sender reports flow.
    """
    for receiver in connection.getReceivers():
        receiver._enabled = False  # noqa: SLF001 - the seam
