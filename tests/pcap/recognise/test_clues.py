"""Clues in captures, and how little they may take."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.packets import Address, TcpSegment, UdpDatagram
from callprobe.pcap.recognise.clues import MAX_FLOWS_PER_MARK, MAX_SERVER_NAMES, ClueCollector, Clues

CLIENT, SERVER = ("192.0.2.1", 40000), ("192.0.2.2", 596)
S = 1_000_000_000
TAG = bytes(range(1, 17))
RUN = b"\xff" * 12
LIBTGVOIP_PING = TAG + RUN + b"\xfe\xff\xff\xff" + b"\x17" * 8
TGCALLS_PING = TAG + RUN + b"\xfe\xff\xff\xff" + (123).to_bytes(8, "big")
INVITE = b"INVITE sip:bob@example.org SIP/2.0\r\nCall-ID: 17\r\nCSeq: 1 INVITE\r\n\r\n"
FRAME = TAG[:12] + b"peer" + b"mine" + (30).to_bytes(4, "big") + bytes(32)


def datagram(payload: bytes, at_s: float = 1.0, to: Address = SERVER) -> UdpDatagram:
    """Return a datagram of the client."""
    return UdpDatagram(1, int(at_s * S), CLIENT, to, payload, len(payload))


def segment(payload: bytes, at_s: float = 1.0) -> TcpSegment:
    """Return a segment of the client."""
    return TcpSegment(1, int(at_s * S), CLIENT, ("192.0.2.3", 443), 1, 16, payload, len(payload))


def clues(*packets: UdpDatagram | TcpSegment) -> Clues:
    """Collect and return what was found, the capture having begun at 0."""
    collector = ClueCollector()
    for packet in packets:
        if isinstance(packet, UdpDatagram):
            collector.add(packet)
        else:
            collector.segment(packet)
    return collector.clues(0)


def dns(name: str, at_s: float = 1.0) -> UdpDatagram:
    """Return a question for one name."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    header = bytes.fromhex("1234 0100 0001 0000 0000 0000")
    return datagram(header + labels + bytes.fromhex("00 0001 0001"), at_s, ("192.0.2.9", 53))


def test_marks_tell_how_many_and_when() -> None:
    """Most frequent first, with the ends of the first flows."""
    found = clues(datagram(b"health", 3.0), datagram(b"OK", 4.0), datagram(b"health", 2.0)).marks

    assert [(mark.kind, mark.datagrams, mark.first_s, mark.last_s) for mark in found] == [
        ("whatsapp-health", 2, 2.0, 3.0),
        ("whatsapp-ok", 1, 4.0, 4.0),
    ]
    assert found[0].flows == ("192.0.2.1:40000 > 192.0.2.2:596",)


def test_names_are_counted_with_their_owner() -> None:
    """Whoever is asked for twice stands there once."""
    names = clues(dns("e1.whatsapp.net", 2.0), dns("e1.whatsapp.net", 1.0), dns("example.org")).server_names

    assert [(name.name, name.source, name.owner, name.count, name.first_s) for name in names] == [
        ("e1.whatsapp.net", "dns", "whatsapp", 2, 1.0),
        ("example.org", "dns", None, 1, 1.0),
    ]


def test_segments_tell_of_players_and_of_chats() -> None:
    """RTSP, the beginning of a WhatsApp chat, SIP over TCP; other text is nothing."""
    found = clues(
        segment(b"DESCRIBE rtsp://192.0.2.3/camera RTSP/1.0\r\n\r\n"),
        segment(bytes.fromhex("574101050000 1af8")),
        segment(INVITE),
        segment(b"GET / HTTP/1.1\r\n\r\n"),
        segment(b""),
    )

    assert {mark.kind for mark in found.marks} == {"rtsp", "whatsapp-chat", "sip"}
    assert found.sip is not None
    assert found.sip.requests == {"INVITE": 1}


def test_sip_tells_the_times_of_a_call() -> None:
    """Repeated invitations with one Call-ID are one call; a 200 to something else answers no call."""
    ok = b"SIP/2.0 200 OK\r\nCall-ID: 17\r\nCSeq: 1 %s\r\n\r\n"
    sip = clues(
        datagram(INVITE, 1.0),
        datagram(INVITE, 1.5),
        datagram(ok % b"REGISTER", 2.0),
        datagram(b"SIP/2.0 180 Ringing\r\nCSeq: 1 INVITE\r\n\r\n", 2.5),
        datagram(ok % b"INVITE", 4.0),
        datagram(b"BYE sip:bob@example.org SIP/2.0\r\n\r\n", 9.0),
    ).sip

    assert sip is not None
    assert (sip.calls, sip.invite_s, sip.ringing_s, sip.answered_s, sip.bye_s) == (1, 1.0, 2.5, 4.0, 9.0)
    assert sip.answers == {"180": 1, "200": 2}


def test_libtgvoip_is_known_by_its_tag_and_its_sizes() -> None:
    """What follows a pinged tag in steps of 16 bytes, at whatever port."""
    reflector = clues(
        datagram(LIBTGVOIP_PING), datagram(TAG + bytes(80)), datagram(TAG + bytes(81)), datagram(bytes(96))
    ).reflector

    assert (reflector.pings, reflector.constant_queries, reflector.ports) == (1, 0, (596,))
    assert (reflector.tagged, reflector.off_grid, reflector.framed) == (1, 1, 0)


def test_tgcalls_frames_are_known_by_the_common_part_of_the_tag() -> None:
    """The last four bytes of the tag are each end's own; the length fits."""
    other = datagram(FRAME[:20] + (99).to_bytes(4, "big") + bytes(32))
    reflector = clues(datagram(TGCALLS_PING), datagram(FRAME), other).reflector

    assert (reflector.constant_queries, reflector.framed, reflector.tagged) == (1, 1, 0)


def test_a_flow_that_keeps_its_first_bytes_is_known_without_pings() -> None:
    """A capture may begin in the middle of a call: ten packets of one head and sizes of 16 are enough."""
    kept = [datagram(TAG + bytes([count]) * 16 * count) for count in range(2, 12)]
    broken = [datagram(TAG + bytes(81), to=("192.0.2.4", 597))] * 10

    assert clues(*kept, *broken).reflector.headed == 10
    assert clues(*kept[:9]).reflector.headed == 0


@pytest.mark.parametrize(
    "packet",
    [
        TAG + bytes.fromhex("2e202508 00000001 00000050") + bytes(52),
        bytes.fromhex("02020000 00020000 0a000000 ff000000") + bytes(48),
    ],
)
def test_other_protocols_at_these_ports_are_not_taken_for_a_call(packet: bytes) -> None:
    """IKE keeps two random names in front, and RIP says the same each time."""
    assert clues(*[datagram(packet)] * 20).reflector.headed == 0


@pytest.mark.parametrize("port", [596, 40001])
def test_a_flood_of_names_flows_and_tags_is_counted_and_not_kept(port: int) -> None:
    """Memory has a bound, and who did not fit is told."""
    collector = ClueCollector()
    for number in range(2000):
        collector.add(dns(f"{number}.example.org"))
        collector.add(datagram(b"health", to=("192.0.2.5", number)))
        tag = number.to_bytes(16, "big")
        collector.add(datagram(tag + LIBTGVOIP_PING[16:], to=("192.0.2.6", port)))
        collector.add(UdpDatagram(1, 0, ("192.0.2.7", number), ("192.0.2.8", port), bytes(48), 48))
    found = collector.clues(0)

    assert len(found.server_names) == MAX_SERVER_NAMES
    assert max(len(mark.flows) for mark in found.marks) == MAX_FLOWS_PER_MARK
    assert found.reflector.pings == 2000
    assert found.reflector.tags == 64
    assert found.left_out >= 1000


@given(st.lists(st.tuples(st.binary(max_size=120), st.sampled_from([53, 596, 8801, 40000])), max_size=20))
def test_hostile_packets_leave_clues_or_nothing(packets: list[tuple[bytes, int]]) -> None:
    """Whatever comes, there is a result."""
    beginnings = [LIBTGVOIP_PING, b"", b"\x16\x03\x01\x00\xff\x01", b"SIP/2.0 200 OK\r\n"]
    collector = ClueCollector()
    for number, (payload, port) in enumerate(packets):
        data = beginnings[number % len(beginnings)] + payload
        collector.add(datagram(data, to=("192.0.2.2", port)))
        collector.segment(segment(data))
    found = collector.clues(0)

    assert sum(mark.datagrams for mark in found.marks) <= 2 * len(packets)


def test_a_datagram_without_interest_costs_little() -> None:
    """Two microseconds are the goal; a slow and busy machine has ten times as many."""
    collector = ClueCollector()
    dull = [datagram(bytes([first]) + bytes(99), to=("192.0.2.2", 40000)) for first in range(0x40, 0x80)]
    rounds = 300
    started = time.process_time()
    for _ in range(rounds):
        for packet in dull:
            collector.add(packet)
    spent_us = (time.process_time() - started) * 1e6 / (rounds * len(dull))

    assert spent_us < 20
