"""Every private place of aiortc and aioice that is touched, by name: an upgrade that moves one fails here."""

import asyncio
import inspect
import time
from importlib.metadata import version

import aioice.ice
import aiortc
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtcrtpsender import random_sequence_number

from callprobe.rtc import seams
from callprobe.rtc.opus import OpusTrack
from callprobe.rtc.peer import close_peer, new_peer
from helpers.webrtc_world import run


def test_the_versions_are_those_that_the_seams_were_read_in() -> None:
    assert (version("aiortc"), version("aioice")) == ("1.16.0", "0.13.0")


def test_ice_asks_the_replaced_function_for_its_host_addresses() -> None:
    """``aioice.ice.get_host_addresses`` is looked up by that global name, with these two keywords."""
    source = inspect.getsource(aioice.ice.Connection.gather_candidates)
    assert "get_host_addresses(\n" in source
    assert "use_ipv4=self._use_ipv4, use_ipv6=self._use_ipv6" in source
    assert aioice.ice.get_host_addresses is seams._chosen_addresses


def test_nobody_who_did_not_choose_an_address_gathers_one() -> None:
    assert aioice.ice.get_host_addresses(use_ipv4=True, use_ipv6=True) == []
    with seams.host_addresses("127.0.0.5"):
        assert aioice.ice.get_host_addresses(use_ipv4=True, use_ipv6=True) == ["127.0.0.5"]


def test_a_disabled_receiver_discards_before_it_decodes() -> None:
    """``RTCRtpReceiver._enabled`` exists, is True, and is asked first in ``_handle_rtp_packet``."""

    async def main() -> bool:
        peer = new_peer(OpusTrack(1, time.monotonic_ns))
        before = [receiver._enabled for receiver in peer.getReceivers()]
        seams.decode_nothing(peer)
        after = [receiver._enabled for receiver in peer.getReceivers()]
        await close_peer(peer)
        return (before, after) == ([True], [False])

    assert run(main)
    body = inspect.getsource(RTCRtpReceiver._handle_rtp_packet)
    assert body.index("if not self._enabled") < body.index("__jitter_buffer")


def test_no_stun_server_is_asked() -> None:
    """Aiortc's default is a public one; ours are none."""

    async def main() -> list[object]:
        peer = new_peer(OpusTrack(1, time.monotonic_ns))
        connection = peer.getTransceivers()[0].receiver.transport.transport._connection
        await close_peer(peer)
        return [connection.stun_server, connection.turn_server]

    assert run(main) == [None, None]


def test_aioice_opens_datagrams_by_the_loop_and_lives_without_a_socket() -> None:
    """The whole tap rests on ``loop.create_datagram_endpoint``; the shared port on a missing "socket"."""
    source = inspect.getsource(aioice.ice.Connection.get_component_candidates)
    assert "loop.create_datagram_endpoint(\n" in source
    assert "if sock is not None" in source


def test_rtp_starts_in_the_lower_half_so_that_both_ends_count_alike() -> None:
    assert all(random_sequence_number() < 0x8000 for _ in range(200))


def test_a_track_may_hand_over_encoded_packets() -> None:
    """``RTCRtpSender`` packs an ``av.Packet`` instead of encoding it."""
    source = inspect.getsource(aiortc.RTCRtpSender._next_encoded_frame)
    assert "self.__encoder.pack(data)" in source
    assert asyncio.iscoroutinefunction(OpusTrack.recv)
