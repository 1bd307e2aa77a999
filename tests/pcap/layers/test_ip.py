"""IPv4 and IPv6 headers."""

import ipaddress
from struct import error as struct_error
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.layers.ip import (
    IPV4,
    IPV6,
    Fragment,
    host_texts,
    ip_version,
    parse_ipv4,
    parse_ipv6,
    skip_extensions,
)
from helpers.frames import INNER4, INNER6, ipv4, ipv6

FRAGMENT = pack(">BBHI", 17, 0, 0x00B9, 99)
"""Of a UDP datagram: the part from byte 184, more follow."""


def test_ipv4_header_is_read() -> None:
    """Protocol, addresses, and where the payload lies; padding behind does not belong to it."""
    packet = parse_ipv4(b"xx" + INNER4 + bytes(30), 2, 80)

    assert packet is not None
    assert (packet.protocol, packet.start, packet.limit, packet.fragment) == (17, 22, 2 + len(INNER4), None)
    assert host_texts(packet.addresses) == ("192.0.2.1", "198.51.100.2")


def test_ipv4_options_are_skipped() -> None:
    """The header is as long as it says."""
    packet = parse_ipv4(b"\x47" + INNER4[1:20] + bytes(8) + INNER4[20:], 0, 60)

    assert packet is not None
    assert packet.start == 28


@pytest.mark.parametrize(
    ("total", "limit"), [(0, 500), (33, 33), (400, 400), (600, 500)], ids=["zero", "usual", "cut", "too long"]
)
def test_total_length_bounds_the_payload(total: int, limit: int) -> None:
    """Zero, as offloading leaves it, means all that there is; nothing reaches beyond the frame."""
    packet = parse_ipv4(INNER4[:2] + pack(">H", total) + INNER4[4:], 0, 500)

    assert packet is not None
    assert packet.limit == limit


@pytest.mark.parametrize("first", [0x00, 0x44, 0x65, 0xF5])
def test_other_versions_are_no_ipv4(first: int) -> None:
    """Version and header length must be possible."""
    assert parse_ipv4(bytes((first,)) + INNER4[1:], 0, 33) is None


@pytest.mark.parametrize(
    ("field", "fragment"),
    [
        (0x4000, None),
        (0x2000, Fragment(7, 0, more=True)),
        (0x2003, Fragment(7, 24, more=True)),
        (0x0003, Fragment(7, 24, more=False)),
    ],
    ids=["whole", "first", "middle", "last"],
)
def test_ipv4_fragments_are_told(field: int, fragment: Fragment | None) -> None:
    """Flags and offset say which part of a datagram this is."""
    packet = parse_ipv4(ipv4(17, bytes(8), fragment=field), 0, 28)

    assert packet is not None
    assert packet.fragment == fragment


@pytest.mark.parametrize(
    ("headers", "protocol"),
    [
        (b"", 17),
        (bytes((17, 0)) + bytes(6), 0),
        (bytes((60, 1)) + bytes(14) + bytes((17, 0)) + bytes(6), 43),
        (bytes((17, 4)) + bytes(22), 51),
        (bytes((17, 0, 0, 0)) + bytes(4), 44),
        (bytes((44, 0)) + bytes(6) + bytes((17, 0, 0, 0)) + bytes(4), 60),
    ],
    ids=["none", "hop-by-hop", "routing and destination", "authentication", "atomic fragment", "two"],
)
def test_extension_headers_are_skipped(headers: bytes, protocol: int) -> None:
    """Behind any chain of headers stands the datagram."""
    data = ipv6(protocol, headers + INNER6[40:])
    packet = parse_ipv6(data, 0, len(data) + 9)

    assert packet is not None
    assert (packet.protocol, data[packet.start :], packet.fragment) == (17, INNER6[40:], None)
    assert packet.limit == len(data)
    assert host_texts(packet.addresses) == ("2001:db8::1", "2001:db8::2")


def test_ipv6_fragment_is_told() -> None:
    """What follows a fragment header is a part only."""
    packet = parse_ipv6(ipv6(44, FRAGMENT + b"part"), 0, 100)

    assert packet is not None
    assert packet.fragment == Fragment(99, 184, more=True)


def test_ipv6_length_zero_means_all_that_there_is() -> None:
    """Jumbograms and offloading leave the length empty."""
    packet = parse_ipv6(INNER6[:4] + b"\0\0" + INNER6[6:], 0, 99)

    assert packet is not None
    assert packet.limit == 99
    assert parse_ipv6(INNER4, 0, 33) is None


def test_chain_of_headers_is_bounded() -> None:
    """An endless chain is left where it is."""
    protocol, at, _ = skip_extensions(bytes(8 * 100), 0, 0)

    assert (protocol, at) == (0, 8 * 16)


def test_version_is_told_by_four_bits() -> None:
    """Four, six, or nothing."""
    assert [ip_version(bytes((first,)), 0) for first in (0x45, 0x60, 0x50)] == [IPV4, IPV6, 0]


@given(st.one_of(st.tuples(*[st.binary(min_size=n, max_size=n)] * 2) for n in (4, 16)))
def test_addresses_are_written_as_everybody_does(pair: tuple[bytes, bytes]) -> None:
    """The text stands for the bytes."""
    texts = host_texts(pair[0] + pair[1])

    assert tuple(ipaddress.ip_address(text).packed for text in texts) == pair


@given(st.binary(max_size=100), st.sampled_from([b"", b"\x45", b"\x60"]), st.integers(0, 70000))
def test_hostile_headers_raise_nothing_unexpected(rest: bytes, start: bytes, limit: int) -> None:
    """Any bytes are a packet, none, or too short."""
    for parse in (parse_ipv4, parse_ipv6):
        try:
            parse(start + rest, 0, limit)
        except (IndexError, struct_error):
            continue
