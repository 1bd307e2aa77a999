"""Blocks other than enhanced packets, taken one at a time."""

from struct import pack

import pytest

from callprobe.pcap.reading.container import Container, Interface
from callprobe.pcap.reading.one_block import BROKEN, MORE, take_block
from helpers.rtp_captures import block

SECTION = block(0x0A0D0D0A, pack(">IHHq", 0x1A2B3C4D, 1, 0, -1), ">")
INTERFACE = block(1, pack("<HHI", 101, 0, 0))


def container(*link_types: int) -> Container:
    """Return a section with interfaces of these link types."""
    return Container(
        kind="pcapng", byte_order="<", interfaces=[Interface(kind, 1_000_000) for kind in link_types]
    )


def test_section_and_interface_enter_the_container() -> None:
    """A section may turn the byte order round, and has no interfaces at first."""
    section = container(1, 1)
    assert take_block(section, SECTION, 0).size == len(SECTION)
    assert (section.byte_order, section.interfaces) == (">", [])

    section = container(1)
    assert take_block(section, b"skip" + INTERFACE, 4).size == len(INTERFACE)
    assert [interface.link_type for interface in section.interfaces] == [1, 101]


def test_simple_packet_has_no_time() -> None:
    """Its bytes are the frame; whoever walks knows the time of the frame before."""
    packet = block(3, pack("<I", 5) + b"bytes")
    taken = take_block(container(101), memoryview(packet), 0)

    assert taken.frame is not None
    assert (taken.frame.data, taken.is_timeless, taken.size) == (b"bytes", True, len(packet))


def test_unknown_block_is_passed_over_whatever_its_size() -> None:
    """Beyond the bytes at hand if need be, once it is larger than what would be waited for."""
    assert take_block(container(), block(0xBAD, bytes(8)), 0).size == 20
    assert take_block(container(), pack("<III", 0xBAD, 1 << 24, 0), 0).size == 1 << 24


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (b"", MORE),
        (INTERFACE[:11], MORE),
        (INTERFACE[:-1], MORE),
        (INTERFACE[:-1] + b"\x01", BROKEN),
        (pack("<III", 1, 8, 0), BROKEN),
        (pack("<III", 1, 1 << 24, 0), BROKEN),
        (pack("<III", 0x0A0D0D0A, 28, 0xBADBAD) + bytes(20), BROKEN),
        (block(3, pack("<I", 5) + b"bytes"), BROKEN),
    ],
    ids=["nothing", "head", "tail", "trailer", "too-small", "too-large", "magic", "no-interface"],
)
def test_block_that_is_not_whole(data: bytes, size: int) -> None:
    """More is to come, or the file is broken."""
    assert take_block(container(), data, 0).size == size
