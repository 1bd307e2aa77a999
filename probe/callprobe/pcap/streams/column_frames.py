"""Columns of the RTP packets among many frames at once, for ``columns``.

A row is a packet that ``plain_frames``, ``is_plain_rtp`` and ``read_header`` would take one by one; the
line is drawn in the same place. Every other frame is left to them.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from callprobe.pcap.layers import plain_frames
from callprobe.pcap.streams.rtp_header import NO_EXTENSION

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Words = NDArray[np.uint64]
Bytes = NDArray[np.uint8]

MARGIN_BYTES: Final = 128
"""So many bytes must follow a frame's first one in the buffer: all that is looked at."""
_MAX_WORD: Final = 0xFFFFFFFF
_CSRC_BYTES: Final = 64
_UDP_BYTES: Final = 8
_RTP_FIELDS: Final[tuple[tuple[str, str, int], ...]] = (
    ("ports", ">u4", 0),
    ("source_port", ">u2", 0),
    ("destination_port", ">u2", 2),
    ("length", ">u2", 4),
    ("first", "u1", 8),
    ("second", "u1", 9),
    ("sequence", ">u2", 10),
    ("timestamp", ">u4", 12),
    ("ssrc", ">u4", 16),
    ("profile", ">u2", 20),
    ("words", ">u2", 22),
    ("run", ">u4", 24),
    ("reflected", ">u4", 28),
    ("run_end", ">u4", 32),
)
"""Name, type and offset of what stands in UDP and RTP headers."""
_RTP_END: Final = 36


def _layout(fields: tuple[tuple[str, str, int], ...], udp_at: int) -> np.dtype[np.void]:
    every = [*fields, *((name, kind, udp_at + at) for name, kind, at in _RTP_FIELDS)]
    names, formats, offsets = zip(*every, strict=True)
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": udp_at + _RTP_END})


_IPV4: Final = _layout(
    (
        ("version", "u1", 0),
        ("total", ">u2", 2),
        ("fragment", ">u2", 6),
        ("protocol", "u1", 9),
        ("address0", "u8", 12),
    ),
    20,
)
_IPV6: Final = _layout(
    (
        ("version", "u1", 0),
        ("total", ">u2", 4),
        ("protocol", "u1", 6),
        *((f"address{word}", "u8", 8 + 8 * word) for word in range(4)),
    ),
    40,
)
_TUNNEL_PORTS: Final[Bools] = np.zeros(1 << 16, dtype=np.bool_)
_TUNNEL_PORTS[list(plain_frames.TUNNEL_PORTS)] = True
_VLAN_TAGS: Final = tuple(plain_frames.VLAN_TAGS)


class Frames(NamedTuple):
    """Where frames of one link type lie in a buffer."""

    buffer: Bytes
    start: Ints
    captured: Ints
    wire_size: Ints


class RtpColumns(NamedTuple):
    """RTP packets in one version of IP, in the order of the file."""

    place: Ints
    """Which of the frames."""
    key: tuple[Words, ...]
    """What tells streams apart: the words of the addresses, then ports and SSRC."""
    sequence: NDArray[np.uint16]
    timestamp: NDArray[np.uint32]
    size: Ints
    second: Bytes
    profile: Ints


def rtp_columns(frames: Frames, link_type: int) -> list[RtpColumns]:
    """Return the RTP packets of frames, by version of IP."""
    at, kind = _ip_starts(frames, link_type)
    found = []
    for version, ethertype in ((4, plain_frames.IPV4), (6, plain_frames.IPV6)):
        if isinstance(kind, int):
            places = np.arange(len(frames.start)) if kind == ethertype else None
        else:
            places = _true(kind == ethertype)
        if places is not None and len(places):
            found.append(_of_version(frames, places, at if isinstance(at, int) else at[places], version))
    return found


def gathered(buffer: Bytes, starts: Ints, layout: np.dtype[np.void]) -> NDArray[np.void]:
    """Return the structures that begin at these offsets, none of which lies beyond the buffer."""
    size = layout.itemsize
    raw = np.ndarray((len(buffer) - size + 1,), dtype=f"V{size}", buffer=buffer, strides=(1,))
    found: NDArray[np.void] = raw[starts].view(layout)
    return found


def words(buffer: Bytes, starts: Ints, kind: str) -> Ints:
    """Return the numbers of a type, ``>u2`` for example, that begin at these offsets."""
    size = np.dtype(kind).itemsize
    raw: NDArray[np.integer] = np.ndarray((len(buffer) - size + 1,), dtype=kind, buffer=buffer, strides=(1,))
    return raw[starts].astype(np.int64)


def _true(mask: Bools) -> Ints:
    return np.flatnonzero(mask)


def _ip_starts(frames: Frames, link_type: int) -> tuple[int | Ints, int | Ints]:
    """Return where IP begins, counted from each frame's first byte, and its EtherType."""
    if link_type == plain_frames.ETHERNET:
        return _ethernet(frames.buffer, frames.start)
    header_bytes, kind_of = _LINKS.get(link_type, (0, _nothing))
    return header_bytes, kind_of(frames.buffer, frames.start)


def _nothing(_buffer: Bytes, _start: Ints) -> int:
    return 0


def _raw(buffer: Bytes, start: Ints) -> Ints:
    kind: Ints = _ETHERTYPES[buffer[start] >> 4]
    return kind


def _cooked(buffer: Bytes, start: Ints) -> Ints:
    kind = words(buffer, start + 14, ">u2")
    kind[words(buffer, start + 2, ">u2") == plain_frames.RADIOTAP] = 0
    return kind


def _cooked2(buffer: Bytes, start: Ints) -> Ints:
    kind = words(buffer, start, ">u2")
    kind[words(buffer, start + 8, ">u2") == plain_frames.RADIOTAP] = 0
    return kind


def _loopback(buffer: Bytes, start: Ints) -> Ints:
    family = np.minimum(words(buffer, start, "<u4"), words(buffer, start, ">u4"))
    kind = np.zeros(len(start), dtype=np.int64)
    for number, ethertype in plain_frames.LOOPBACK_FAMILIES.items():
        kind[family == number] = ethertype
    return kind


_ETHERTYPES: Final[Ints] = np.zeros(16, dtype=np.int64)
"""By version of IP."""
_ETHERTYPES[[4, 6]] = plain_frames.IPV4, plain_frames.IPV6
_LINKS: Final[dict[int, tuple[int, Callable[[Bytes, Ints], int | Ints]]]] = {
    **dict.fromkeys(plain_frames.RAW, (0, _raw)),
    plain_frames.RAW_IPV4: (0, lambda _buffer, _start: plain_frames.IPV4),
    plain_frames.RAW_IPV6: (0, lambda _buffer, _start: plain_frames.IPV6),
    plain_frames.SLL: (16, _cooked),
    plain_frames.SLL2: (20, _cooked2),
    **dict.fromkeys(plain_frames.LOOPBACK, (4, _loopback)),
}
"""By link type: the size of its header, and what gives the EtherTypes."""


def _ethernet(buffer: Bytes, start: Ints) -> tuple[int | Ints, Ints]:
    kind = words(buffer, start + 12, ">u2")
    tagged = _true(_is_tag(kind))
    if not len(tagged):
        return 14, kind
    at = np.full(len(start), 14, dtype=np.int64)
    for _ in range(plain_frames.MAX_TAGS):
        at[tagged] += 4
        inner = words(buffer, start[tagged] + at[tagged] - 2, ">u2")
        kind[tagged] = inner
        tagged = tagged[_is_tag(inner)]
    return at, kind


def _is_tag(kind: Ints) -> Bools:
    found: Bools = kind == _VLAN_TAGS[0]
    for tag in _VLAN_TAGS[1:]:
        found |= kind == tag
    return found


def _of_version(frames: Frames, places: Ints, at: int | Ints, version: int) -> RtpColumns:
    """Return the RTP packets among frames that are said to carry a version of IP."""
    every = len(places) == len(frames.start)
    start = frames.start if every else frames.start[places]
    captured = frames.captured if every else frames.captured[places]
    wire_size = frames.wire_size if every else frames.wire_size[places]
    packets = gathered(frames.buffer, start + at, _IPV4 if version == 4 else _IPV6)
    total = packets["total"].astype(np.int64)
    if version == 4:
        header_bytes, udp_size = 20, total - 20
        good = (packets["version"] == 0x45) & (packets["fragment"] & 0x3FFF == 0)
    else:
        header_bytes, udp_size = 40, total
        good = packets["version"] >> 4 == 6
    good &= packets["protocol"] == plain_frames.UDP
    good &= packets["length"] == udp_size
    good &= udp_size + at + header_bytes <= wire_size
    good &= ~_TUNNEL_PORTS[packets["source_port"]]
    good &= ~_TUNNEL_PORTS[packets["destination_port"]]
    size = udp_size - _UDP_BYTES
    have = np.minimum(size, captured - at - (header_bytes + _UDP_BYTES))
    good &= _is_rtp(packets, have)
    profile, fits = _profiles(frames.buffer, packets, start + at + (header_bytes + _UDP_BYTES), have, size)
    good &= fits
    return _columns(packets, places, size, profile, None if good.all() else good)


def _columns(
    packets: NDArray[np.void], places: Ints, size: Ints, profile: Ints, good: Bools | None
) -> RtpColumns:
    if good is not None:
        packets, places, size, profile = packets[good], places[good], size[good], profile[good]
    names = [name for name in packets.dtype.names or () if name.startswith("address")]
    tail = packets["ports"].astype(np.uint64) << np.uint64(32) | packets["ssrc"]
    return RtpColumns(
        place=places,
        key=(*(np.ascontiguousarray(packets[name]) for name in names), tail),
        sequence=packets["sequence"].astype(np.uint16),
        timestamp=packets["timestamp"].astype(np.uint32),
        size=size,
        second=np.ascontiguousarray(packets["second"]),
        profile=profile,
    )


def _is_rtp(packets: NDArray[np.void], have: Ints) -> Bools:
    """Say of each whether ``is_plain_rtp`` holds; ``have`` is what was captured of the payload."""
    good: Bools = (packets["first"] >> 6 == 2) & (packets["second"] >> 5 != 6) & (have >= 12)
    reflected = packets["reflected"].astype(np.int64)
    run = (reflected == _MAX_WORD) & (packets["run"] == _MAX_WORD) & (packets["run_end"] == _MAX_WORD)
    over = have - 24 - reflected
    frame = (over >= 0) & (over < 4) & (have > 24)
    good &= ~((run & (have >= 28)) | frame)
    return good


def _profiles(
    buffer: Bytes, packets: NDArray[np.void], payload: Ints, have: Ints, size: Ints
) -> tuple[Ints, Bools]:
    """Return extension profiles, and whether the headers fit into the packets."""
    first = packets["first"]
    end = (first & 0x0F).astype(np.int64) * 4 + 12
    profile = np.full(len(first), NO_EXTENSION, dtype=np.int64)
    extended = _true(first & 0x10 != 0)
    if len(extended):
        at = end[extended] + 4
        seen = at <= have[extended]
        plain = at == 16
        number, count = (
            packets["profile"][extended].astype(np.int64),
            packets["words"][extended].astype(np.int64),
        )
        behind = _true(~plain & seen)
        if len(behind):
            place = payload[extended[behind]] + at[behind] - 4
            number[behind], count[behind] = words(buffer, place, ">u2"), words(buffer, place + 2, ">u2")
        profile[extended] = np.where(seen, number, NO_EXTENSION)
        end[extended] = at + np.where(seen, 4 * count, 0)
    return profile, end <= size
