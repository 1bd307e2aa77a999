"""Addresses as text."""

import pytest

from callprobe.pcap.packets import Address, address_text


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (("192.0.2.1", 3478), "192.0.2.1:3478"),
        (("2001:db8::1", 443), "[2001:db8::1]:443"),
    ],
)
def test_port_of_an_ipv6_host_can_be_told_from_it(address: Address, text: str) -> None:
    """An IPv6 host stands in brackets, so that its last group and the port cannot be confused."""
    assert address_text(address) == text
