"""Writes datagrams as a capture that any tool reads: pcap, nanoseconds, link type raw IP.

Frames are put together by hand because crafting one with scapy takes longer than a relay may be late.
"""

import ipaddress
import struct
from pathlib import Path
from typing import Final

from scapy.utils import RawPcapWriter, checksum

Address = tuple[str, int]

LINKTYPE_RAW: Final = 101
_IPV4: Final = struct.Struct(">BBHHHBBH4s4s")
_IPV6: Final = struct.Struct(">IHBB16s16s")
_UDP: Final = struct.Struct(">HHHH")
_IPV6_PSEUDO: Final = struct.Struct(">16s16sI3xB")
_UDP_PROTOCOL: Final = 17
_HOP_LIMIT: Final = 64


class CaptureWriter:
    """One capture file; datagrams may come in any order of time."""

    def __init__(self, path: Path) -> None:
        """Create the file with its header. Raises OSError."""
        self._writer = RawPcapWriter(path.open("wb"), linktype=LINKTYPE_RAW, nano=True)
        self._writer.write_header(None)

    def write(self, epoch_ns: int, source: Address, destination: Address, payload: bytes) -> None:
        """Append one UDP datagram seen ``epoch_ns`` nanoseconds after 1970."""
        seconds, nanoseconds = divmod(epoch_ns, 1_000_000_000)
        self._writer.write_packet(udp_packet(source, destination, payload), sec=seconds, usec=nanoseconds)

    def close(self) -> None:
        """Write what is buffered and close the file."""
        self._writer.close()


def udp_packet(source: Address, destination: Address, payload: bytes) -> bytes:
    """Return the IPv4 or IPv6 packet of a UDP datagram (RFC 791, RFC 8200, RFC 768), checksums right."""
    sender = ipaddress.ip_address(source[0]).packed
    receiver = ipaddress.ip_address(destination[0]).packed
    length = _UDP.size + len(payload)
    pseudo = (
        sender + receiver + struct.pack(">HH", _UDP_PROTOCOL, length)
        if len(sender) == 4
        else _IPV6_PSEUDO.pack(sender, receiver, length, _UDP_PROTOCOL)
    )
    blank = _UDP.pack(source[1], destination[1], length, 0) + payload
    udp = _UDP.pack(source[1], destination[1], length, checksum(pseudo + blank) or 0xFFFF) + payload
    return (_ipv4_header if len(sender) == 4 else _ipv6_header)(sender, receiver, length) + udp


def _ipv4_header(sender: bytes, receiver: bytes, length: int) -> bytes:
    fields = (0x45, 0, _IPV4.size + length, 0, 0, _HOP_LIMIT, _UDP_PROTOCOL)
    return _IPV4.pack(*fields, checksum(_IPV4.pack(*fields, 0, sender, receiver)), sender, receiver)


def _ipv6_header(sender: bytes, receiver: bytes, length: int) -> bytes:
    return _IPV6.pack(0x60000000, length, _UDP_PROTOCOL, _HOP_LIMIT, sender, receiver)
