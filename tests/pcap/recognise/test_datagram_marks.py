"""What single datagrams are by their content."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.recognise.datagram_marks import MEANINGS, mark_of

UUID = b"1F2E3D4C-0000-4000-8000-00AA00BB00CC"
COOKIE = bytes.fromhex("2112a442")
DNS = (
    bytes.fromhex("1234 0100 0001 0000 0000 0000 03")
    + b"www\x07example\x03org"
    + bytes.fromhex("00 0001 0001")
)


def mark(data: bytes, port: int = 40000) -> str | None:
    """Return the mark of a datagram to ``port``."""
    return mark_of(data, 50000, port)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (bytes.fromhex("c3 00000001 08") + bytes(30), "quic"),
        (bytes.fromhex("c3 6b3343cf 08") + bytes(30), "quic"),
        (bytes.fromhex("ff ff00001d 08") + bytes(30), "quic"),
        (bytes.fromhex("c3 51303436 50") + bytes(30), "gquic"),
        (bytes.fromhex("0d 0102030405060708 51303234 01") + bytes(30), "gquic"),
        (bytes.fromhex("01000000") + b"x" * 144, "wireguard"),
        (bytes.fromhex("02000000") + b"x" * 88, "wireguard"),
        (bytes.fromhex("04000000 d837d030 0500000000000000") + b"x" * 16, "wireguard"),
        (b"TS\xf0\x9f\x92\xac" + b"x" * 60, "tailscale"),
        (bytes.fromhex("00010046") + b"\0\0\x01\x02" + bytes(66), "discord-discovery-request"),
        (bytes.fromhex("00020046") + b"\0\0\x01\x02" + bytes(66), "discord-discovery-answer"),
        (bytes.fromhex("1337cafe 01000000"), "discord-keepalive"),
        (b"\0\x01\0\x18" + b"t" * 16 + b"\x01\x01\0\x14" + b"1234567890123456789\0", "zoom-stun"),
        (b"\x03" + UUID, "teams-uuid"),
        (bytes.fromhex("ff10 0004") + b"data", "ms-turn"),
        (b"health", "whatsapp-health"),
        (b"OK", "whatsapp-ok"),
        (b"OPTIONS sip:bob@example.org SIP/2.0\r\n\r\n", "sip"),
        (b"M-SEARCH * HTTP/1.1\r\n", "ssdp"),
        (b"d1:ad2:id20:" + b"x" * 20 + b"e1:q4:ping1:t2:aa1:y1:qe", "bittorrent-dht"),
        (b"VS01" + bytes(20), "steam"),
        (b"\xff\xff\xff\xffTSource Engine Query\0", "game-query"),
        (bytes.fromhex("00000000 0102030405060708"), "mumble-ping"),
        (bytes.fromhex("deadbeef") + bytes(8), "facetime"),
        (b'{"version": [2, 0]}', "dropbox"),
    ],
)
def test_content_tells_at_any_port(data: bytes, kind: str) -> None:
    """These say what they are wherever they go."""
    assert mark(data) == kind


@pytest.mark.parametrize(
    ("data", "port", "kind"),
    [
        (DNS, 53, "dns"),
        (DNS, 5353, "local-names"),
        (DNS, 40000, None),
        (bytes(40), 53, None),
        (b"\x01" + bytes(235) + bytes.fromhex("63825363"), 67, "dhcp"),
        (b"\x01" + bytes(300), 67, None),
        (b"\x23" + bytes(47), 123, "ntp"),
        (b"\x23" + bytes(30), 123, None),
        (bytes.fromhex("05 0001 fe5130 00 04 0f 0100") + bytes(40), 8801, "zoom-server"),
        (bytes.fromhex("05 0001 fe5130 00 04 0f 0100") + bytes(40), 3478, None),
        (b"\xff" * 40, 521, None),
    ],
)
def test_a_port_says_what_to_look_for_and_decides_nothing(data: bytes, port: int, kind: str | None) -> None:
    """Both must hold: the port and the content."""
    assert mark(data, port) == kind
    assert mark_of(data, port, 50000) == kind


def test_zoom_between_peers_is_known_by_its_texts() -> None:
    """Probe with address and UUID; RTP with its extension behind the header of audio."""
    probe = bytes.fromhex("1f02 01000800 01000400 5c9b637b 00000064 00000062a04c0000 0000000d")
    rtp = bytes.fromhex("9063 f0d6 02c119a0 01000402 bede 0001")

    assert (
        mark(probe[:24] + bytes.fromhex("0000000d") + b"192.168.1.226" + b"\0\0\0\x24" + UUID) == "zoom-peer"
    )
    assert mark(b"\x0f" + bytes(18) + rtp) == "zoom-media"
    assert mark(b"\x10" + bytes(23) + rtp) == "zoom-media"
    assert mark(b"\x10" + bytes(18) + rtp) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\x01\0\0" + COOKIE + bytes(12),
        b"\x80\x60" + bytes(30),
        bytes.fromhex("40000004") + b"data",
        bytes.fromhex("04000000 00000000") + bytes(24),
        bytes.fromhex("04000000 d837d030 05000000000000ff") + bytes(16),
        b"INVITE to a party, all of you, SIP/2.0 or not",
    ],
)
def test_other_content_bears_no_mark(data: bytes) -> None:
    """STUN, RTP, channel data, zeros that look like WireGuard, prose."""
    assert mark(data) is None


@given(st.binary(max_size=200), st.integers(0, 65535), st.integers(0, 65535))
def test_hostile_bytes_have_a_known_mark_or_none(data: bytes, source: int, destination: int) -> None:
    """Whatever comes, the answer is one of the list."""
    assert mark_of(data, source, destination) in {None, *MEANINGS}


@given(st.integers(0, 255), st.integers(0, 30), st.sampled_from([53, 123, 67, 137, 8801, 7985, 5353, 40000]))
def test_short_datagrams_are_no_trap(first: int, size: int, port: int) -> None:
    """No recogniser reads beyond the end."""
    assert mark_of(bytes([first]) + bytes(size), port, port) in {None, *MEANINGS}
