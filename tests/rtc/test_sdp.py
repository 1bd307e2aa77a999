"""What leaves in a session description, and what of one is heard."""

import contextlib
import ipaddress
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.rtc import sdp
from callprobe.rtc.opus import OpusTrack
from callprobe.rtc.peer import close_peer, new_peer
from helpers.webrtc_world import World, run

OFFER = (
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=mid:0\r\n"
    "a=rtpmap:96 opus/48000/2\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=setup:actpass\r\n"
)
ADDRESSES = st.one_of(
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
    st.ip_addresses(v=6).map(lambda address: ipaddress.IPv6Address(address).exploded),
    st.from_regex(r"[a-z]{8}\.(local|example\.net)", fullmatch=True),
).filter(lambda text: text not in {"0.0.0.0", "::"} and len(text) > 6)
PLACES = st.sampled_from(
    [
        "o=user 1 1 IN IP4 {}",
        "s={}",
        "i={}",
        "u=http://{}/",
        "e=me@{}",
        "c=IN IP4 {}",
        "c=IN IP6 {}",
        "a=candidate:1 1 udp 2130706431 {} 5000 typ host",
        "a=candidate:2 1 udp 1 203.0.113.1 9 typ srflx raddr {} rport 5000",
        "a=remote-candidates:1 {} 5000",
        "a=rtcp:5000 IN IP4 {}",
        "a=ssrc:1 cname:user@{}",
        "a=ssrc:1 cname:{}",
        "a=mid:{}",
        "a=msid:{} {}",
        "a=tool:{}",
        "a=extmap:3 http://{}/ext",
        "a=fmtp:96 x={}",
        "a=ice-options:{}",
        "a=fingerprint:sha-256 {}",
        "a={}",
        "{}",
        "b=AS:{}",
    ]
)


@given(ADDRESSES, PLACES, st.integers(0, 12))
def test_no_planted_address_passes(address: str, place: str, line: int) -> None:
    """An address or host name stands nowhere in what is sent, wherever it was planted."""
    lines = OFFER.split("\r\n")
    lines.insert(line, place.replace("{}", address))
    cleaned = ""
    with contextlib.suppress(sdp.SdpError):
        cleaned = sdp.without_addresses("\r\n".join(lines))
    assert address not in cleaned
    assert "candidate" not in cleaned


def test_a_clean_offer_passes_with_all_its_keys() -> None:
    assert sorted(sdp.without_addresses(OFFER).split("\r\n")) == sorted(OFFER.split("\r\n"))


def test_the_allow_list_loses_nothing_that_aiortc_writes() -> None:
    """Only origin, cname's neighbours and addresses may differ: each other line of a real offer passes."""

    async def main() -> str:
        peer = new_peer(OpusTrack(1, time.monotonic_ns))
        text = (await peer.createOffer()).sdp
        await close_peer(peer)
        return text

    written = run(main)
    passed = set(sdp.without_addresses(written).split("\r\n"))
    assert [line for line in written.split("\r\n") if line not in passed and not line.startswith("o=")] == []


def test_the_offer_sent_in_a_call_names_no_local_address_although_a_socket_is_open() -> None:
    """The WHIP body carries neither the address nor the port that the call uses."""
    ports: set[str] = set()

    async def main() -> list[str]:
        async with World() as world:
            send = world.send

            def noting(port: int, peer: tuple[str, int], data: bytes) -> None:
                ports.add(str(peer[1]))
                send(port, peer, data)

            world.calls._send = noting
            await world.call(0.1)
            return world.offers

    (offer,) = run(main)
    assert set(re.findall(r"\d+\.\d+\.\d+\.\d+", offer)) == {"0.0.0.0"}
    assert re.findall("candidate", offer) == []
    assert len(ports) == 1
    assert not ports & set(re.findall(r"\d+", offer))


def test_an_answer_is_heard_for_its_port_only() -> None:
    """Hosts that an answer names are dropped, so media go to the responder whatever it says."""
    answer = OFFER + (
        "a=candidate:1 1 udp 5 198.51.100.7 4001 typ host\r\n"
        "a=candidate:2 1 udp 4 203.0.113.7 4002 typ host\r\n"
    )
    heard = sdp.answer_for_caller(answer, "127.0.0.1", 10)
    assert re.findall("a=candidate.*", heard) == ["a=candidate:1 1 udp 2130706431 127.0.0.1 4011 typ host\r"]
    assert heard.endswith("a=end-of-candidates\r\n")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no audio section"),
        (OFFER + OFFER[OFFER.index("m=") :], "more than one media section"),
        (OFFER.replace("m=audio", "m=video"), "not audio"),
        (OFFER.replace("SAVPF 96", "SAVPF x"), "not audio"),
        ("a" * 20_000, "longer than"),
    ],
)
def test_what_is_no_audio_call_is_refused_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(sdp.SdpError, match=sentence):
        sdp.without_addresses(text)


@pytest.mark.parametrize(("port", "shift"), [(0, 0), (70_000, 0), (65_000, 1000), (10, -10)])
def test_an_answer_without_a_possible_port_is_refused(port: int, shift: int) -> None:
    answer = f"{OFFER}a=candidate:1 1 udp 5 0.0.0.0 {port} typ host\r\n"
    with pytest.raises(sdp.SdpError, match="port"):
        sdp.answer_for_caller(answer, "127.0.0.1", shift)
