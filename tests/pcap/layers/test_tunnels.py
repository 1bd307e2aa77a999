"""Packets within IP and UDP."""

from collections.abc import Callable
from struct import error as struct_error
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.layers import tunnels
from callprobe.pcap.layers.ip import IPV4, IPV6
from helpers.frames import INNER4, INNER6, ethernet, ipv6

BUBBLE = ipv6(59, b"")


def gtp(inner: bytes, *, flags: int = 0x30, kind: int = 255, options: bytes = b"", beyond: int = 0) -> bytes:
    """Return a GTP-U message."""
    return pack(">BBHI", flags, kind, len(options) + len(inner) + beyond, 1) + options + inner


def found(parse: tunnels.Parser, data: bytes) -> tuple[int, bytes] | None:
    """Return EtherType and bytes of what a tunnel carries."""
    inner = parse(b"??" + data, 2, 2 + len(data))
    return None if inner is None else (inner[0], data[inner[1] - 2 :])


@pytest.mark.parametrize(
    ("flags", "options"),
    [
        (0x30, b""),
        (0x32, bytes(4)),
        (0x34, b"\0\0\0\x85" + bytes((1, 0, 9, 0))),
        (0x34, b"\0\0\0\x85" + bytes((1, 0, 9, 0xC0)) + bytes((2, 0, 0, 0, 0, 0, 0, 0))),
    ],
    ids=["bare", "sequence", "extension", "two extensions"],
)
@pytest.mark.parametrize(("inner", "kind"), [(INNER4, IPV4), (INNER6, IPV6)])
def test_gtp_carries_ip(flags: int, options: bytes, inner: bytes, kind: int) -> None:
    """Behind the header, its options and extensions."""
    assert found(tunnels.gtp_u, gtp(inner, flags=flags, options=options)) == (kind, inner)


@pytest.mark.parametrize(
    "data",
    [
        gtp(INNER4, kind=1),
        gtp(INNER4, flags=0x48),
        gtp(INNER4, beyond=3),
        gtp(INNER4 + b"x"),
        gtp(INNER4[:-1]),
        gtp(b"no packet at all, but long enough for a header of either version"),
        gtp(BUBBLE),
    ],
    ids=["echo", "version 2", "length", "more", "less", "no packet", "nothing in it"],
)
def test_other_bytes_on_the_port_of_gtp_are_no_tunnel(data: bytes) -> None:
    """Everything must fit, for any call may use that port."""
    assert found(tunnels.gtp_u, data) is None


@pytest.mark.parametrize(
    "before",
    [b"", b"\0\0" + bytes(6), b"\0\1\0\0" + bytes(9), b"\0\1\2\3" + bytes(14) + b"\0\0" + bytes(6)],
    ids=["bare", "origin", "authentication", "both"],
)
@pytest.mark.parametrize("behind", [b"", b"\4\0\0\0"], ids=["", "trailer"])
def test_teredo_carries_ipv6(before: bytes, behind: bytes) -> None:
    """Behind authentication and origin, before trailers."""
    assert found(tunnels.teredo, before + INNER6 + behind) == (IPV6, INNER6 + behind)


@pytest.mark.parametrize("data", [BUBBLE, INNER4, b"\0\0" + bytes(6) + INNER4, INNER6[:-1]])
def test_other_bytes_on_the_port_of_teredo_are_no_tunnel(data: bytes) -> None:
    """Bubbles carry nothing, and Teredo no IPv4."""
    assert found(tunnels.teredo, data) is None


def test_vxlan_carries_ethernet() -> None:
    """If its flags are those of VXLAN."""
    frame = ethernet(IPV4, INNER4)

    assert found(tunnels.vxlan, b"\x08\0\0\0\0\0\5\0" + frame) == (tunnels.ETHERNET, frame)
    assert found(tunnels.vxlan, b"\x80\x6f\0\0\0\0\5\0" + frame) is None


@pytest.mark.parametrize(
    ("flags", "before"),
    [(0x0002, b""), (0x0802, bytes(4)), (0x0202, b"\0\2" + bytes(2))],
    ids=["bare", "sequence", "offset"],
)
def test_l2tp_carries_ppp(flags: int, before: bytes) -> None:
    """Behind whatever fields the flags announce."""
    ppp = b"\xff\x03\0\x21" + INNER4
    data = pack(">HHH", flags, 1, 1) + before + ppp
    with_length = pack(">HHHH", flags | 0x4000, 8 + len(before + ppp), 1, 1) + before + ppp

    assert found(tunnels.l2tp, data) == (tunnels.PPP, ppp)
    assert found(tunnels.l2tp, with_length) == (tunnels.PPP, ppp)
    assert found(tunnels.l2tp, with_length + b"x") is None


@pytest.mark.parametrize("flags", [0x8002, 0x0003, 0x806F])
def test_other_bytes_on_the_port_of_l2tp_are_no_tunnel(flags: int) -> None:
    """Control messages, other versions, RTP."""
    assert found(tunnels.l2tp, pack(">HHH", flags, 1, 1) + INNER4) is None


@pytest.mark.parametrize(
    ("flags", "before"),
    [
        (0, 0),
        (0x8000, 4),
        (0x2000, 4),
        (0x1000, 4),
        (0xB000, 12),
        (0x3001, 8),
        (0x3081, 12),
    ],
    ids=["bare", "checksum", "key", "sequence", "all", "pptp", "pptp with acknowledgement"],
)
def test_gre_carries_anything(flags: int, before: int) -> None:
    """The flags say how long the header is; the EtherType is what it says."""
    data = pack(">HH", flags, IPV4) + bytes(before) + INNER4

    assert found(tunnels.gre, data) == (IPV4, INNER4)


def test_mirrored_frames_are_found_in_gre() -> None:
    """ERSPAN has a header of its own when the packets are numbered."""
    frame = ethernet(IPV4, INNER4)

    assert found(tunnels.gre, b"\x10\0\x88\xbe" + bytes(4 + 8) + frame) == (tunnels.ETHERNET, frame)
    assert found(tunnels.gre, b"\0\0\x88\xbe" + frame) == (tunnels.ETHERNET, frame)


def test_gre_with_routing_or_nothing_behind_carries_nothing() -> None:
    """Source routes in GRE are history, and an empty packet is a keep-alive."""
    assert found(tunnels.gre, pack(">HH", 0x4000, IPV4) + bytes(8) + INNER4) is None
    assert found(tunnels.gre, b"\0\0\0\0") is None


@pytest.mark.parametrize(
    ("parse", "before", "inner", "kind"),
    [
        (tunnels.ip_in_ip, b"", INNER4, IPV4),
        (tunnels.ip_in_ip, b"", INNER6, IPV6),
        (tunnels.ethernet_in_ip, b"\x30\0", ethernet(IPV4, INNER4), tunnels.ETHERNET),
    ],
)
def test_ip_carries_ip_and_ethernet(parse: tunnels.Parser, before: bytes, inner: bytes, kind: int) -> None:
    """Protocols 4, 41 and 97."""
    assert found(parse, before + inner) == (kind, inner)


PARSERS: list[Callable[[bytes, int, int], object]] = [
    *tunnels.BY_PORT.values(),
    *tunnels.BY_PROTOCOL.values(),
]


@given(st.binary(max_size=80), st.sampled_from(PARSERS), st.integers(0, 200))
def test_hostile_bytes_raise_nothing_unexpected(
    data: bytes, parse: Callable[[bytes, int, int], object], limit: int
) -> None:
    """Any bytes are a tunnel, none, or too short."""
    try:
        parse(data, 0, limit)
    except (IndexError, struct_error):
        return
