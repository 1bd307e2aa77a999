"""Captures and frames put together by hand, for tests of the readers."""

from struct import pack

from callprobe.pcap.write import udp_packet

SOURCE = ("192.0.2.1", 5000)
DESTINATION = ("198.51.100.2", 6000)
INNER4 = udp_packet(SOURCE, DESTINATION, b"hello")
"""An IPv4 packet with a datagram of five bytes."""
SOURCE6 = ("2001:db8::1", 5000)
DESTINATION6 = ("2001:db8::2", 6000)
INNER6 = udp_packet(SOURCE6, DESTINATION6, b"hello")
MACS = bytes.fromhex("0200000000010200000000ff")[:12]


def ethernet(kind: int, data: bytes) -> bytes:
    """Return an Ethernet frame."""
    return MACS + kind.to_bytes(2, "big") + data


def ipv4(protocol: int, data: bytes, *, fragment: int = 0, identification: int = 7) -> bytes:
    """Return an IPv4 packet without checksum; ``fragment`` is the field of flags and offset."""
    addresses = bytes((192, 0, 2, 1, 198, 51, 100, 2))
    return (
        pack(">BBHHHBBH", 0x45, 0, 20 + len(data), identification, fragment, 64, protocol, 0)
        + addresses
        + data
    )


def ipv6(protocol: int, data: bytes) -> bytes:
    """Return an IPv6 packet."""
    return pack(">IHBB", 6 << 28, len(data), protocol, 64) + INNER6[8:40] + data


def tcp(payload: bytes, *, sequence: int = 1000, flags: int = 0x18) -> bytes:
    """Return a TCP segment from port 5000 to port 6000, without checksum."""
    return pack(">HHIIBBHHH", 5000, 6000, sequence, 0, 0x50, flags, 1024, 0, 0) + payload


def udp(payload: bytes, *, source: int = 5000, destination: int = 6000, length: int | None = None) -> bytes:
    """Return a UDP datagram without checksum."""
    return pack(">HHHH", source, destination, 8 + len(payload) if length is None else length, 0) + payload


def pcap(
    *frames: bytes, order: str = "<", magic: int = 0xA1B2C3D4, link_type: int = 1, extra: bytes = b""
) -> bytes:
    """Return a pcap file whose frames are a second and 7 ticks apart; ``extra`` ends each record header."""
    file = pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link_type)
    for number, frame in enumerate(frames, start=1):
        file += pack(order + "IIII", number, 7 * number, len(frame), len(frame)) + extra + frame
    return file


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """Return a pcapng block."""
    body += bytes(-len(body) % 4)
    size = pack(order + "I", 12 + len(body))
    return pack(order + "I", kind) + size + body + size


def section(order: str = "<") -> bytes:
    """Return a section header block."""
    return block(0x0A0D0D0A, pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link_type: int = 1, options: bytes = b"", *, snap_length: int = 0, order: str = "<") -> bytes:
    """Return an interface description block."""
    return block(1, pack(order + "HHI", link_type, 0, snap_length) + options, order)


def option(kind: int, value: bytes, order: str = "<") -> bytes:
    """Return an option of a block."""
    return pack(order + "HH", kind, len(value)) + value + bytes(-len(value) % 4)


def packet(frame: bytes, ticks: int = 0, *, number: int = 0, order: str = "<") -> bytes:
    """Return an enhanced packet block on the interface of that number."""
    head = pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
    return block(6, head + frame, order)
