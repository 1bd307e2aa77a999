"""A peer connection offers one Opus stream and knows no server to ask."""

import time

from callprobe.rtc.opus import OpusTrack
from callprobe.rtc.peer import close_peer, new_peer
from helpers.webrtc_world import run


def test_the_offer_is_one_opus_stream() -> None:
    """Nothing else may be negotiated, or two calls would not be comparable."""

    async def main() -> str:
        peer = new_peer(OpusTrack(1, time.monotonic_ns))
        offer = await peer.createOffer()
        await close_peer(peer)
        assert peer.connectionState == "closed"
        return str(offer.sdp)

    lines = run(main).splitlines()

    assert [line.split()[0] for line in lines if line.startswith("m=")] == ["m=audio"]
    assert [line.partition(" ")[2] for line in lines if line.startswith("a=rtpmap")] == ["opus/48000/2"]


def test_no_stun_server_is_asked() -> None:
    """The library's default is a public one."""

    async def main() -> None:
        peer = new_peer(OpusTrack(1, time.monotonic_ns))
        (transceiver,) = peer.getTransceivers()
        gatherer = transceiver.sender.transport.transport.iceGatherer
        assert gatherer._connection.stun_server is None
        assert gatherer._connection.turn_server is None
        await close_peer(peer)

    run(main)
