"""Which network an address belongs to, by the responder's own prefix table."""

import ipaddress
from typing import Final, NamedTuple

import msgspec

from callprobe.media.session import CountryCode, NetworkName, NetworkNumber


class NetworkPrefix(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of the table."""

    prefix: str
    """CIDR."""
    asn: NetworkNumber
    """``AS`` and number."""
    country: CountryCode
    """ISO 3166-1 alpha-2."""
    name: NetworkName = ""


class Network(NamedTuple):
    """What may be said of a source: its network, never its address."""

    asn: str
    country: str
    name: str


UNKNOWN: Final = Network("AS0", "ZZ", "")


class NetworkTable:
    """Longest-prefix lookup. Raises ValueError for a row whose prefix is none."""

    def __init__(self, rows: tuple[NetworkPrefix, ...]) -> None:
        """Sort the rows so that the longest prefix wins."""
        parsed = [(ipaddress.ip_network(row.prefix), Network(row.asn, row.country, row.name)) for row in rows]
        self._rows = sorted(parsed, key=lambda row: row[0].prefixlen, reverse=True)

    def find(self, host: str | None) -> Network:
        """Return the network of ``host``, ``UNKNOWN`` for one that no row has; nothing is remembered."""
        if host is None:
            return UNKNOWN
        address = ipaddress.ip_address(host)
        return next((network for prefix, network in self._rows if address in prefix), UNKNOWN)
