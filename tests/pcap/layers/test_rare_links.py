"""Link layers that scapy knows."""

import logging
from struct import pack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callprobe.pcap.layers.ip import IPV4, IPV6
from callprobe.pcap.layers.rare_links import rare_link, rare_link_name
from helpers.frames import INNER4, INNER6, MACS

ETHERNET_WITH_PREAMBLE = 274
PPP_WITH_DIRECTION = 204
RARE = (23, 31, 144, 187, 195, 201, 204, 230, 251, 254, 256, 274)
"""Link types that scapy parses and nobody here does."""


@pytest.mark.parametrize(
    ("link_type", "header", "inner", "kind"),
    [
        (PPP_WITH_DIRECTION, b"\0\xff\x03\0\x21", INNER4, IPV4),
        (PPP_WITH_DIRECTION, b"\1\xff\x03\0\x57", INNER6, IPV6),
        (31, b"", INNER6, IPV6),
    ],
)
def test_packet_is_found(link_type: int, header: bytes, inner: bytes, kind: int) -> None:
    """EtherType and offset of the outermost IP packet."""
    assert rare_link(link_type, header + inner) == (kind, len(header))


@pytest.mark.parametrize("data", [b"", MACS, bytes(60)])
def test_frame_without_packet_has_none(data: bytes) -> None:
    """Zeros where scapy sees no IP."""
    assert rare_link(ETHERNET_WITH_PREAMBLE, data) == (0, 0)


def test_unknown_link_has_neither_packet_nor_name() -> None:
    """What scapy does not know either is left."""
    assert rare_link(9999, INNER4) == (0, 0)
    assert (rare_link_name(9999), rare_link_name(PPP_WITH_DIRECTION)) == (None, "DIR_PPP")


def test_scapy_keeps_quiet() -> None:
    """What it would say of a frame belongs to no analysis."""
    rare_link(PPP_WITH_DIRECTION, b"\0\xff\x03\0\x21" + pack(">H", 0x4500))

    assert logging.getLogger("scapy").level == logging.CRITICAL


@settings(max_examples=40)
@given(st.binary(max_size=80), st.sampled_from(RARE))
def test_hostile_frames_never_raise(data: bytes, link_type: int) -> None:
    """Whatever scapy raises stays here."""
    kind, at = rare_link(link_type, data)

    assert kind in {0, IPV4, IPV6}
    assert 0 <= at <= len(data)
