"""Clues to whose traffic a capture holds, beside what STUN, DTLS and RTP tell.

Everything is bounded: a capture of any length leaves a few hundred entries, and what found no place counts.
"""

from collections import Counter
from typing import Final

from msgspec import Struct

from callprobe.pcap.packets import Address, TcpSegment, UdpDatagram, address_text
from callprobe.pcap.recognise import datagram_marks, server_names, sip_messages

MAX_FLOWS_PER_MARK: Final = 32
MAX_SIZES_PER_MARK: Final = 16
MAX_SERVER_NAMES: Final = 256
MAX_TAGS: Final = 64
MAX_MEDIA_ADDRESSES: Final = 64
MAX_CALL_IDS: Final = 1024
MAX_HEADED_FLOWS: Final = 64

_REFLECTOR_PORTS: Final = range(500, 601)
_TAG_BYTES: Final = 16
_COMMON_TAG_BYTES: Final = 12
_RUN: Final = slice(16, 28)
_TWELVE_FF: Final = b"\xff" * 12
_PING_MARK: Final = b"\xff" * 12 + b"\xfe\xff\xff\xff"
_PING_BYTES: Final = 40
_CONSTANT_QUERY: Final = (123).to_bytes(8, "big")
_BLOCK_BYTES: Final = 16
_MIN_DIFFERENT_BYTES: Final = 10
"""Of 16 random ones; fewer come about once in a hundred million."""
_FRAME_OVERHEAD_BYTES: Final = 24
_NANOSECONDS: Final = 1_000_000_000


class MarkCount(Struct, frozen=True, kw_only=True):
    """Datagrams of one kind."""

    kind: str
    """A key of ``datagram_marks.MEANINGS``, or "whatsapp-chat", "rtsp" (TCP segments)."""
    datagrams: int
    first_s: float
    last_s: float
    flows: tuple[str, ...]
    """``source > destination`` of the first of them."""
    sizes: dict[int, int]
    """Datagrams by size of their payload, of the first few sizes."""


class ServerName(Struct, frozen=True, kw_only=True):
    """A name of a server that somebody asked for or was shown."""

    name: str
    source: str
    """"dns", "sni" or "certificate"."""
    owner: str | None
    """Whose it is, where that is known."""
    count: int
    first_s: float


class SipDialogs(Struct, frozen=True, kw_only=True):
    """SIP (RFC 3261), over UDP and TCP."""

    requests: dict[str, int]
    """By method."""
    answers: dict[str, int]
    """By status."""
    calls: int
    """Different Call-IDs with an INVITE."""
    invite_s: float | None
    """First INVITE."""
    ringing_s: float | None
    """First 180 or 183."""
    answered_s: float | None
    """First 200 to an INVITE."""
    bye_s: float | None
    media: tuple[str, ...]
    """Addresses where SDP wants RTP."""


class ReflectorMarks(Struct, frozen=True, kw_only=True):
    """What travels under tags that Telegram's pings (40 bytes) introduced."""

    tags: int
    """Different 16-byte tags in pings."""
    pings: int
    constant_queries: int
    """Pings whose query id is 123, as tgcalls v2 sends."""
    ports: tuple[int, ...]
    """Reflector ports that were pinged."""
    controls: int
    """Others with twelve FF after the tag: answers, questions for the peer."""
    tagged: int
    """Data behind a pinged tag, in steps of 16 bytes: libtgvoip."""
    off_grid: int
    """Data behind a pinged tag of other sizes."""
    framed: int
    """Frames of tgcalls v2: common part of a pinged tag, and a length that fits."""
    headed_flows: int
    """Flows at ports 500 to 600 without pings whose packets (ten at least) all begin with one random tag, go
    on differently each time, and come in steps of 16 bytes."""
    headed: int
    """Their packets."""


class Clues(Struct, frozen=True, kw_only=True):
    """All clues of a capture."""

    marks: tuple[MarkCount, ...]
    server_names: tuple[ServerName, ...]
    sip: SipDialogs | None
    reflector: ReflectorMarks
    left_out: int
    """Names, tags, calls and addresses for which there was no room."""


class _Mark:
    """What is noted of one kind."""

    __slots__ = ("count", "first_ns", "flows", "last_ns", "sizes")

    def __init__(self, epoch_ns: int) -> None:
        self.count = 0
        self.first_ns = self.last_ns = epoch_ns
        self.flows: dict[tuple[Address, Address], None] = {}
        self.sizes: Counter[int] = Counter()


class _Head:
    """The beginning that all packets of a flow have shared so far."""

    __slots__ = ("broken", "count", "head", "rest")

    def __init__(self, head: bytes) -> None:
        self.head = head
        self.rest = b""
        """What followed it in the packet before."""
        self.count = 0
        self.broken = len(set(head)) < _MIN_DIFFERENT_BYTES

    def add(self, payload: bytes) -> None:
        """Take a packet. IKE keeps its first bytes too, but goes on alike; RIP's are not random."""
        rest = payload[_TAG_BYTES : _TAG_BYTES + 4]
        self.count += 1
        self.broken |= (
            len(payload) % _BLOCK_BYTES != 0 or payload[:_TAG_BYTES] != self.head or rest == self.rest
        )
        self.rest = rest


class ClueCollector:
    """Takes every datagram that is not plain RTP, and every TCP segment with bytes."""

    def __init__(self) -> None:
        self._marks: dict[str, _Mark] = {}
        self._names: dict[tuple[str, str], list[int]] = {}
        self._left_out = 0
        self._sip = _SipNotes()
        self._reflector = _ReflectorNotes()

    def add(self, datagram: UdpDatagram) -> None:
        """Take a datagram, whatever it holds."""
        payload = datagram.payload
        source_port, destination_port = datagram.source[1], datagram.destination[1]
        kind = datagram_marks.mark_of(payload, source_port, destination_port)
        if kind is not None:
            self._note(kind, datagram)
            self._look_inside(kind, datagram)
        elif (
            payload[_RUN] == _TWELVE_FF
            or self._reflector.pings
            or destination_port in _REFLECTOR_PORTS
            or source_port in _REFLECTOR_PORTS
        ):
            self._reflector.add(datagram)

    def segment(self, segment: TcpSegment) -> None:
        """Take a TCP segment, whatever it holds."""
        payload = segment.payload
        first = payload[:1]
        if first == b"\x16":
            self._tls(segment)
        elif first.isupper() and first in _TEXT_BEGINNINGS:
            self._text(segment)

    def clues(self, origin_ns: int) -> Clues:
        """Return what was found, times in seconds after ``origin_ns``."""
        marks = [
            MarkCount(
                kind=kind,
                datagrams=mark.count,
                first_s=_seconds(mark.first_ns, origin_ns),
                last_s=_seconds(mark.last_ns, origin_ns),
                flows=tuple(f"{address_text(a)} > {address_text(b)}" for a, b in mark.flows),
                sizes=dict(sorted(mark.sizes.items())),
            )
            for kind, mark in self._marks.items()
        ]
        return Clues(
            marks=tuple(sorted(marks, key=lambda mark: (-mark.datagrams, mark.kind))),
            server_names=tuple(
                ServerName(
                    name=name,
                    source=source,
                    owner=server_names.owner_of(name),
                    count=count,
                    first_s=_seconds(first_ns, origin_ns),
                )
                for (source, name), (count, first_ns) in self._names.items()
            ),
            sip=self._sip.dialogs(origin_ns),
            reflector=self._reflector.marks(),
            left_out=self._left_out + self._sip.left_out + self._reflector.left_out,
        )

    def _note(self, kind: str, packet: UdpDatagram | TcpSegment) -> None:
        epoch_ns = packet.epoch_ns
        mark = self._marks.get(kind)
        if mark is None:
            mark = self._marks[kind] = _Mark(epoch_ns)
        mark.count += 1
        mark.first_ns = min(mark.first_ns, epoch_ns)
        mark.last_ns = max(mark.last_ns, epoch_ns)
        size = packet.size
        if size in mark.sizes or len(mark.sizes) < MAX_SIZES_PER_MARK:
            mark.sizes[size] += 1
        flow = (packet.source, packet.destination)
        if flow not in mark.flows and len(mark.flows) < MAX_FLOWS_PER_MARK:
            mark.flows[flow] = None

    def _look_inside(self, kind: str, datagram: UdpDatagram) -> None:
        if kind == "dns":
            name = server_names.dns_question(datagram.payload)
            if name:
                self._name("dns", name, datagram.epoch_ns)
        elif kind == "sip":
            self._sip.add(datagram.payload, datagram.epoch_ns)

    def _tls(self, segment: TcpSegment) -> None:
        name = server_names.client_hello_name(segment.payload)
        if name:
            self._name("sni", name, segment.epoch_ns)
        for certified in server_names.certified_names(segment.payload):
            self._name("certificate", certified, segment.epoch_ns)

    def _text(self, segment: TcpSegment) -> None:
        payload = segment.payload
        if b"RTSP/1.0\r\n" in payload[:400]:
            self._note("rtsp", segment)
        elif _is_whatsapp_chat(payload):
            self._note("whatsapp-chat", segment)
        elif b"SIP/2.0" in payload[:600] and self._sip.add(payload, segment.epoch_ns):
            self._note("sip", segment)

    def _name(self, source: str, name: str, epoch_ns: int) -> None:
        entry = self._names.get((source, name))
        if entry is not None:
            entry[0] += 1
            entry[1] = min(entry[1], epoch_ns)
        elif len(self._names) < MAX_SERVER_NAMES:
            self._names[source, name] = [1, epoch_ns]
        else:
            self._left_out += 1


_TEXT_BEGINNINGS: Final = frozenset(bytes([letter]) for letter in b"ABCDEGIMNOPRSTUW")


def _is_whatsapp_chat(payload: bytes) -> bool:
    """Say whether a stream begins as a chat does: WA and a version (whatsapp_login_chat.pcap), or ED."""
    plain = payload[:2] == b"WA" and len(payload) > 6 and payload[2] < 16 and payload[3] < 16
    return plain or payload[:4] == b"ED\x00\x01"


class _SipNotes:
    """What is noted of SIP."""

    def __init__(self) -> None:
        self.left_out = 0
        self._requests: Counter[str] = Counter()
        self._answers: Counter[int] = Counter()
        self._call_ids: set[bytes] = set()
        self._media: dict[tuple[str, int], None] = {}
        self._times_ns: dict[str, int] = {}

    def add(self, data: bytes, epoch_ns: int) -> bool:
        """Take what may be a SIP message, and say whether it is one."""
        message = sip_messages.parse(data)
        if message is None:
            return False
        self._count(message, epoch_ns)
        for address in message.media:
            if address in self._media or len(self._media) < MAX_MEDIA_ADDRESSES:
                self._media[address] = None
            else:
                self.left_out += 1
        return True

    def _count(self, message: sip_messages.SipMessage, epoch_ns: int) -> None:
        if message.status is None:
            self._requests[message.method] += 1
            self._time(message.method, epoch_ns)
            if message.method == "INVITE":
                self._call(message.call_id)
            return
        self._answers[message.status] += 1
        if message.method == "INVITE":
            self._time("ringing" if message.status in {180, 183} else str(message.status), epoch_ns)

    def _call(self, call_id: bytes) -> None:
        if call_id in self._call_ids or len(self._call_ids) < MAX_CALL_IDS:
            self._call_ids.add(call_id)
        else:
            self.left_out += 1

    def _time(self, what: str, epoch_ns: int) -> None:
        self._times_ns[what] = min(epoch_ns, self._times_ns.get(what, epoch_ns))

    def dialogs(self, origin_ns: int) -> SipDialogs | None:
        """Return the counts, or None where there was no SIP."""
        if not self._requests and not self._answers:
            return None

        def at(what: str) -> float | None:
            epoch_ns = self._times_ns.get(what)
            return None if epoch_ns is None else _seconds(epoch_ns, origin_ns)

        return SipDialogs(
            requests=dict(sorted(self._requests.items())),
            answers={str(status): count for status, count in sorted(self._answers.items())},
            calls=len(self._call_ids),
            invite_s=at("INVITE"),
            ringing_s=at("ringing"),
            answered_s=at("200"),
            bye_s=at("BYE"),
            media=tuple(map(address_text, self._media)),
        )


class _ReflectorNotes:
    """What is noted of Telegram's reflectors."""

    def __init__(self) -> None:
        self.pings = 0
        self.left_out = 0
        self._counts: Counter[str] = Counter()
        self._tags: set[bytes] = set()
        self._common: set[bytes] = set()
        self._ports: set[int] = set()
        self._heads: dict[tuple[Address, Address], _Head] = {}

    def add(self, datagram: UdpDatagram) -> None:
        """Take a datagram that may be a reflector's."""
        payload = datagram.payload
        if payload[_RUN] == _TWELVE_FF:
            self._control(datagram)
        elif payload[:_TAG_BYTES] in self._tags and len(payload) > 2 * _TAG_BYTES:
            framed = payload[:_COMMON_TAG_BYTES] in self._common and _is_frame(payload)
            self._counts["framed" if framed else "off_grid" if len(payload) % _BLOCK_BYTES else "tagged"] += 1
        elif payload[:_COMMON_TAG_BYTES] in self._common and _is_frame(payload):
            self._counts["framed"] += 1
        elif _is_reflector_port(datagram):
            self._head(datagram)

    def _control(self, datagram: UdpDatagram) -> None:
        payload = datagram.payload
        if len(payload) != _PING_BYTES or payload[16:32] != _PING_MARK:
            self._counts["controls"] += 1
            return
        self.pings += 1
        self._counts["constant"] += payload[32:] == _CONSTANT_QUERY
        if len(self._tags) >= MAX_TAGS:
            self.left_out += payload[:_TAG_BYTES] not in self._tags
            return
        self._tags.add(payload[:_TAG_BYTES])
        self._common.add(payload[:_COMMON_TAG_BYTES])
        if len(self._ports) < MAX_TAGS:
            self._ports.add(datagram.destination[1])

    def _head(self, datagram: UdpDatagram) -> None:
        payload, flow = datagram.payload, (datagram.source, datagram.destination)
        head = self._heads.get(flow)
        if head is None:
            if len(self._heads) >= MAX_HEADED_FLOWS:
                self.left_out += 1
                return
            head = self._heads[flow] = _Head(payload[:_TAG_BYTES])
        head.add(payload)

    def marks(self) -> ReflectorMarks:
        """Return the counts."""
        headed = [head.count for head in self._heads.values() if head.count >= 10 and not head.broken]
        return ReflectorMarks(
            tags=len(self._tags),
            pings=self.pings,
            constant_queries=self._counts["constant"],
            ports=tuple(sorted(self._ports)),
            controls=self._counts["controls"],
            tagged=self._counts["tagged"],
            off_grid=self._counts["off_grid"],
            framed=self._counts["framed"],
            headed_flows=len(headed),
            headed=sum(headed),
        )


def _is_frame(payload: bytes) -> bool:
    spare = len(payload) - _FRAME_OVERHEAD_BYTES - int.from_bytes(payload[20:24], "big")
    return len(payload) > _FRAME_OVERHEAD_BYTES and 0 <= spare < 4


def _is_reflector_port(datagram: UdpDatagram) -> bool:
    return datagram.source[1] in _REFLECTOR_PORTS or datagram.destination[1] in _REFLECTOR_PORTS


def _seconds(epoch_ns: int, origin_ns: int) -> float:
    return round((epoch_ns - origin_ns) / _NANOSECONDS, 6)
