"""One aiortc peer connection as both ends of a call want it."""

import asyncio
import contextlib
from typing import Final

from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.rtcrtpsender import RTCRtpSender

from callprobe.rtc.opus import OpusTrack

OPUS: Final = "audio/opus"
CLOSE_DEADLINE_S: Final = 3.0


def new_peer(track: OpusTrack) -> RTCPeerConnection:
    """Return a connection that sends and receives one Opus stream and asks no STUN server, ever."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTrack(track)
    codecs = RTCRtpSender.getCapabilities("audio").codecs
    peer.getTransceivers()[0].setCodecPreferences(
        [codec for codec in codecs if codec.mimeType.lower() == OPUS]
    )
    return peer


async def close_peer(peer: RTCPeerConnection) -> None:
    """Close, but wait no longer than a few seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_DEADLINE_S):
            await peer.close()
