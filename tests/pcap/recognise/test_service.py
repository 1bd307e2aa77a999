"""Which service's call a capture holds, and why."""

import csv
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from callprobe.dialect import registry
from callprobe.dialect.contract import FlowKeys
from callprobe.pcap.dissect import Findings, dissect
from callprobe.pcap.packets import Address, TcpSegment
from callprobe.pcap.recognise.clues import ClueCollector
from callprobe.pcap.recognise.service import TITLES, Service, guess
from callprobe.pcap.write import CaptureWriter
from callprobe.wire import stun

CLIENT, SERVER = ("192.0.2.1", 40000), ("192.0.2.2", 3478)
MS, S = 1_000_000, 1_000_000_000
KEYS = FlowKeys(bytes(range(32)))
TAG = bytes(range(1, 17))
Sent = tuple[int, Address, Address, bytes]
Captured = Callable[[Iterable[Sent]], Findings]
PORTS = [53, 596, 3478, 8801, 40000]
CALL_KINDS = {"call", "call-heads"}
MEDIA_KINDS = {"rtp", "degraded-rtp"}
UNDECIDED_KINDS = {"stun", "rtcp"}


def taken_apart(folder: Path, packets: Iterable[Sent]) -> Findings:
    """Make a capture of packets and take it apart."""
    path = folder / "some.pcap"
    writer = CaptureWriter(path)
    for at_ns, source, destination, payload in packets:
        writer.write(at_ns, source, destination, payload)
    writer.close()
    return dissect(path)


@pytest.fixture
def captured(tmp_path: Path) -> Callable[[Iterable[Sent]], Findings]:
    """Return a function that makes a capture of packets and takes it apart."""
    return partial(taken_apart, tmp_path)


def up(payload: bytes, at_ms: float = 0, server: Address = SERVER) -> Sent:
    """Return a packet of the client."""
    return int(at_ms * MS), CLIENT, server, payload


def down(payload: bytes, at_ms: float = 0, server: Address = SERVER) -> Sent:
    """Return a packet of the server."""
    return int(at_ms * MS), server, CLIENT, payload


def message(kind: int, number: int, *attributes: tuple[int, bytes]) -> bytes:
    """Return a STUN message."""
    return stun.build(stun.Message(kind, number.to_bytes(12, "big"), attributes))


def check(number: int, *, tie_breaker: bytes = b"tiebreak", last: int = 255) -> bytes:
    """Return an ICE check."""
    return message(
        0x0001,
        number,
        (stun.USERNAME, b"abcd:efgh"),
        (0x0024, bytes([110, 127, 255, last])),
        (0x802A, tie_breaker),
        (stun.MESSAGE_INTEGRITY, bytes(20)),
    )


def answered(number: int, **form: Any) -> list[Sent]:
    """Return a check and its answer."""
    ok = message(0x0101, number, (stun.XOR_MAPPED_ADDRESS, stun.xor_address(CLIENT, bytes(12))))
    return [up(check(number, **form), number), down(ok, number + 0.5)]


def rtp(count: int, payload_type: int = 96, ssrc: int = 7, size: int = 80) -> list[bytes]:
    """Return RTP packets of 20 ms at 8 kHz."""
    head = bytes([0x80, payload_type])
    return [
        head
        + number.to_bytes(2, "big")
        + (160 * number).to_bytes(4, "big")
        + ssrc.to_bytes(4, "big")
        + bytes(size)
        for number in range(1, count + 1)
    ]


def ping(query: bytes) -> bytes:
    """Return a reflector ping."""
    return TAG + b"\xff" * 12 + b"\xfe\xff\xff\xff" + query


def server_hello(profile: str = "0001") -> bytes:
    """Return a DTLS 1.2 ServerHello that chooses an SRTP profile (RFC 5764 section 4.1.1)."""
    body = b"\xfe\xfd" + bytes(32) + bytes.fromhex("00 c02b 00 0009 000e 0005 0002" + profile + "00")
    size = len(body).to_bytes(3, "big")
    fragment = b"\x02" + size + bytes(5) + size + body
    return b"\x16\xfe\xfd" + bytes(8) + len(fragment).to_bytes(2, "big") + fragment


HOSTILE_BEGINNINGS = (
    b"",
    ping(b"")[:32],
    check(1)[:40],
    server_hello()[:30],
    b"\x90\x78",
    b"SIP/2.0 200 ",
    b"\xff\x10",
)


def certified(findings: Findings, *names: str, records: int = 0) -> Findings:
    """Return the findings as if the handshakes had shown these names, and data had followed."""
    changed = (
        replace(handshake, certificate_names=names, application_records=records)
        for handshake in findings.dtls
    )
    return replace(findings, dtls=tuple(changed))


def with_names(findings: Findings, *names: bytes) -> Findings:
    """Return the findings as if TLS connections to these servers had been captured."""
    collector = ClueCollector()
    for name in names:
        entry = b"\0" + len(name).to_bytes(2, "big") + name
        names_list = len(entry).to_bytes(2, "big") + entry
        extensions = b"\0\0" + len(names_list).to_bytes(2, "big") + names_list
        body = bytes(34) + b"\0" + b"\0\2\xc0\x2b" + b"\1\0" + len(extensions).to_bytes(2, "big") + extensions
        hello = b"\x16\x03\x01\0\0\x01" + len(body).to_bytes(3, "big") + body
        collector.segment(TcpSegment(1, 0, CLIENT, ("192.0.2.3", 443), 1, 16, hello, len(hello)))
    return replace(findings, clues=replace(findings.clues, server_names=collector.clues(0).server_names))


def webrtc(media: Iterable[bytes] = ()) -> list[Sent]:
    """Return a checked path, keys for SRTP, and media of the client."""
    sent = [up(packet, 100 + 20 * number) for number, packet in enumerate(media)]
    return [*answered(1), down(server_hello(), 50), *sent]


def test_whatsapp_without_any_answer_is_whatsapp(captured: Captured) -> None:
    """All relays are black-holed, and the token in the Allocates still says whose they are."""
    look = registry.find("whatsapp-2023")
    asked = look.requests(KEYS, 0)
    relays = [(f"192.0.2.{host}", 3478) for host in range(10, 15)]
    service = captured(up(data, host, relay) for host, relay in enumerate(relays) for data in asked).service

    assert (service.name, service.is_call) == ("whatsapp", True)
    assert service.confidence is not None
    assert 0.9 <= service.confidence < 1
    assert any("0x4000" in sentence and "10 times" in sentence for sentence in service.evidence)


@pytest.mark.parametrize(
    ("query", "generation"),
    [((123).to_bytes(8, "big"), "tgcalls v2"), (b"\x17" * 8, "libtgvoip")],
)
def test_pings_that_nobody_answers_are_telegram(captured: Captured, query: bytes, generation: str) -> None:
    """40 bytes every half second and no media: the query id tells the generation."""
    pings = [up(ping(query), 500 * number, ("192.0.2.7", 596)) for number in range(20)]
    service = captured(pings).service

    assert (service.name, service.generation, service.is_call) == ("telegram", generation, True)
    assert any("20 reflector pings" in sentence for sentence in service.evidence)


def test_telegram_of_the_first_kind_has_its_checks_and_media_without_header(captured: Captured) -> None:
    """Zero tie-breaker and priority ending in 00, then packets that nothing dissects."""
    checks = [packet for number in range(3) for packet in answered(number, tie_breaker=bytes(8), last=0)]
    media = [up(bytes([200 + number % 20]) * 91, 100 + 20 * number) for number in range(60)]
    service = captured([*checks, *media]).service

    assert (service.name, service.generation) == ("telegram", "tgcalls v1")


@pytest.mark.parametrize(
    ("realm", "name"),
    [
        (b"signal.org", "signal"),
        (b"turner.facebook", "messenger"),
        (b"telegram.org", "telegram"),
        (b"viber.com", "viber"),
        (b"example.org", None),
    ],
)
def test_the_realm_of_a_relay_names_its_service(captured: Captured, realm: bytes, name: str | None) -> None:
    """A 401 with it is enough; a realm that nobody knows names nobody."""
    asked = message(0x0003, 1, (0x0019, b"\x11\0\0\0"))
    refused = message(0x0113, 1, (0x0009, b"\0\0\4\1Unauthorized"), (0x0014, realm))

    assert captured([up(asked), down(refused, 5)]).service.name == name


def test_microsofts_attributes_are_teams_when_there_are_several(captured: Captured) -> None:
    """One of them alone may be anybody's."""
    several = message(0x0003, 1, (0x8008, bytes(4)), (0x8006, bytes(4)), (0x8055, bytes(4)))

    assert captured([up(several)]).service.name == "teams"
    assert captured([up(message(0x0003, 1, (0x8008, bytes(4))))]).service.name is None


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        (bytes.fromhex("00010046") + bytes(70), "discord"),
        (b"INVITE sip:bob@example.org SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n", "sip"),
        (b"REGISTER sip:example.org SIP/2.0\r\nCSeq: 1 REGISTER\r\n\r\n", None),
        (check(1).replace(b"abcd:efgh", b"EDGERAY:x"), "messenger"),
    ],
)
def test_one_datagram_may_be_enough(captured: Captured, payload: bytes, name: str | None) -> None:
    """What only one application sends names it; registering with SIP is no call."""
    service = captured([up(payload)]).service

    assert service.name == name
    assert service.is_call is (name is not None)


def test_ice_and_keys_for_srtp_are_webrtc(captured: Captured) -> None:
    """With media of the client or none at all yet."""
    assert captured(webrtc(rtp(20))).service.name == "webrtc"
    assert captured(webrtc()).service.name == "webrtc"


def test_keys_without_a_checked_path_are_no_call(captured: Captured) -> None:
    """DTLS carries other things too."""
    service = captured([down(server_hello())]).service

    assert (service.name, service.is_call) == (None, False)
    assert "no call" in service.evidence[0]


def test_googles_media_server_is_meet_unless_others_were_called_too(captured: Captured) -> None:
    """One name must fit every call of the capture."""
    found = captured(webrtc(rtp(20)))
    meet = certified(found, "hangouts", "WebRTC")
    mixed = replace(meet, dtls=(*meet.dtls, *certified(found, "WebRTC").dtls))

    assert guess(meet).name == "meet"
    assert guess(mixed).name == "webrtc"


def test_a_streamed_game_is_no_call(captured: Captured) -> None:
    """STUN, DTLS, SRTP and all; the certificate says what it is."""
    service = guess(certified(captured(webrtc(rtp(20))), "NVIDIA GameStream"))

    assert (service.name, service.is_call) == (None, False)
    assert "GeForce NOW" in service.evidence[0]


def test_who_only_receives_does_not_call(captured: Captured) -> None:
    """Media that come in while none go out are watched, or a game."""
    found = captured(webrtc(rtp(20)))
    watched = replace(found, rtp=tuple(replace(stream, direction="down") for stream in found.rtp))

    assert guess(watched).name is None
    assert "watched" in guess(watched).evidence[0]


def test_a_data_channel_is_no_call(captured: Captured) -> None:
    """Records of data and neither RTP nor RTCP."""
    service = guess(certified(captured(webrtc()), "WebRTC", records=40))

    assert (service.name, service.is_call) == (None, False)


def test_plain_webrtc_beside_another_owners_names_stays_open(captured: Captured) -> None:
    """It may be theirs; names of services whose calls look otherwise change nothing."""
    found = captured(webrtc(rtp(20)))

    assert guess(with_names(found, b"gcp.api.snapchat.com")).name is None
    assert guess(with_names(found, b"mmg.whatsapp.net")).name == "webrtc"


def test_names_ports_and_addresses_alone_name_nobody(captured: Captured) -> None:
    """Whoever has the application installed looks its servers up."""
    telegram = ("91.108.12.5", 596)
    found = captured([up(bytes(50), number, telegram) for number in range(20)])
    service = guess(with_names(found, b"web.telegram.org", b"telegram.org"))

    assert (service.name, service.is_call) == (None, False)
    assert any("addresses of Telegram" in sentence for sentence in service.evidence)


def test_media_alone_are_of_an_unknown_call(captured: Captured) -> None:
    """RTP both ways without signalling is not called a call, nor anything else."""
    both = [up(packet, number) for number, packet in enumerate(rtp(20, 8))]
    both += [down(packet, number) for number, packet in enumerate(rtp(20, 8, ssrc=9))]
    service = captured(both).service

    assert (service.name, service.is_call) == (None, None)
    assert "both directions" in service.evidence[0]
    assert "telephony" in service.evidence[0]


def test_a_path_without_media_stays_open(captured: Captured) -> None:
    """Somebody prepared something."""
    service = captured(answered(1)).service

    assert (service.name, service.is_call) == (None, None)


def test_calls_of_two_services_name_neither(captured: Captured) -> None:
    """Merged captures happen; the evidence names both."""
    look = registry.find("whatsapp-2023")
    pings = [up(ping(b"\x17" * 8), number, ("192.0.2.7", 596)) for number in range(5)]
    service = captured([*pings, *(up(data) for data in look.requests(KEYS, 0))]).service

    assert (service.name, service.is_call) == (None, True)
    assert "WhatsApp" in service.evidence[0]
    assert "Telegram" in service.evidence[0]


def test_other_traffic_is_said_to_be_what_it_is(captured: Captured) -> None:
    """WireGuard and QUIC are no calls, and a capture of nothing is none."""
    tunnel = bytes.fromhex("04000000 d837d030 0500000000000000") + bytes(16)
    service = captured([up(tunnel, number, ("192.0.2.9", 51820)) for number in range(9)]).service

    assert (service.name, service.is_call) == (None, False)
    assert any("WireGuard (9)" in sentence for sentence in service.evidence)
    assert captured([]).service == Service(evidence=("Nothing of a call was found.",), is_call=False)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 6), st.binary(max_size=60), st.sampled_from(PORTS)), max_size=30))
def test_hostile_packets_end_in_a_guess(packets: list[tuple[int, bytes, int]]) -> None:
    """Whatever comes, the answer is a known name or none, and a confidence stands beside a name."""
    sent = [
        up(HOSTILE_BEGINNINGS[kind] + rest, number, ("192.0.2.2", port))
        for number, (kind, rest, port) in enumerate(packets)
    ]
    with TemporaryDirectory() as folder:
        service = taken_apart(Path(folder), sent).service

    assert service.name is None or service.name in TITLES
    assert (service.name is None) == (service.confidence is None)
    assert service.evidence


@pytest.mark.peer("shared")
def test_real_captures_are_named_rightly_or_not_at_all(shared: Path) -> None:
    """No wrong service over all of them, no non-call called a call, and every call of a service named."""
    with (shared / "captures" / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    table = [(row, dissect(shared / "captures" / row["file"]).service) for row in rows]
    wrong = [
        f"{row['file']}: {row['service']} ({row['kind']}) guessed as {service.name}, call: {service.is_call}"
        for row, service in table
        if not fits(row, service)
    ]

    assert wrong == [], "\n".join(f"{row['file']}: {service}" for row, service in table)


def fits(row: dict[str, str], service: Service) -> bool:
    """Say whether a guess is right for a line of the manifest."""
    if row["kind"] in CALL_KINDS:
        generic = row["service"] in {"zeek", "misc"}
        return service.name == row["service"] or (generic and service.name in {None, "webrtc"})
    if row["kind"] in MEDIA_KINDS | UNDECIDED_KINDS:
        return service.name is None and service.is_call is not True
    return service.name is None and service.is_call is False
