"""Link layers: each is left behind, and what cannot be a call is told."""

from struct import error as struct_error
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.layers.ip import IPV4, IPV6
from callprobe.pcap.layers.link_layers import ETHERTYPES, LINK_TYPES, NAMES, NOTHING
from callprobe.pcap.layers.tunnels import ETHERNET
from helpers.frames import INNER4, INNER6, MACS, ethernet

SNAP4 = b"\xaa\xaa\x03\0\0\0\x08\0"
WIFI = bytes.fromhex("0800") + bytes(22)
WIFI_QOS = bytes.fromhex("8801") + bytes(24)
WIFI_RELAYED = bytes.fromhex("0803") + bytes(28)
WIFI_AGGREGATED = bytes.fromhex("8802") + bytes(22) + b"\x80\0" + MACS + b"\0\x40"
WIFI_WITH_CONTROL = bytes.fromhex("8881") + bytes(28)
RADIOTAP = bytes((0, 0, 8, 0)) + bytes(4)
RADIOTAP_PADDED = bytes((0, 0, 18, 0)) + pack("<I", 3) + bytes(8) + bytes((0x20, 0))
RADIOTAP_TWO_WORDS = bytes((0, 0, 14, 0)) + pack("<II", 0x80000002, 0) + bytes((0, 0))
NFLOG_HWADDR = pack("<HH", 13, 8) + bytes(12)

IPV4_LINKS = {
    "loopback, little": (0, pack("<I", 2)),
    "loopback, big": (0, pack(">I", 2)),
    "ethernet": (1, MACS + b"\x08\0"),
    "ethernet with LLC and SNAP": (1, MACS + b"\0\x30" + SNAP4),
    "ethernet with bare LLC": (1, MACS + b"\0\x30\x06\x06\x03"),
    "ppp": (9, b"\xff\x03\0\x21"),
    "ppp without address": (9, b"\0\x21"),
    "ppp, compressed protocol": (9, b"\x21"),
    "raw 12": (12, b""),
    "raw 14": (14, b""),
    "ppp in hdlc": (50, b"\xff\x03\0\x21"),
    "cisco hdlc": (50, b"\x0f\0\x08\0"),
    "pppoe": (51, b"\x11\0\0\1\0\x23\0\x21"),
    "raw": (101, b""),
    "c-hdlc": (104, b"\x8f\0\x08\0"),
    "802.11": (105, WIFI + SNAP4),
    "802.11 QoS": (105, WIFI_QOS + SNAP4),
    "802.11 relayed": (105, WIFI_RELAYED + SNAP4),
    "802.11 aggregated": (105, WIFI_AGGREGATED + SNAP4),
    "802.11 with HT control": (105, WIFI_WITH_CONTROL + SNAP4),
    "frame relay": (107, b"\x18\x41\x03\xcc"),
    "frame relay, padded": (107, b"\x18\x41\x03\0\xcc"),
    "frame relay with SNAP": (107, b"\x18\x41\x03\0\x80\0\0\0\x08\0"),
    "frame relay, cisco": (107, b"\x18\x41\x08\0"),
    "loopback of OpenBSD": (108, pack(">I", 2)),
    "cooked": (113, b"\0\0\0\1\0\6" + bytes(8) + b"\x08\0"),
    "cooked with LLC": (113, b"\0\0\0\1\0\6" + bytes(8) + b"\0\4" + SNAP4),
    "cooked radiotap": (113, b"\0\0\3\x23" + bytes(10) + b"\0\4" + RADIOTAP + WIFI + SNAP4),
    "prism": (119, pack("<II", 0x44, 144) + bytes(136) + WIFI + SNAP4),
    "avs in prism": (119, pack(">II", 0x80211001, 64) + bytes(56) + WIFI + SNAP4),
    "radiotap": (127, RADIOTAP + WIFI + SNAP4),
    "radiotap, padded": (127, RADIOTAP_PADDED + WIFI_QOS + bytes(2) + SNAP4),
    "radiotap, two words": (127, RADIOTAP_TWO_WORDS + WIFI + SNAP4),
    "avs": (163, pack(">II", 0x80211001, 64) + bytes(56) + WIFI + SNAP4),
    "ppp with direction": (166, b"\1\x03\0\x21"),
    "ppi": (192, pack("<BBHI", 0, 0, 12, 105) + bytes(4) + WIFI + SNAP4),
    "ipv4": (228, b""),
    "nflog": (239, b"\2\0\0\0" + NFLOG_HWADDR[:13] + bytes(3) + pack("<HH", 4 + 33, 9)),
    "nflog, big": (239, b"\2\0\0\0" + pack(">HHI", 8, 1, 0) + pack(">HH", 4 + 33, 9)),
    "cooked v2": (276, b"\x08\0" + bytes(6) + b"\0\1" + bytes(10)),
}
IPV6_LINKS = {
    **{f"loopback {family}": (0, pack("<I", family)) for family in (10, 24, 28, 30)},
    "ethernet": (1, MACS + b"\x86\xdd"),
    "ppp": (9, b"\x57"),
    "raw": (101, b""),
    "frame relay": (107, b"\x18\x41\x03\x8e"),
    "ipv6": (229, b""),
    "nflog": (239, b"\x0a\0\0\0" + pack("<HH", 4 + 53, 9)),
    "cooked v2": (276, b"\x86\xdd" + bytes(6) + b"\0\1" + bytes(10)),
}
BARREN_LINKS = {
    "loopback, another family": (0, pack("<I", 7) + INNER4),
    "ethernet, spanning tree": (1, MACS + b"\0\x26\x42\x42\x03" + INNER4),
    "ethernet, SNAP of a vendor": (1, MACS + b"\0\x30\xaa\xaa\x03\0\0\x0c\x20\0" + INNER4),
    "ppp, link control": (9, b"\xff\x03\xc0\x21" + INNER4),
    "raw, another version": (101, b"\x50" + INNER4),
    "802.11, protected": (105, b"\x08\x41" + WIFI[2:] + SNAP4 + INNER4),
    "802.11, beacon": (105, b"\x80\0" + WIFI[2:] + SNAP4 + INNER4),
    "802.11, no data": (105, b"\x48\0" + WIFI[2:] + SNAP4 + INNER4),
    "frame relay, another protocol": (107, b"\x18\x41\x03\x81" + INNER4),
    "cooked, netlink": (113, b"\0\0\3\x38\0\0" + bytes(8) + b"\0\0" + INNER4),
    "ppi of ppi": (192, pack("<BBHI", 0, 0, 8, 192) * 3 + INNER4),
    "ppi of an unknown link": (192, pack("<BBHI", 0, 0, 8, 999) + INNER4),
    "nflog without payload": (239, b"\2\0\0\0" + NFLOG_HWADDR + pack("<HH", 0, 0)),
}


@pytest.mark.parametrize("name", IPV4_LINKS)
def test_ipv4_is_found_behind(name: str) -> None:
    """EtherType and offset, in a frame of every link type that is known."""
    link_type, header = IPV4_LINKS[name]

    assert LINK_TYPES[link_type](header + INNER4, 0) == (IPV4, len(header))


@pytest.mark.parametrize("name", IPV6_LINKS)
def test_ipv6_is_found_behind(name: str) -> None:
    """The same where the link layer tells the versions apart."""
    link_type, header = IPV6_LINKS[name]

    assert LINK_TYPES[link_type](header + INNER6, 0) == (IPV6, len(header))


@pytest.mark.parametrize("name", BARREN_LINKS)
def test_what_carries_no_packet_says_so(name: str) -> None:
    """Control frames, encrypted ones and other protocols."""
    link_type, frame = BARREN_LINKS[name]

    assert LINK_TYPES[link_type](frame, 0)[0] == NOTHING


@pytest.mark.parametrize(
    ("kind", "header", "inner_kind"),
    [
        (0x8100, b"\0\5\x08\0", IPV4),
        (0x88A8, b"\0\5\x81\0", 0x8100),
        (0x9100, b"\0\5\x08\0", IPV4),
        (0x9200, b"\0\5\x08\0", IPV4),
        (0x8100, b"\0\5\0\x30" + SNAP4, IPV4),
        (0x8847, b"\0\1\0\xff" + b"\0\2\1\xff", IPV4),
        (0x8848, b"\0\2\1\xff", IPV4),
        (0x8864, b"\x11\0\0\1\0\x23\0\x21", IPV4),
        (0x880B, b"\xff\x03\0\x21", IPV4),
        (0x88E7, b"\0\0\0\1", ETHERNET),
        (ETHERNET, MACS + b"\x08\0", IPV4),
    ],
)
def test_header_between_is_skipped(kind: int, header: bytes, inner_kind: int) -> None:
    """Tags, labels, PPPoE and Ethernet within Ethernet."""
    assert ETHERTYPES[kind](header + INNER4, 0) == (inner_kind, len(header))


@pytest.mark.parametrize("control", [b"", bytes(4)], ids=["bare", "control word"])
def test_labels_may_carry_ethernet(control: bytes) -> None:
    """A pseudowire, with a control word or without."""
    frame = ethernet(IPV4, INNER4)
    frame = frame if control else b"\x1e" + frame[1:]
    label = b"\0\2\1\xff"

    assert ETHERTYPES[0x8847](label + control + frame, 0) == (ETHERNET, len(label + control))


def test_names_stand_for_known_links() -> None:
    """No name stands for a link type that would not be parsed."""
    assert NAMES.keys() <= LINK_TYPES.keys()


@given(st.binary(max_size=120), st.sampled_from([*LINK_TYPES.values(), *ETHERTYPES.values()]))
def test_hostile_bytes_raise_nothing_unexpected(data: bytes, parse: object) -> None:
    """Any bytes carry something, nothing, or are too short."""
    assert callable(parse)
    try:
        parse(data, 0)
    except (IndexError, struct_error):
        return
