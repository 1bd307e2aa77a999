"""The local guard: ``CALLPROBE_ONLY_LOCAL=1`` keeps every packet on this machine and in the networks named.

Tests, the demo and CI set it. Whoever opens a socket asks it first; a refusal names no address.
"""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Self

import msgspec

from callprobe.net.contract import NetError
from callresults.failure import Failure

ONLY_LOCAL_VARIABLE: Final = "CALLPROBE_ONLY_LOCAL"
LOCAL_NETS_VARIABLE: Final = "CALLPROBE_LOCAL_NETS"
LOCAL_NAME: Final = "localhost"
LOOPBACK_ADDRESSES: Final = ("127.0.0.1", "::1")
"""What ``localhost`` means (RFC 6761 section 6.3), so that no resolver need be asked."""


class GuardConfigError(ValueError):
    """A variable of the guard cannot be read; the message is one sentence naming it."""


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """What may be contacted."""

    only_local: bool = False
    """False: everything may."""
    local_nets: tuple[IPv4Network | IPv6Network, ...] = ()
    """What counts as local beside the loopback."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Return the guard that the environment asks for. Raises GuardConfigError."""
        only_local = environ.get(ONLY_LOCAL_VARIABLE, "") not in {"", "0"}
        listed = environ.get(LOCAL_NETS_VARIABLE, "").split(",")
        nets = tuple(_network(text.strip()) for text in listed if text.strip())
        return cls(only_local=only_local, local_nets=nets)

    def allows(self, address: str) -> bool:
        """Return whether a textual IP address may be contacted; with the guard on, a name never is one."""
        if not self.only_local:
            return True
        parsed = literal_address(address)
        return parsed is not None and (parsed.is_loopback or any(parsed in net for net in self.local_nets))

    def check(self, address: str) -> None:
        """Raise NetError (``NOT_ALLOWED_BY_LOCAL_GUARD``) unless ``address`` may be contacted."""
        if not self.allows(address):
            raise NetError(Failure.NOT_ALLOWED_BY_LOCAL_GUARD)

    def known_addresses(self, host: str) -> list[str] | None:
        """Return the addresses of ``host`` that need no resolver, or None when a resolver must be asked.

        A literal is its own address. With the guard on, ``localhost`` is the loopback, and any other name
        raises NetError: no DNS packet leaves.
        """
        if literal_address(host) is not None:
            self.check(host)
            return [host]
        if not self.only_local:
            return None
        if host.rstrip(".").lower() != LOCAL_NAME:
            raise NetError(Failure.NOT_ALLOWED_BY_LOCAL_GUARD)
        return list(LOOPBACK_ADDRESSES)


@lru_cache(maxsize=256)  # asked for every datagram
def literal_address(host: str) -> IPv4Address | IPv6Address | None:
    """Return ``host`` as an address, an IPv4-mapped one (RFC 4291, 2.5.5.2) unmapped; None for a name."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError:
        raise GuardConfigError(
            f"{LOCAL_NETS_VARIABLE} holds {text!r}, which is no network: "
            "give CIDRs separated by commas, such as 10.77.0.0/16,fd00:77::/32."
        ) from None
