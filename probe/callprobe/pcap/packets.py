"""What passes between the readers and the dissectors of a capture."""

from typing import NamedTuple, Protocol

Address = tuple[str, int]
"""Textual IP address and port."""


class Frame(NamedTuple):
    """One captured frame."""

    number: int
    """From 1, as Wireshark counts."""
    epoch_ns: int
    """Nanoseconds since 1970 by the capture's clock."""
    link_type: int
    """LINKTYPE_ number of the interface."""
    data: bytes
    """As captured, perhaps cut."""
    wire_size: int
    """Bytes that the frame had on the wire."""


class UdpDatagram(NamedTuple):
    """The innermost UDP datagram of a frame."""

    frame: int
    """Number of the frame; of the completing fragment where there were several."""
    epoch_ns: int
    source: Address
    destination: Address
    payload: bytes
    """Without link-layer padding; cut where the capture was."""
    size: int
    """Payload bytes that there were on the wire."""


class TcpSegment(NamedTuple):
    """The innermost TCP segment of a frame."""

    frame: int
    epoch_ns: int
    source: Address
    destination: Address
    sequence: int
    """32 bits, of the first payload byte."""
    flags: int
    """The eight flag bits: FIN 1, SYN 2, RST 4, PSH 8, ACK 16."""
    payload: bytes
    size: int
    """Payload bytes that there were on the wire."""


class IcmpQuote(NamedTuple):
    """A UDP datagram that an ICMP error quotes: evidence of its fate, never traffic."""

    frame: int
    epoch_ns: int
    reporter: str
    """Address that sent the error."""
    version: int
    """4 for ICMP, 6 for ICMPv6."""
    kind: int
    """ICMP type."""
    code: int
    source: Address
    """Of the quoted datagram."""
    destination: Address
    payload: bytes
    """What is quoted of it."""


class Sink(Protocol):
    """Takes every packet that is not settled as plain RTP, in the order of the file."""

    def datagram(self, datagram: UdpDatagram) -> None:
        """Take a UDP datagram."""
        ...

    def segment(self, segment: TcpSegment) -> None:
        """Take a TCP segment that carries bytes."""
        ...

    def quote(self, quote: IcmpQuote) -> None:
        """Take what an ICMP error quotes."""
        ...


def address_text(address: Address) -> str:
    """Return ``host:port``, an IPv6 host in brackets (RFC 3986 section 3.2.2)."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
