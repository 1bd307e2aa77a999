"""What ICMP errors quote."""

from struct import error as struct_error
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.layers.icmp import ICMP, ICMPV6, Quoted, quoted_datagram
from helpers.frames import INNER4, INNER6, ipv4, tcp

ADDRESSES = INNER4[12:20]
PORTS = pack(">HH", 5000, 6000)


def error(kind: int, code: int, quotation: bytes, *, rest: bytes = bytes(4)) -> bytes:
    """Return an ICMP message."""
    return bytes((kind, code, 0, 0)) + rest + quotation


def quoted(message: bytes, protocol: int = ICMP) -> Quoted | None:
    return quoted_datagram(message, 0, len(message), protocol)


@pytest.mark.parametrize("kind", [3, 4, 5, 11, 12])
def test_errors_quote_datagrams(kind: int) -> None:
    """Type, code, ends and the bytes that are there."""
    assert quoted(error(kind, 1, INNER4)) == Quoted(kind, 1, ADDRESSES, PORTS, b"hello")


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
def test_errors_of_ipv6_quote_too(kind: int) -> None:
    """ICMPv6 has types of its own."""
    found = quoted(error(kind, 0, INNER6), ICMPV6)

    assert found == Quoted(kind, 0, INNER6[8:40], PORTS, b"hello")


@pytest.mark.parametrize("kind", [0, 8, 128])
def test_other_messages_quote_nothing(kind: int) -> None:
    """An echo may carry whatever it likes."""
    assert quoted(error(kind, 0, INNER4)) is None


def test_short_quotation_gives_what_there_is() -> None:
    """Eight bytes behind the IP header are what RFC 792 asks for."""
    found = quoted(error(3, 3, INNER4[:28]))

    assert found == Quoted(3, 3, ADDRESSES, PORTS, b"")


def test_padding_and_extensions_are_no_payload() -> None:
    """RFC 4884 pads the quotation to 128 bytes and appends objects."""
    padded = INNER4 + bytes(128 - len(INNER4)) + b"\x20\0\0\0objects!"
    found = quoted(error(11, 0, padded, rest=bytes((0, 32, 0, 0))))

    assert found == Quoted(11, 0, ADDRESSES, PORTS, b"hello")


def test_stated_length_cuts_the_quotation() -> None:
    """What lies beyond the stated length was not quoted."""
    long = INNER4[:2] + pack(">H", 60) + INNER4[4:24] + pack(">H", 40) + INNER4[26:28] + bytes(32)
    found = quoted(error(3, 4, long, rest=bytes((0, 8, 0, 0))))

    assert found is not None
    assert len(found.payload) == 4


@pytest.mark.parametrize("quotation", [ipv4(6, tcp(b"x")), ipv4(17, bytes(8), fragment=5), INNER6])
def test_what_is_no_datagram_is_not_quoted(quotation: bytes) -> None:
    """TCP, later fragments, and another version of IP."""
    assert quoted(error(3, 3, quotation)) is None


@given(st.binary(max_size=120), st.sampled_from([3, 11]), st.sampled_from([ICMP, ICMPV6]))
def test_hostile_quotations_raise_nothing_unexpected(data: bytes, kind: int, protocol: int) -> None:
    """Any bytes are a quotation, none, or too short."""
    try:
        quoted(bytes((kind,)) + data, protocol)
    except (IndexError, struct_error):
        return
