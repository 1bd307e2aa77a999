"""From an address to its network, and to nothing more."""

import pytest

from callprobe.responder.networks import UNKNOWN, Network, NetworkPrefix, NetworkTable

TABLE = NetworkTable(
    (
        NetworkPrefix(prefix="203.0.113.0/24", asn="AS64496", country="RU", name="wide"),
        NetworkPrefix(prefix="203.0.113.128/25", asn="AS64497", country="KZ", name="narrow"),
        NetworkPrefix(prefix="2001:db8::/32", asn="AS64498", country="DE"),
    )
)


@pytest.mark.parametrize(
    ("host", "asn"),
    [
        ("203.0.113.7", "AS64496"),
        ("203.0.113.200", "AS64497"),
        ("2001:db8::1", "AS64498"),
        ("192.0.2.1", "AS0"),
        ("::1", "AS0"),
    ],
)
def test_longest_prefix_of_the_family_wins(host: str, asn: str) -> None:
    assert TABLE.find(host).asn == asn


def test_no_source_is_no_network() -> None:
    assert TABLE.find(None) == UNKNOWN == Network("AS0", "ZZ", "")


def test_prefix_with_host_bits_is_refused() -> None:
    with pytest.raises(ValueError, match="host bits"):
        NetworkTable((NetworkPrefix(prefix="203.0.113.7/24", asn="AS1", country="DE"),))
