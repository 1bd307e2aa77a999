"""SIP in captures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.recognise.sip_messages import METHODS, parse

INVITE = (
    b"INVITE sip:bob@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1\r\nCall-ID: 17@192.0.2.1\r\n"
    b"CSeq: 1 INVITE\r\nContent-Type: application/sdp\r\n\r\nv=0\r\nc=IN IP4 192.0.2.1\r\n"
    b"m=audio 30000 RTP/AVP 8 0\r\nm=video 30002 UDP/TLS/RTP/SAVPF 96\r\nm=text 30004 RTP/AVP 98\r\n"
)


def test_request_tells_its_method_call_and_media() -> None:
    """Audio and video of the SDP, at the address of its connection line."""
    message = parse(INVITE)

    assert message is not None
    assert (message.method, message.status, message.call_id) == ("INVITE", None, b"17@192.0.2.1")
    assert message.media == (("192.0.2.1", 30000), ("192.0.2.1", 30002))


def test_answer_tells_what_it_answers() -> None:
    """The method stands in CSeq; short names of headers count."""
    message = parse(b"SIP/2.0 183 Session Progress\r\ni: 17\r\nCSeq: 2 INVITE\r\n\r\n")

    assert message is not None
    assert (message.method, message.status, message.call_id) == ("INVITE", 183, b"17")


@pytest.mark.parametrize(
    "data",
    [b"", b"INVITE sip:x SIP/2.0", b"STEAL sip:x SIP/2.0\r\n", b"SIP/2.0 999 No\r\n", b"HTTP/1.1 200 OK\r\n"],
)
def test_other_words_are_no_sip(data: bytes) -> None:
    """A line that does not end, an unknown method, an impossible status, another protocol."""
    assert parse(data) is None


@pytest.mark.parametrize("port", [b"0", b"70000"])
def test_impossible_ports_are_no_media(port: bytes) -> None:
    """Port 0 refuses a medium (RFC 3264 section 6)."""
    message = parse(INVITE.replace(b"30000", port).replace(b"30002", port))

    assert message is not None
    assert message.media == ()


@given(st.binary(max_size=500), st.sampled_from([b"", b"SIP/2.0 200 OK\r\n", b"BYE sip:x SIP/2.0\r\n"]))
def test_hostile_bytes_are_a_message_or_none(data: bytes, beginning: bytes) -> None:
    """Whatever comes, methods are known ones."""
    message = parse(beginning + data)

    assert message is None or message.method in METHODS | {""}
