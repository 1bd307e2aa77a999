"""The censor's classifier, on bytes of captures and on hostile ones."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.censor.classes import CLASSES, classify, covered_by
from helpers.datagrams import datagrams_in
from helpers.peers import shared_directory

RELAY_PING = bytes.fromhex("080100002112a44270758b44c723a74ed1934a3b")
ALLOCATE = bytes.fromhex("000300082112a44270758b44c723a74ed1934a25 40000004 0902b628")
TURN_ALLOCATE = bytes.fromhex("000300082112a44249576b2f692b435778646e640019000411000000")
BINDING_SUCCESS = bytes.fromhex("010100002112a4426480fc15be640a60eff7a420")
REFLECTOR_PING = bytes.fromhex(
    "5cf39375beee0adbedeb3c096f7d66c8 ffffffffffffffffffffffff feffffff 000000000000007b"
)
REFLECTOR_PONG = REFLECTOR_PING[:28] + bytes.fromhex("c77215c0") + bytes(32)
PEER_INFO = REFLECTOR_PING[:16] + b"\xff" * 16
CLIENT_HELLO = bytes.fromhex("16feff0000000000000000009001000084") + bytes(100)
SRTP = bytes.fromhex("9078000100019c801b9f01eedebe0002d300004380000000c1dae773")
QUIC_INITIAL = bytes.fromhex("c300000001088394c8f03e515708") + bytes(1100)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (RELAY_PING, "whatsapp-call"),
        (ALLOCATE, "whatsapp-allocate"),
        (TURN_ALLOCATE, "stun-request"),
        (BINDING_SUCCESS, "stun"),
        (REFLECTOR_PING, "reflector-ping"),
        (REFLECTOR_PONG, "reflector"),
        (PEER_INFO, "other"),
        (CLIENT_HELLO, "dtls"),
        (SRTP, "rtp"),
        (QUIC_INITIAL, "quic"),
        (RELAY_PING + b"\x00", "other"),
        (b"", "other"),
        (b"\x80", "other"),
    ],
)
def test_each_look_has_its_class(payload: bytes, expected: str) -> None:
    """The bytes of each kind of packet are told apart at their fixed places."""
    assert classify(payload) == expected


def test_reflector_ping_is_known_whatever_its_tag() -> None:
    """A peer tag that happens to hold FF does not hide a ping."""
    assert classify(b"\xff" * 4 + REFLECTOR_PING[4:]) == "reflector-ping"


def test_general_class_covers_its_special_cases() -> None:
    """A rule on STUN also means WhatsApp's messages."""
    assert covered_by("stun") >= {"stun", "stun-request", "whatsapp-call", "whatsapp-allocate"}
    assert covered_by("dtls") == {"dtls"}


@given(st.binary(max_size=80))
def test_any_bytes_have_one_known_class(payload: bytes) -> None:
    """Hostile bytes are classified, never refused."""
    assert classify(payload) in CLASSES


CITED = [
    ("stun_wa_call.pcapng", 1, "whatsapp-allocate"),
    ("stun_wa_call.pcapng", 47, "whatsapp-call"),
    ("stun_wa_call.pcapng", 48, "whatsapp-call"),
    ("stun_wa_call.pcapng", 409, "whatsapp-call"),
    ("ndpid_heads_telegram_voice.pcap", 8, "reflector-ping"),
    ("telegram.pcap", 170, "reflector-ping"),
    ("stun_dtls_rtp.pcapng", 3, "dtls"),
    ("stun_dtls_rtp.pcapng", 4, "dtls"),
]


@pytest.mark.peer("shared")
@pytest.mark.parametrize(("name", "number", "expected"), CITED)
def test_cited_frames_are_what_they_are_cited_for(name: str, number: int, expected: str) -> None:
    """Each matcher recognises the frame of the public capture that it names."""
    datagrams = datagrams_in(shared_directory() / "captures" / name)

    assert [classify(d.payload) for d in datagrams if d.frame == number] == [expected]


@pytest.mark.peer("shared")
@pytest.mark.parametrize(
    ("name", "wanted", "count"),
    [
        ("telegram.pcap", lambda found: found == "reflector-ping", 48),
        ("quic.pcap", lambda found: found.startswith(("whatsapp", "reflector")), 0),
        ("teams_full.pcap", lambda found: found.startswith(("whatsapp", "reflector")), 0),
        ("stun_google_meet.pcapng", lambda found: found.startswith(("whatsapp", "reflector")), 0),
    ],
)
def test_other_services_are_not_taken_for_the_two(
    name: str, wanted: Callable[[str], bool], count: int
) -> None:
    """Signatures hit the app they mean, and nobody else in the captures."""
    datagrams = datagrams_in(shared_directory() / "captures" / name)

    assert sum(wanted(classify(d.payload)) for d in datagrams) == count
