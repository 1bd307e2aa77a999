"""DTLS handshakes in captures: who began, who answered, and how far it came (RFC 6347, RFC 9147)."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from callprobe.pcap.collect.round_trips import since_s, since_s_or_none
from callprobe.pcap.packets import Address, UdpDatagram, address_text
from callprobe.wire import certificate, dtls_messages, dtls_names
from callprobe.wire.certificate import CertificateError
from callprobe.wire.dtls import (
    OLD_OPENSSL,
    RECORD_HEADER_BYTES,
    VERSIONS,
    ContentType,
    DtlsError,
    Fragment,
    HandshakeType,
    Record,
    fragments,
    records,
)
from callprobe.wire.dtls_reassembly import Reassembly

MOST_FLOWS: Final = 2048
MOST_MESSAGES: Final = 64
"""Of one handshake."""
MOST_ALERTS: Final = 16
MOST_NAMES: Final = 32
MOST_NAME_CHARACTERS: Final = 128
MOST_OFFERED: Final = 256
MOST_PARTS: Final = 256
"""Of handshake messages, that are remembered of one side in order to know them again."""

_MAJOR_VERSIONS: Final = frozenset(version >> 8 for version in VERSIONS)
_X520: Final = "2.5.4."
_SERVER_MESSAGES: Final = frozenset(
    {
        HandshakeType.SERVER_HELLO,
        HandshakeType.HELLO_VERIFY_REQUEST,
        HandshakeType.NEW_SESSION_TICKET,
        HandshakeType.SERVER_KEY_EXCHANGE,
        HandshakeType.CERTIFICATE_REQUEST,
        HandshakeType.SERVER_HELLO_DONE,
    }
)
_CLIENT_MESSAGES: Final = frozenset({HandshakeType.CLIENT_HELLO, HandshakeType.CLIENT_KEY_EXCHANGE})
_First = Literal["client hello", "hello verify", "server hello"]
_State = Literal["unanswered", "answered", "refused", "finished", "joined"]


class DtlsAlert(Struct, frozen=True, kw_only=True):
    """An alert in clear (RFC 8446 section 6)."""

    at_s: float
    sender: str
    level: str
    """``warning``, ``fatal`` or a number."""
    description: str
    """Such as ``handshake_failure``, or a number."""


class DtlsMessage(Struct, frozen=True, kw_only=True):
    """A handshake message or change of keys, once for each datagram that held a part of it."""

    at_s: float
    sender: str
    name: str
    """``ClientHello`` …; ``Finished`` is the first encrypted handshake record of a side."""


class DtlsHandshake(Struct, frozen=True, kw_only=True):
    """DTLS between two addresses, however much of it was captured."""

    a: str
    """The client if one side showed to be it, else who was seen first."""
    b: str
    client: str | None
    """``a``, or null when nothing tells."""
    encapsulation: str
    """Of its first record: ``plain``, ``turn-channel``, ``reflector``, ``tcp-framed`` …"""
    state: _State
    """Nobody answered the ClientHello; answered but not finished; ended by a fatal alert; finished by both
    sides; or joined by the capture after its ClientHello."""
    first_s: float
    """First record."""
    last_s: float
    client_hello_s: float | None
    """First part of the first ClientHello."""
    hello_verify_s: float | None
    server_hello_s: float | None
    """First ServerHello that is no retry request."""
    client_finished_s: float | None
    """First encrypted handshake record; in 1.3 the last one before application data."""
    server_finished_s: float | None
    finished_s: float | None
    """When the later of both was seen; null when one is missing."""
    handshake_ms: float | None
    """From the first ClientHello until then."""
    client_hellos: int
    """Datagrams with a ClientHello or part of one, from either side."""
    client_hellos_from_b: int
    """Those from the other side: both took themselves for the client."""
    client_hello_retransmissions: int
    """Those of them that came again."""
    client_hello_fragments: int | None
    """Parts of the first whole ClientHello."""
    hello_verify: int
    """HelloVerifyRequests, and HelloRetryRequests of 1.3."""
    version: str | None
    """Chosen by the server: ``DTLS 1.2`` …"""
    versions_offered: tuple[str, ...]
    cipher: str | None
    """Chosen by the server: ``0x…``."""
    cipher_name: str | None
    ciphers_offered: tuple[str, ...]
    """``0x…``, in the order of the ClientHello."""
    srtp_profile: str | None
    """Chosen by the server: ``0x…`` (RFC 5764 section 4.1.2)."""
    srtp_profile_name: str | None
    srtp_profiles_offered: tuple[str, ...]
    client_hello_hash: str | None
    """See ``callprobe.wire.dtls_messages.fingerprint``."""
    client_hello_ja3: str | None
    server_name: str | None
    certificate_names: tuple[str, ...]
    """Names in the subjects and issuers of certificates in clear, each once; country codes left out."""
    alerts: tuple[DtlsAlert, ...]
    encrypted_alerts: int
    messages: tuple[DtlsMessage, ...]
    """The first ones."""
    retransmitted: int
    """Parts of handshake messages that were sent again, by either side."""
    application_records: int
    """Records that say they carry application data."""
    hidden_records: int
    """Encrypted records of 1.3, which do not say what they carry."""


class DtlsCollector:
    """Gathers DTLS from datagrams in the order of the file."""

    def __init__(self) -> None:
        self._flows: dict[tuple[Address, Address], _Flow] = {}
        self._reassembly = Reassembly()
        self.dropped = 0
        """Datagrams with DTLS between addresses beyond the first ``MOST_FLOWS`` pairs."""

    def add(self, datagram: UdpDatagram, payload: bytes, encapsulation: str = "plain") -> None:
        """Take a payload, possibly unwrapped; what is no DTLS is passed over."""
        if len(payload) < RECORD_HEADER_BYTES:
            return
        is_long = 20 <= payload[0] <= 26 and payload[1] in _MAJOR_VERSIONS
        if is_long or (self._flows and 32 <= payload[0] <= 63):
            self._take(datagram, payload, encapsulation)

    def handshakes(self, origin_ns: int) -> tuple[DtlsHandshake, ...]:
        """Return the handshakes in the order of their first records, times in seconds from ``origin_ns``."""
        return tuple(flow.handshake(origin_ns) for flow in self._flows.values())

    def _take(self, datagram: UdpDatagram, payload: bytes, encapsulation: str) -> None:
        cut = datagram.size > len(datagram.payload)
        source, destination = datagram.source, datagram.destination
        key = (source, destination) if source < destination else (destination, source)
        flow = self._flows.get(key)
        if flow is None:
            if not _begins(payload, cut=cut):
                return
            if len(self._flows) >= MOST_FLOWS:
                self.dropped += 1
                return
            flow = self._flows[key] = _Flow(datagram, encapsulation)
        with suppress(DtlsError):
            flow.take(datagram, records(payload, cut=cut), self._reassembly)


def _begins(payload: bytes, *, cut: bool) -> bool:
    """Say whether the first record is DTLS beyond doubt; one of 1.3 with the short header never is."""
    if payload[0] >= 32:
        return False
    try:
        record = next(records(payload, cut=cut))
    except DtlsError:
        return False
    return record.version != OLD_OPENSSL or record.content_type is ContentType.HANDSHAKE


class _Offer(NamedTuple):
    """What a ClientHello offers, as it is told."""

    versions: tuple[str, ...] = ()
    ciphers: tuple[str, ...] = ()
    srtp_profiles: tuple[str, ...] = ()
    server_name: str | None = None
    fingerprint: str | None = None
    ja3: str | None = None


class _Choice(NamedTuple):
    """What a ServerHello chose."""

    version: str | None = None
    cipher: int | None = None
    srtp_profile: int | None = None


class _Side:
    """What one end sent."""

    def __init__(self) -> None:
        self.finished_ns: int | None = None
        self.handshake_ns: int | None = None
        """Last handshake record of 1.3 that was encrypted."""
        self.hellos = 0
        self.speaks_data = False
        """Whether it sent application data."""
        self.parts: set[tuple[int, int, int, int]] = set()
        """Kind, number, offset and hash of the parts of handshake messages seen."""

    def finish(self, at_ns: int) -> None:
        """Note when its first Finished, or what proves it, was seen."""
        if self.finished_ns is None:
            self.finished_ns = at_ns

    def knows(self, part: Fragment) -> bool:
        """Say whether a part was seen before, and remember it."""
        mark = (part.kind, part.message_seq, part.offset, hash(part.body))
        known = mark in self.parts
        if len(self.parts) < MOST_PARTS:
            self.parts.add(mark)
        return known


class _Flow:
    """DTLS between two addresses."""

    def __init__(self, datagram: UdpDatagram, encapsulation: str) -> None:
        self._ends = (datagram.source, datagram.destination)
        self._sides = (_Side(), _Side())
        self._encapsulation = encapsulation
        self._client: int | None = None
        """Index of the side."""
        self._answered = False
        self._offer = _Offer()
        self._hello_parts: int | None = None
        self._choice = _Choice()
        self._first_ns = self._last_ns = self._now_ns = datagram.epoch_ns
        self._firsts: dict[_First, int] = {}
        self._hello_retransmissions = self._retransmitted = self._verifies = 0
        self._application_records = self._hidden_records = self._encrypted_alerts = 0
        self._names: dict[str, None] = {}
        """In the order seen."""
        self._alerts: list[tuple[int, int, dtls_messages.Alert]] = []
        self._messages: list[tuple[int, int, str]] = []
        self._said: list[str] = []
        """Messages of the datagram in hand."""

    def take(self, datagram: UdpDatagram, found: Iterator[Record], reassembly: Reassembly) -> None:
        """Take the records of a datagram. Raises DtlsError where they do not go on."""
        index = 0 if datagram.source == self._ends[0] else 1
        self._now_ns = self._last_ns = datagram.epoch_ns
        self._said = []
        for record in found:
            self._record(record, index, reassembly)

    def _record(self, record: Record, index: int, reassembly: Reassembly) -> None:
        side = self._sides[index]
        match record.content_type:
            case None:
                self._hidden_record(record, index)
            case ContentType.HANDSHAKE if record.epoch == 0:
                with suppress(DtlsError):
                    for part in fragments(record):
                        self._part(part, index, reassembly)
            case ContentType.HANDSHAKE:
                self._say("Finished" if side.finished_ns is None else "EncryptedHandshake", index)
                side.finish(self._now_ns)
            case ContentType.CHANGE_CIPHER_SPEC:
                self._say("ChangeCipherSpec", index)
            case ContentType.ALERT:
                self._alert(record, index)
            case ContentType.APPLICATION_DATA:
                self._application_records += 1
                side.speaks_data = True

    def _hidden_record(self, record: Record, index: int) -> None:
        """Take an encrypted record of 1.3: epoch 2 is the handshake, 3 the first of application data."""
        self._hidden_records += 1
        side = self._sides[index]
        if record.epoch == 2:
            self._say("EncryptedHandshake", index)
            side.handshake_ns = self._now_ns
        elif record.epoch == 3:
            side.speaks_data = True
            self._finish_hidden()

    def _finish_hidden(self) -> None:
        """Take the last handshake records of both sides for their Finished, as application data follows."""
        first, second = (side.handshake_ns for side in self._sides)
        if first is not None and second is not None:
            self._sides[0].finish(first)
            self._sides[1].finish(second)

    def _alert(self, record: Record, index: int) -> None:
        if record.epoch > 0:
            self._encrypted_alerts += 1
        elif len(self._alerts) < MOST_ALERTS:
            with suppress(DtlsError):
                self._alerts.append((self._now_ns, index, dtls_messages.parse_alert(record.fragment)))

    def _part(self, part: Fragment, index: int, reassembly: Reassembly) -> None:
        side = self._sides[index]
        name = dtls_names.handshake_name(part.kind)
        known = side.knows(part)
        self._retransmitted += known
        if part.kind == HandshakeType.CLIENT_HELLO and name not in self._said:
            side.hellos += 1
            self._hello_retransmissions += known
            self._firsts.setdefault("client hello", self._now_ns)
        self._say(name, index)
        self._cast(part.kind, index)
        message = reassembly.add((id(self), index), part)
        if message is not None:
            with suppress(DtlsError):
                self._message(part.kind, *message)

    def _cast(self, kind: int, index: int) -> None:
        """Learn from a message who is the client, and whether the other side answered."""
        if self._client is None and kind in _CLIENT_MESSAGES:
            self._client = index
        elif self._client is None and kind in _SERVER_MESSAGES:
            self._client = 1 - index
        self._answered |= self._client != index and kind in _SERVER_MESSAGES

    def _message(self, kind: int, body: bytes, parts: int) -> None:
        """Take a whole message. Raises DtlsError when it is malformed."""
        match kind:
            case HandshakeType.CLIENT_HELLO if self._hello_parts is None:
                self._offer = _offer(dtls_messages.parse_client_hello(body))
                self._hello_parts = parts
            case HandshakeType.HELLO_VERIFY_REQUEST:
                self._verify()
            case HandshakeType.SERVER_HELLO:
                self._take_server_hello(dtls_messages.parse_server_hello(body))
            case HandshakeType.CERTIFICATE:
                for der in dtls_messages.parse_certificates(body):
                    self._certificate(der)

    def _take_server_hello(self, hello: dtls_messages.ServerHello) -> None:
        if hello.is_retry_request:
            self._verify()
        elif "server hello" not in self._firsts:
            self._firsts["server hello"] = self._now_ns
            self._choice = _chosen(hello)
        if self._choice.cipher is None:
            self._choice = _chosen(hello)

    def _verify(self) -> None:
        self._verifies += 1
        self._firsts.setdefault("hello verify", self._now_ns)

    def _certificate(self, der: bytes) -> None:
        with suppress(CertificateError):
            found = certificate.names(der)
            for name in (*found.subject, *found.issuer):
                if name.kind.startswith(_X520) and name.kind != certificate.COUNTRY:
                    self._name(name.text[:MOST_NAME_CHARACTERS])

    def _name(self, text: str) -> None:
        if len(self._names) < MOST_NAMES:
            self._names[text] = None

    def _say(self, name: str, index: int) -> None:
        if name not in self._said:
            self._said.append(name)
            if len(self._messages) < MOST_MESSAGES:
                self._messages.append((self._now_ns, index, name))

    def handshake(self, origin_ns: int) -> DtlsHandshake:
        """Return what is known, times in seconds from ``origin_ns``."""
        index = self._client or 0
        client, server = self._sides[index], self._sides[1 - index]
        offer, choice = self._offer, self._choice
        return DtlsHandshake(
            a=self._end(index),
            b=self._end(1 - index),
            client=None if self._client is None else self._end(index),
            encapsulation=self._encapsulation,
            state=self._state(),
            first_s=since_s(origin_ns, self._first_ns),
            last_s=since_s(origin_ns, self._last_ns),
            client_hello_s=since_s_or_none(origin_ns, self._firsts.get("client hello")),
            hello_verify_s=since_s_or_none(origin_ns, self._firsts.get("hello verify")),
            server_hello_s=since_s_or_none(origin_ns, self._firsts.get("server hello")),
            client_finished_s=since_s_or_none(origin_ns, client.finished_ns),
            server_finished_s=since_s_or_none(origin_ns, server.finished_ns),
            finished_s=since_s_or_none(origin_ns, self._finished_ns()),
            handshake_ms=self._handshake_ms(),
            client_hellos=client.hellos + server.hellos,
            client_hellos_from_b=server.hellos,
            client_hello_retransmissions=self._hello_retransmissions,
            client_hello_fragments=self._hello_parts,
            hello_verify=self._verifies,
            version=choice.version,
            versions_offered=offer.versions,
            cipher=None if choice.cipher is None else _hex(choice.cipher),
            cipher_name=None if choice.cipher is None else dtls_names.cipher_name(choice.cipher),
            ciphers_offered=offer.ciphers,
            srtp_profile=None if choice.srtp_profile is None else _hex(choice.srtp_profile),
            srtp_profile_name=None
            if choice.srtp_profile is None
            else dtls_names.srtp_profile_name(choice.srtp_profile),
            srtp_profiles_offered=offer.srtp_profiles,
            client_hello_hash=offer.fingerprint,
            client_hello_ja3=offer.ja3,
            server_name=offer.server_name,
            certificate_names=tuple(self._names),
            alerts=tuple(self._alert_at(*alert, origin_ns) for alert in self._alerts),
            encrypted_alerts=self._encrypted_alerts,
            messages=tuple(
                DtlsMessage(at_s=since_s(origin_ns, at_ns), sender=self._end(side), name=name)
                for at_ns, side, name in self._messages
            ),
            retransmitted=self._retransmitted,
            application_records=self._application_records,
            hidden_records=self._hidden_records,
        )

    def _end(self, index: int) -> str:
        return address_text(self._ends[index])

    def _alert_at(self, at_ns: int, index: int, alert: dtls_messages.Alert, origin_ns: int) -> DtlsAlert:
        return DtlsAlert(
            at_s=since_s(origin_ns, at_ns),
            sender=self._end(index),
            level=dtls_names.alert_level_name(alert.level),
            description=dtls_names.alert_name(alert.description),
        )

    def _finished_ns(self) -> int | None:
        first, second = (side.finished_ns for side in self._sides)
        return None if first is None or second is None else max(first, second)

    def _handshake_ms(self) -> float | None:
        begun_ns, finished_ns = self._firsts.get("client hello"), self._finished_ns()
        return None if begun_ns is None or finished_ns is None else round((finished_ns - begun_ns) / 1e6, 3)

    def _state(self) -> _State:
        if "client hello" not in self._firsts:
            return "joined"
        if self._finished_ns() is not None or all(side.speaks_data for side in self._sides):
            return "finished"
        if any(self._ends_it(index, alert) for _, index, alert in self._alerts):
            return "refused"
        return "answered" if self._answered else "unanswered"

    def _ends_it(self, index: int, alert: dtls_messages.Alert) -> bool:
        """Say whether an alert refuses; that of a client whom nobody answered only says that it gave up."""
        return dtls_names.alert_level_name(alert.level) == "fatal" and (
            self._answered or index != self._client
        )


def _offer(hello: dtls_messages.ClientHello) -> _Offer:
    """Return what a ClientHello offers; what lies in a malformed extension is left out."""
    offer = _Offer(ciphers=tuple(_hex(cipher) for cipher in hello.ciphers[:MOST_OFFERED]))
    with suppress(DtlsError):
        offer = offer._replace(versions=tuple(_version(version) for version in hello.versions[:MOST_OFFERED]))
    with suppress(DtlsError):
        profiles = hello.srtp_profiles[:MOST_OFFERED]
        offer = offer._replace(srtp_profiles=tuple(_hex(profile) for profile in profiles))
    with suppress(DtlsError):
        offer = offer._replace(server_name=(hello.server_name or "")[:MOST_NAME_CHARACTERS] or None)
    with suppress(DtlsError):
        offer = offer._replace(fingerprint=dtls_messages.fingerprint(hello))
    with suppress(DtlsError):
        offer = offer._replace(ja3=dtls_messages.ja3(hello))
    return offer


def _chosen(hello: dtls_messages.ServerHello) -> _Choice:
    """Return what a ServerHello chose; what lies in a malformed extension is left out."""
    choice = _Choice(cipher=hello.cipher)
    with suppress(DtlsError):
        choice = choice._replace(version=_version(hello.version))
    with suppress(DtlsError):
        choice = choice._replace(srtp_profile=hello.srtp_profile)
    return choice


def _version(version: int) -> str:
    return VERSIONS.get(version, _hex(version))


def _hex(number: int) -> str:
    return f"0x{number:04x}"
