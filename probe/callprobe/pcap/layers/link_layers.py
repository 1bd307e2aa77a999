"""Link-layer headers: from the first byte of a frame to the EtherType and offset of what it carries.

A parser gets the frame and an offset, and raises IndexError or struct.error where a header is cut off. An
EtherType of 0 says that nothing is carried that could be a call.
"""

from collections.abc import Callable
from struct import Struct
from typing import Final

from callprobe.pcap.layers.ip import IPV4, IPV6, ip_version
from callprobe.pcap.layers.tunnels import ETHERNET, PPP

Carried = tuple[int, int]
Parser = Callable[[bytes, int], Carried]

NOTHING: Final = 0
_MPLS: Final = 0x8847
_MIN_ETHERTYPE: Final = 0x0600
_SNAP: Final = b"\xaa\xaa\x03"
_LLC_IP: Final = b"\x06\x06\x03"
_ENCAPSULATED_ETHERNET: Final = (b"\0\0\0", b"\0\0\xf8")
_ADDRESS_FAMILIES: Final = {2: IPV4, 10: IPV6, 24: IPV6, 28: IPV6, 30: IPV6}
_PPP_PROTOCOLS: Final = {0x21: IPV4, 0x57: IPV6, 0x281: _MPLS, 0x283: _MPLS}
_SLL_LLC: Final = 4
_ARPHRD_RADIOTAP: Final = 803
_NFLOG_PAYLOAD: Final = 9
_NLPIDS: Final = {0xCC: IPV4, 0x8E: IPV6}
_NLPID_SNAP: Final = 0x80
_CISCO_ADDRESSES: Final = frozenset({0x0F, 0x8F})
_AVS_MAGIC: Final = 0x80211000
_AVS_MAGIC_BITS: Final = 0xFFFFF000
_MAX_LABELS: Final = 16
_U32_LITTLE: Final = Struct("<I").unpack_from
_U32_BIG: Final = Struct(">I").unpack_from
_TLV_LITTLE: Final = Struct("<HH").unpack_from
_TLV_BIG: Final = Struct(">HH").unpack_from


def ethernet(data: bytes, at: int) -> Carried:
    """Ethernet II and IEEE 802.3 with LLC."""
    kind = data[at + 12] << 8 | data[at + 13]
    return (kind, at + 14) if kind >= _MIN_ETHERTYPE else llc(data, at + 14)


def llc(data: bytes, at: int) -> Carried:
    """IEEE 802.2 LLC, with SNAP (RFC 1042) or without."""
    if data[at : at + 3] == _SNAP and data[at + 3 : at + 6] in _ENCAPSULATED_ETHERNET:
        return _u16(data, at + 6), at + 8
    return (IPV4, at + 3) if data[at : at + 3] == _LLC_IP else (NOTHING, at)


def vlan(data: bytes, at: int) -> Carried:
    """The tag of IEEE 802.1Q or 802.1ad, after its EtherType."""
    kind = _u16(data, at + 2)
    return (kind, at + 4) if kind >= _MIN_ETHERTYPE else llc(data, at + 4)


def mpls(data: bytes, at: int) -> Carried:
    """A label stack (RFC 3032), above IP or an Ethernet pseudowire (RFC 4448)."""
    for _ in range(_MAX_LABELS):
        bottom = data[at + 2] & 1
        at += 4
        if bottom:
            break
    if kind := ip_version(data, at):
        return kind, at
    return ETHERNET, at + (4 if data[at] >> 4 == 0 else 0)


def pppoe(data: bytes, at: int) -> Carried:
    """A session frame of PPPoE (RFC 2516 section 4), after its EtherType."""
    return ppp(data, at + 6)


def ppp(data: bytes, at: int) -> Carried:
    """PPP with or without address and control, its protocol perhaps compressed (RFC 1661, RFC 1662)."""
    if data[at : at + 2] == b"\xff\x03":
        at += 2
    if data[at] & 1:
        return _PPP_PROTOCOLS.get(data[at], NOTHING), at + 1
    return _PPP_PROTOCOLS.get(_u16(data, at), NOTHING), at + 2


def provider_backbone(_data: bytes, at: int) -> Carried:
    """The service tag of IEEE 802.1ah, after its EtherType."""
    return ETHERNET, at + 4


def _raw(data: bytes, at: int) -> Carried:
    return ip_version(data, at), at


def _ipv4(_data: bytes, at: int) -> Carried:
    return IPV4, at


def _ipv6(_data: bytes, at: int) -> Carried:
    return IPV6, at


def _loopback(data: bytes, at: int) -> Carried:
    """BSD loopback: an address family in the byte order of whoever captured."""
    (little,), (big,) = _U32_LITTLE(data, at), _U32_BIG(data, at)
    return _ADDRESS_FAMILIES.get(min(little, big), NOTHING), at + 4


def _cooked(data: bytes, at: int) -> Carried:
    """Linux cooked capture, LINKTYPE_LINUX_SLL."""
    return _cooked_payload(data, _u16(data, at + 2), _u16(data, at + 14), at + 16)


def _cooked2(data: bytes, at: int) -> Carried:
    """Linux cooked capture v2, LINKTYPE_LINUX_SLL2."""
    return _cooked_payload(data, _u16(data, at + 8), _u16(data, at), at + 20)


def _cooked_payload(data: bytes, hardware: int, kind: int, at: int) -> Carried:
    if hardware == _ARPHRD_RADIOTAP:
        return _radiotap(data, at)
    if kind == _SLL_LLC:
        return llc(data, at)
    return (kind, at) if kind >= _MIN_ETHERTYPE else (NOTHING, at)


def _nflog(data: bytes, at: int) -> Carried:
    """Linux netfilter log: a header of four bytes, then TLVs in the byte order of whoever captured."""
    at += 4
    (little, _), (big, _) = _TLV_LITTLE(data, at), _TLV_BIG(data, at)
    unpack = _TLV_LITTLE if little <= big else _TLV_BIG
    while True:
        size, kind = unpack(data, at)
        if kind == _NFLOG_PAYLOAD:
            return ip_version(data, at + 4), at + 4
        if size < 4:
            return NOTHING, at
        at += (size + 3) & ~3


def _ieee_802_11(data: bytes, at: int, *, padded: bool = False) -> Carried:
    """IEEE 802.11 data frames in clear (section 9.3.2), with LLC inside; others carry nothing."""
    control, flags = data[at], data[at + 1]
    subtype = control >> 4
    is_data = control & 0x0F == 0x08
    if not is_data or subtype & 4 or flags & 0x40:
        return NOTHING, at
    size = 30 if flags & 3 == 3 else 24
    aggregated = False
    if subtype & 8:
        aggregated = bool(data[at + size] & 0x80)
        size += 6 if flags & 0x80 else 2
    if padded:
        size = (size + 3) & ~3
    return llc(data, at + size + (14 if aggregated else 0))


def _radiotap(data: bytes, at: int) -> Carried:
    """Radiotap, then IEEE 802.11."""
    size = data[at + 2] | data[at + 3] << 8
    present = at + 4
    has_time, has_flags = data[present] & 1, data[present] & 2
    words = 1
    while data[present + 4 * words - 1] & 0x80:
        words += 1
    fields = 4 + 4 * words
    if has_time:
        fields = ((fields + 7) & ~7) + 8
    padded = bool(has_flags and data[at + fields] & 0x20)
    return _ieee_802_11(data, at + size, padded=padded)


def _prism(data: bytes, at: int) -> Carried:
    """The header of Prism or AVS, then IEEE 802.11."""
    (magic,) = _U32_BIG(data, at)
    if magic & _AVS_MAGIC_BITS == _AVS_MAGIC:
        return _ieee_802_11(data, at + _U32_BIG(data, at + 4)[0])
    (little,), (big,) = _U32_LITTLE(data, at + 4), _U32_BIG(data, at + 4)
    return _ieee_802_11(data, at + min(little, big))


def _per_packet_information(data: bytes, at: int) -> Carried:
    """PPI: a header that names the link type of what follows."""
    size = data[at + 2] | data[at + 3] << 8
    (link_type,) = _U32_LITTLE(data, at + 4)
    parser = LINK_TYPES.get(link_type)
    if parser is None or parser is _per_packet_information:
        return NOTHING, at
    return parser(data, at + size)


def _hdlc(data: bytes, at: int) -> Carried:
    """PPP in HDLC-like framing (RFC 1662), or Cisco's HDLC."""
    return (_u16(data, at + 2), at + 4) if data[at] in _CISCO_ADDRESSES else ppp(data, at)


def _ppp_with_direction(data: bytes, at: int) -> Carried:
    """PPP of Linux and BSD daemons, with the direction in place of the address."""
    return ppp(data, at + 2 if data[at] <= 1 and data[at + 1] == 3 else at)


def _frame_relay(data: bytes, at: int) -> Carried:
    """Frame relay with the encapsulation of RFC 2427, or Cisco's."""
    while not data[at] & 1:
        at += 1
    at += 1
    if data[at] != 3:
        return _u16(data, at), at + 2
    at += 1 if data[at + 1] else 2
    kind, at = data[at], at + 1
    if kind == _NLPID_SNAP:
        return _u16(data, at + 3), at + 5
    return _NLPIDS.get(kind, NOTHING), at


def _u16(data: bytes, at: int) -> int:
    return data[at] << 8 | data[at + 1]


ETHERTYPES: Final[dict[int, Parser]] = {
    0x8100: vlan,
    0x88A8: vlan,
    0x9100: vlan,
    0x9200: vlan,
    0x9300: vlan,
    _MPLS: mpls,
    0x8848: mpls,
    0x8864: pppoe,
    0x88E7: provider_backbone,
    PPP: ppp,
    ETHERNET: ethernet,
}
"""What stands between link layer and IP, by EtherType."""

LINK_TYPES: Final[dict[int, Parser]] = {
    0: _loopback,
    1: ethernet,
    9: ppp,
    12: _raw,
    14: _raw,
    50: _hdlc,
    51: pppoe,
    101: _raw,
    104: _hdlc,
    105: _ieee_802_11,
    107: _frame_relay,
    108: _loopback,
    113: _cooked,
    119: _prism,
    127: _radiotap,
    163: _prism,
    166: _ppp_with_direction,
    192: _per_packet_information,
    228: _ipv4,
    229: _ipv6,
    239: _nflog,
    276: _cooked2,
}
"""By LINKTYPE_ number."""

NAMES: Final = {
    0: "Loopback",
    1: "Ether",
    9: "PPP",
    12: "IPv46",
    50: "HDLC",
    51: "PPPoE",
    101: "IPv46",
    105: "Dot11",
    107: "FrameRelay",
    108: "LoopbackOpenBSD",
    113: "CookedLinux",
    119: "PrismHeader",
    127: "RadioTap",
    192: "PPI",
    228: "IP",
    229: "IPv6",
    239: "NFLOG",
    276: "CookedLinuxV2",
}
"""As scapy names them, where it does."""
