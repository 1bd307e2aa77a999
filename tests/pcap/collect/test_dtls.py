"""DTLS handshakes in captures: synthetic ones, one of two OpenSSLs in memory, and the shared captures."""

import json
import timeit
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import SSL

from callprobe.pcap.collect import dtls as dtls_module
from callprobe.pcap.collect.dtls import DtlsCollector, DtlsHandshake
from callprobe.pcap.collect.encapsulation import unwrap
from callprobe.pcap.layers.link import Dissector
from callprobe.pcap.packets import UdpDatagram
from callprobe.pcap.reading.read import CaptureFile
from callprobe.wire import dtls, dtls_messages
from callprobe.wire.dtls import Fragment
from helpers.hexdata import load_hex

Way = Literal["up", "down"]

CLIENT, SERVER = ("192.0.2.1", 40000), ("203.0.113.1", 3478)
MS = 1_000_000
HELLO = load_hex("wire/dtls_client_hello")
SERVER_HELLO = load_hex("wire/dtls_server_hello")
CERTIFICATE = load_hex("wire/certificate")
CHANGE = dtls.build_record(20, b"\x01")
FINISHED = dtls.build_record(22, bytes(40), epoch=1)
DATA = dtls.build_record(23, bytes(30), epoch=1, sequence=1)


def message(kind: int, body: bytes, sequence: int = 0) -> bytes:
    """Return a record with a whole handshake message."""
    return dtls.build_record(22, dtls.build_fragment(Fragment(kind, len(body), sequence, 0, body, len(body))))


def parts(kind: int, body: bytes, size: int, sequence: int = 0) -> Iterator[bytes]:
    """Yield records with parts of a handshake message."""
    for at in range(0, len(body), size):
        piece = body[at : at + size]
        part = Fragment(kind, len(body), sequence, at, piece, len(piece))
        yield dtls.build_record(22, dtls.build_fragment(part))


def datagram(at_ms: float, way: Way, payload: bytes, size: int | None = None) -> UdpDatagram:
    """Return a datagram between client and server."""
    source, destination = (CLIENT, SERVER) if way == "up" else (SERVER, CLIENT)
    return UdpDatagram(1, int(at_ms * MS), source, destination, payload, size or len(payload))


def collected(*sent: tuple[float, Way, bytes]) -> tuple[DtlsHandshake, ...]:
    """Return the handshakes in datagrams, the origin at 0 ms."""
    collector = DtlsCollector()
    for at_ms, way, payload in sent:
        collector.add(datagram(at_ms, way, payload), payload)
    return collector.handshakes(0)


def test_a_whole_handshake_is_followed() -> None:
    certificates = b"".join(len(der).to_bytes(3, "big") + der for der in [CERTIFICATE])
    body = len(certificates).to_bytes(3, "big") + certificates
    (handshake,) = collected(
        (10, "up", HELLO),
        (30, "down", SERVER_HELLO + message(11, body, 1) + message(14, b"", 2)),
        (40, "up", message(16, b"key", 1) + CHANGE + FINISHED),
        (60, "down", CHANGE + FINISHED),
        (70, "up", DATA + DATA),
    )

    assert (handshake.a, handshake.b) == ("192.0.2.1:40000", "203.0.113.1:3478")
    assert (handshake.client, handshake.state) == (handshake.a, "finished")
    assert (handshake.client_hello_s, handshake.server_hello_s) == (0.01, 0.03)
    assert (handshake.client_finished_s, handshake.server_finished_s) == (0.04, 0.06)
    assert (handshake.finished_s, handshake.handshake_ms) == (0.06, 50.0)
    assert (handshake.first_s, handshake.last_s) == (0.01, 0.07)
    assert (handshake.version, handshake.cipher, handshake.srtp_profile) == ("DTLS 1.2", "0xc02f", "0x0008")
    assert handshake.cipher_name == "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    assert handshake.srtp_profile_name == "SRTP_AEAD_AES_256_GCM"
    assert handshake.srtp_profiles_offered == ("0x0001", "0x0008", "0x0007")
    assert handshake.ciphers_offered[:2] == ("0xc02b", "0xc02f")
    assert handshake.versions_offered == ("DTLS 1.2",)
    assert handshake.client_hello_hash == "4be231a0ed42dca9"
    assert (handshake.client_hellos, handshake.client_hello_fragments) == (1, 1)
    assert (handshake.application_records, handshake.retransmitted) == (2, 0)
    assert [told.name for told in handshake.messages] == [
        "ClientHello",
        "ServerHello",
        "Certificate",
        "ServerHelloDone",
        "ClientKeyExchange",
        "ChangeCipherSpec",
        "Finished",
        "ChangeCipherSpec",
        "Finished",
    ]


def test_names_in_certificates_are_told_without_country_and_mail_address() -> None:
    body = (len(CERTIFICATE) + 3).to_bytes(3, "big") + len(CERTIFICATE).to_bytes(3, "big") + CERTIFICATE
    sent = [(float(at), "down", record) for at, record in enumerate(parts(11, body, 100))]
    (handshake,) = collected(*sent)

    assert handshake.certificate_names == ("Example Calls", "Тест WebRTC", "Example Root")


def test_an_unanswered_hello_is_counted_each_time_it_is_sent() -> None:
    (handshake,) = collected((0, "up", HELLO), (50, "up", HELLO), (150, "up", HELLO))

    assert handshake.state == "unanswered"
    assert (handshake.client_hellos, handshake.client_hello_retransmissions) == (3, 2)
    assert (handshake.finished_s, handshake.handshake_ms, handshake.version) == (None, None, None)


def test_a_cookie_is_asked_for_before_the_answer() -> None:
    (record,) = dtls.records(HELLO)
    (part,) = dtls.fragments(record)
    again = dtls_messages.parse_client_hello(part.body)._replace(cookie=b"12345678")
    (handshake,) = collected(
        (0, "up", HELLO),
        (20, "down", load_hex("wire/dtls_hello_verify_request")),
        (21, "up", message(1, dtls_messages.build_client_hello(again), 1)),
    )

    assert (handshake.hello_verify, handshake.hello_verify_s) == (1, 0.02)
    assert (handshake.client_hellos, handshake.client_hello_retransmissions) == (2, 0)
    assert (handshake.state, handshake.server_hello_s) == ("answered", None)


def test_a_hello_in_parts_is_put_together() -> None:
    (record,) = dtls.records(HELLO)
    (part,) = dtls.fragments(record)
    sent = [(float(at), "up", piece) for at, piece in enumerate(parts(1, part.body, 50))]
    (handshake,) = collected(*sent)

    assert (handshake.client_hellos, handshake.client_hello_fragments) == (3, 3)
    assert handshake.client_hello_hash == "4be231a0ed42dca9"


def test_a_flight_sent_again_is_counted() -> None:
    flight = message(16, b"key", 1) + CHANGE + FINISHED
    (handshake,) = collected(
        (0, "up", HELLO), (1, "down", SERVER_HELLO), (2, "up", flight), (900, "up", flight)
    )

    assert (handshake.retransmitted, handshake.client_finished_s, handshake.finished_s) == (1, 0.002, None)


def test_a_fatal_alert_refuses() -> None:
    (handshake,) = collected((0, "up", HELLO), (20, "down", dtls.build_record(21, b"\x02\x28")))
    (alert,) = handshake.alerts

    assert handshake.state == "refused"
    assert (alert.at_s, alert.sender) == (0.02, "203.0.113.1:3478")
    assert (alert.level, alert.description) == ("fatal", "handshake_failure")


def test_a_client_that_gives_up_was_not_refused() -> None:
    alert = dtls.build_record(21, b"\x02\x0a")

    assert collected((0, "up", HELLO), (20, "up", alert))[0].state == "unanswered"
    assert collected((0, "up", HELLO), (5, "down", SERVER_HELLO), (20, "up", alert))[0].state == "refused"


def test_two_clients_that_meet_are_told() -> None:
    (handshake,) = collected((0, "up", HELLO), (5, "down", HELLO))

    assert (handshake.client_hellos, handshake.client_hellos_from_b) == (2, 1)
    assert (handshake.client, handshake.state) == ("192.0.2.1:40000", "unanswered")


def test_a_capture_that_begins_later_joins() -> None:
    (handshake,) = collected((0, "down", DATA), (5, "up", DATA))

    assert (handshake.state, handshake.client, handshake.client_hello_s) == ("joined", None, None)
    assert handshake.a == "203.0.113.1:3478"


def test_the_servers_half_alone_tells_who_is_the_client() -> None:
    (handshake,) = collected((0, "down", SERVER_HELLO), (5, "down", CHANGE + FINISHED))

    assert (handshake.client, handshake.state) == ("192.0.2.1:40000", "joined")
    assert (handshake.cipher, handshake.server_finished_s, handshake.finished_s) == ("0xc02f", 0.005, None)


def test_data_of_both_sides_proves_a_handshake_of_which_a_flight_is_missing() -> None:
    (handshake,) = collected((0, "up", HELLO), (1, "down", SERVER_HELLO), (5, "up", DATA), (6, "down", DATA))

    assert (handshake.state, handshake.finished_s) == ("finished", None)


def test_of_1_3_the_last_hidden_handshake_records_finish_it() -> None:
    """Epoch 2 carries the rest of the handshake, epoch 3 application data (RFC 9147 section 6.1)."""
    hidden, data = (bytes([first, 7, 0, 16]) + bytes(16) for first in (0x26, 0x27))
    (handshake,) = collected(
        (0, "up", HELLO),
        (10, "down", load_hex("wire/dtls13_hello_retry_request")),
        (20, "up", HELLO),
        (30, "down", SERVER_HELLO + hidden),
        (31, "down", hidden),
        (40, "up", hidden),
        (50, "down", data),
        (900, "up", data),
    )

    assert (handshake.server_finished_s, handshake.client_finished_s, handshake.finished_s) == (
        0.031,
        0.04,
        0.04,
    )
    assert (handshake.hello_verify, handshake.server_hello_s) == (1, 0.03)
    assert (handshake.hidden_records, handshake.application_records, handshake.state) == (5, 0, "finished")


def test_the_version_of_1_3_stands_in_an_extension() -> None:
    (handshake,) = collected((0, "up", HELLO), (1, "down", load_hex("wire/dtls13_hello_retry_request")))

    assert (handshake.version, handshake.cipher) == ("DTLS 1.3", "0x1301")


def test_the_wrapping_of_the_first_record_is_told() -> None:
    collector = DtlsCollector()
    frame = b"\x40\x00\x00\x99" + HELLO
    collector.add(datagram(0, "up", frame), HELLO, "turn-channel")

    assert collector.handshakes(0)[0].encapsulation == "turn-channel"


def test_a_hello_that_the_capture_cut_is_still_a_hello() -> None:
    collector = DtlsCollector()
    collector.add(datagram(0, "up", HELLO[:50], len(HELLO)), HELLO[:50])
    (handshake,) = collector.handshakes(0)

    assert (handshake.client_hellos, handshake.client_hello_hash) == (1, None)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x16",
        bytes.fromhex("16030100000000000000000000000000"),
        b"\x2e" + bytes(40),
        bytes.fromhex("170100") + bytes(8) + b"\x00\x01a",
        load_hex("wire/stun_rfc5769_request"),
    ],
)
def test_what_is_no_dtls_begins_nothing(payload: bytes) -> None:
    assert collected((0, "up", payload)) == ()


def test_pairs_of_addresses_are_bounded() -> None:
    collector = DtlsCollector()
    for port in range(dtls_module.MOST_FLOWS + 3):
        collector.add(UdpDatagram(1, 0, ("192.0.2.1", port), SERVER, DATA, len(DATA)), DATA)

    assert (len(collector.handshakes(0)), collector.dropped) == (dtls_module.MOST_FLOWS, 3)


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=60)), max_size=6))
def test_hostile_bytes_raise_nothing(sent: list[tuple[bool, bytes]]) -> None:
    """Also where they follow a hello, or lie in a record."""
    collector = DtlsCollector()
    for number, (up, data) in enumerate(sent):
        for payload in (HELLO + data, message(1, data), message(2, data), message(11, data), data):
            collector.add(datagram(number, "up" if up else "down", payload), payload)
    collector.handshakes(0)


def self_signed(context: SSL.Context, profiles: bytes) -> SSL.Connection:
    """Return an end in memory with a certificate of its own that names it ``caller``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "caller")])
    day = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, day, day + timedelta(days=3650))
    ).sign(key, hashes.SHA256())
    context.use_certificate(certificate)
    context.use_privatekey(key)
    context.set_tlsext_use_srtp(profiles)
    return SSL.Connection(context, None)


def test_what_two_openssls_say_is_what_is_seen() -> None:
    """A handshake in memory between two ends of OpenSSL, as aiortc and Asterisk use it."""
    client = self_signed(SSL.Context(SSL.DTLS_METHOD), b"SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80")
    server = self_signed(SSL.Context(SSL.DTLS_METHOD), b"SRTP_AES128_CM_SHA1_80")
    client.set_connect_state()
    server.set_accept_state()
    collector = DtlsCollector()
    turns: list[tuple[SSL.Connection, SSL.Connection, Way]] = [
        (client, server, "up"),
        (server, client, "down"),
    ]
    for at_ms, (end, peer, way) in enumerate(turns * 4):
        with suppress(SSL.WantReadError):
            end.do_handshake()
        with suppress(SSL.WantReadError):
            payload = end.bio_read(65536)
            collector.add(datagram(at_ms, way, payload), payload)
            peer.bio_write(payload)
    (handshake,) = collector.handshakes(0)

    assert client.get_selected_srtp_profile() == b"SRTP_AES128_CM_SHA1_80"
    assert (handshake.srtp_profile, handshake.srtp_profiles_offered) == ("0x0001", ("0x0008", "0x0001"))
    assert (handshake.state, handshake.version) == ("finished", "DTLS 1.2")
    assert handshake.version == client.get_protocol_version_name().replace("v", " ")
    assert handshake.certificate_names == ("caller",)


def test_what_is_no_dtls_costs_hardly_anything() -> None:
    """At most 1 µs on an unhurried machine; the test leaves room for a hurried one."""
    collector, payload = DtlsCollector(), b"\x80" * 200
    packet = datagram(0, "up", payload)

    assert min(timeit.repeat(lambda: collector.add(packet, payload), number=10_000, repeat=5)) < 0.05


def of_capture(path: Path) -> dict[frozenset[str], DtlsHandshake]:
    """Return the handshakes over UDP in a capture by their addresses."""
    collector, dissector, origin_ns = DtlsCollector(), Dissector(), None
    for frame in CaptureFile(path):
        origin_ns = frame.epoch_ns if origin_ns is None else origin_ns
        packet = dissector.take(frame)
        if isinstance(packet, UdpDatagram):
            for inner in unwrap(packet.payload):
                collector.add(packet, inner.payload, inner.encapsulation)
    found = collector.handshakes(origin_ns or 0)
    return {frozenset((plain(item.a), plain(item.b))): item for item in found}


def plain(address: str) -> str:
    """Return an address as the truth writes it: IPv6 without brackets."""
    return address.replace("[", "").replace("]", "")


def expected(truth: dict[str, Any]) -> dict[str, Any]:
    """Return what the truth of a handshake says, in our words."""
    finished = truth["t_finished_per_side"]
    return {
        "client": truth["client_guess"],
        "hellos": truth["client_hellos"],
        "begun": truth.get("t_first_client_hello"),
        "finished": max(finished.values()) if len(finished) == 2 else None,
        "offered": truth.get("ciphers_offered", []),
        "cipher": truth.get("cipher_chosen"),
        "srtp": (truth.get("use_srtp_client", []), truth.get("use_srtp_server", [])),
        "names": truth.get("cert_strings", []),
        "data": truth.get("appdata_records", 0),
    }


def measured(handshake: DtlsHandshake) -> dict[str, Any]:
    """Return the same of ours; that 1.3 finished, tshark does not see."""
    chosen = [handshake.srtp_profile] if handshake.srtp_profile else []
    return {
        "client": plain(handshake.client) if handshake.client else None,
        "hellos": handshake.client_hellos,
        "begun": pytest.approx(handshake.client_hello_s, abs=2e-6),
        "finished": None
        if handshake.version == "DTLS 1.3"
        else pytest.approx(handshake.finished_s, abs=2e-6),
        "offered": list(handshake.ciphers_offered),
        "cipher": handshake.cipher,
        "srtp": (list(handshake.srtp_profiles_offered), chosen),
        "names": sorted(handshake.certificate_names),
        "data": handshake.application_records,
    }


@pytest.mark.peer("shared")
def test_captures_tell_what_their_truth_tells(shared: Path) -> None:
    """All handshakes over UDP of the shared captures; one more flow is over TCP, and has no port there."""
    compared = 0
    for path in sorted((shared / "captures").iterdir()):
        truth_path = shared / "captures" / "truth" / f"{path.name}.json"
        if not truth_path.exists():
            continue
        truths = json.loads(truth_path.read_text())["dtls"]
        over_udp = [truth for truth in truths if not truth["a"].endswith(":")]
        if over_udp:
            ours = of_capture(path)
            assert len(ours) == len(over_udp), path.name
            for truth in over_udp:
                found = ours[frozenset((truth["a"], truth["b"]))]
                assert expected(truth) == measured(found), path.name
                compared += 1
    assert compared >= 12
