"""Addresses are found in whatever form they stand."""

import base64
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callresults.addresses import find_addresses, forms_of, looks_like_address, textual_addresses

ADDRESSES = st.ip_addresses().map(str)
TRANSACTION = bytes(range(12))


@given(ADDRESSES, st.binary(max_size=20), st.binary(max_size=20))
def test_every_form_is_found_between_other_bytes(address: str, before: bytes, after: bytes) -> None:
    for name, form in forms_of(address, [TRANSACTION]).items():
        assert name in find_addresses(before + form + after, [address], [TRANSACTION])


@given(ADDRESSES, st.binary(max_size=9), st.binary(max_size=9))
def test_address_inside_a_longer_base64_is_found_at_any_alignment(
    address: str, before: bytes, after: bytes
) -> None:
    packed = ipaddress.ip_address(address).packed

    assert find_addresses(base64.b64encode(before + packed + after), [address])


def test_xor_mapped_address_of_rfc_5769_is_found() -> None:
    """RFC 5769 2.2: 192.0.2.1 stands as e1 12 a6 43 in the sample response."""
    assert "binary e112a643" in find_addresses(bytes.fromhex("0001a147e112a643"), ["192.0.2.1"])


def test_xor_mapped_ipv6_of_rfc_5769_is_found() -> None:
    """RFC 5769 2.3: the IPv6 response, masked with cookie and transaction id."""
    mapped = bytes.fromhex("0002a1470113a9faa5d3f179bc25f4b5bed2b9d9")
    transaction = bytes.fromhex("b7e7a701bc34d686fa87dfae")

    assert find_addresses(mapped, ["2001:db8:1234:5678:11:2233:4455:6677"], [transaction])


@pytest.mark.parametrize(
    "text", ["192.0.2.1", "x192.0.2.1:5060", "[2001:db8::7]:443", "::ffff:192.0.2.1", "fe80::1%eth0"]
)
def test_written_out_addresses_are_found(text: str) -> None:
    assert textual_addresses(text)


@pytest.mark.parametrize(
    "text",
    [
        "candidate:1 1 UDP 1 host 1",
        "c=IN IP4 host",
        "laptop-of-ada.local",
        "192-0-2-1.dyn.isp.example",
        "0xc0000201",
        "1.2.0.192.in-addr.arpa",
        "02:00:5e:10:00:01",
        "1.0.0.0." * 8 + "ip6.arpa",
    ],
)
def test_what_only_looks_like_an_address_is_seen(text: str) -> None:
    assert looks_like_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "2025-08-11 12:35:00",
        "0.1.0",
        "1.16.0.dev1",
        "telegram-v2",
        "calls/whatsapp-voice",
        "AS64500",
        "sha256:" + "ab" * 32,
        "123e4567-e89b-12d3-a456-426614174000",
        "999.1.2.3",
        "12:30",
        "g107_2015",
        "",
    ],
)
def test_plain_names_times_and_versions_are_none(text: str) -> None:
    assert not looks_like_address(text)


def test_no_address_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="IPv4 or IPv6"):
        forms_of("router.local")
