"""TURN by transaction and by server."""

from pathlib import Path

import pytest

from callprobe.pcap.collect import turn
from callprobe.pcap.collect.turn import TurnCounts
from callprobe.pcap.packets import UdpDatagram, address_text
from callprobe.wire import stun
from helpers.exchanged import (
    CLIENT,
    PEER,
    SERVER,
    channel,
    collected,
    collected_from,
    down,
    error,
    message,
    peer_attribute,
    truths,
    up,
)

LIFETIME_600 = (stun.LIFETIME, (600).to_bytes(4, "big"))
USER = (stun.USERNAME, b"somebody")
REALM = (stun.REALM, b"example.org")
CHANNEL_4001 = (stun.CHANNEL_NUMBER, bytes.fromhex("40010000"))
ALLOCATION = (
    up(0, message(0x0003, 1)),
    down(20, error(0x0113, 1, 401, REALM)),
    up(21, message(0x0003, 2, USER, REALM)),
    down(45, message(0x0103, 2, LIFETIME_600)),
)


def turn_of(*datagrams: UdpDatagram) -> TurnCounts:
    return collected(*datagrams).turn(0)


def test_a_call_s_way_through_turn_is_told() -> None:
    """Challenge, allocation, permission, channel, data both ways, release."""
    found = turn_of(
        *ALLOCATION,
        up(50, message(0x0008, 3, peer_attribute(3))),
        down(60, message(0x0108, 3)),
        up(61, message(0x0008, 4, peer_attribute(4, ("10.0.0.7", 9)))),
        down(70, error(0x0118, 4, 403)),
        up(71, message(0x0009, 5, CHANNEL_4001, peer_attribute(5))),
        down(80, message(0x0109, 5)),
        up(90, message(0x0016, 6, peer_attribute(6), (stun.DATA, b"12345"))),
        down(95, message(0x0017, 7, peer_attribute(7), (stun.DATA, b"123"))),
        up(100, channel(b"opaque", 0x4001)),
        down(110, channel(b"opaque too", 0x4001)),
        up(900, message(0x0004, 8, (stun.LIFETIME, bytes(4)))),
        down(920, message(0x0104, 8, (stun.LIFETIME, bytes(4)))),
    )
    (server,) = found.servers

    assert (found.allocate_requests, found.allocate_success, found.allocate_error) == (2, 1, 1)
    assert (found.create_permission_success, found.create_permission_error) == (1, 1)
    assert (found.channel_bind_success, found.refresh_success, found.channel_data) == (1, 1, 2)
    assert (found.send_indications, found.data_indications) == (1, 1)
    assert (server.client, server.server) == (address_text(CLIENT), address_text(SERVER))
    assert (server.challenged, server.allocate_errors, server.rtt_ms) == (True, {"401": 1}, 20.0)
    assert (server.allocated_s, server.lifetime_s, server.released_s) == (0.045, 600, 0.9)
    assert (server.permissions_granted, server.permissions_refused) == (1, {"403": 1})
    assert server.channels == {"0x4001": address_text(PEER)}
    assert server.peers == (address_text(PEER), "10.0.0.7:9")
    assert (server.channel_data_up, server.channel_data_down) == (1, 1)
    assert (server.relayed_bytes_up, server.relayed_bytes_down) == (11, 13)
    assert (server.realm, server.transport) == ("example.org", "udp")


def test_a_silent_server_is_told_too() -> None:
    (server,) = turn_of(*(up(250 * n, message(0x0003, 1)) for n in range(5))).servers

    assert (server.allocate_requests, server.allocate_answered, server.allocated_s) == (1, 0, None)


def test_a_copy_of_an_allocate_is_no_second_one() -> None:
    found = turn_of(up(0, message(0x0003, 1)), up(1, message(0x0003, 1)), down(9, message(0x0103, 1)))

    assert (found.allocate_requests, found.allocate_success) == (1, 1)


def test_an_allocation_granted_from_elsewhere_counts() -> None:
    """Teams asks one address and is answered from another."""
    found = turn_of(up(0, message(0x0003, 1)), down(9, message(0x0103, 1), ("198.51.100.7", 3478)))

    assert (found.allocate_requests, found.allocate_success) == (1, 1)


def test_a_whatsapp_allocation_counts_but_its_relay_is_no_turn_server() -> None:
    found = turn_of(up(0, message(0x0003, 1, (0x4000, bytes(150)))), down(9, message(0x0103, 1)))

    assert (found.allocate_success, found.servers) == (1, ())


@pytest.mark.parametrize(("known", "counted"), [(ALLOCATION, 1), ((), 0)])
def test_opaque_channel_data_counts_only_between_client_and_server(
    known: tuple[UdpDatagram, ...], counted: int
) -> None:
    """Any cipher may happen to show bytes whose length fits."""
    assert turn_of(*known, up(100, channel(b"opaque"))).channel_data == counted


def test_channel_data_that_carries_media_counts_without_its_allocation() -> None:
    """A capture may begin in the middle of a call."""
    assert turn_of(up(0, channel(bytes.fromhex("806f0001 00000000 00000001 aabb")))).channel_data == 1


def test_turn_over_tcp_is_counted_apart() -> None:
    collector = collected(*ALLOCATION, up(99, channel(message(1, 7))), transport="tcp")
    found = collector.turn_tcp(0)

    assert (found.allocate_success, found.channel_data, collector.turn(0).servers) == (1, 1, ())
    assert [server.transport for server in found.servers] == ["tcp"]


def test_a_list_that_is_full_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "SERVER_LIMIT", 2)
    found = turn_of(*(up(n, message(0x0003, n), ("198.51.100.2", 1000 + n)) for n in range(5)))

    assert (found.allocate_requests, len(found.servers), found.dropped) == (5, 2, 3)


@pytest.mark.peer("shared")
def test_counts_are_those_of_the_truth(shared: Path) -> None:
    fields = {
        "allocate_requests": "allocate_requests",
        "allocate_success": "allocate_ok",
        "allocate_error": "allocate_err",
        "create_permission_success": "createperm_ok",
        "create_permission_error": "createperm_err",
        "channel_bind_success": "channelbind_ok",
        "refresh_success": "refresh_ok",
        "channel_data": "channeldata_udp",
        "send_indications": "send_ind",
        "data_indications": "data_ind",
    }
    unlike = []
    for truth in truths(shared):
        found = collected_from(shared / "captures" / truth["file"])[0].turn(0)
        unlike += [
            (truth["file"], ours, getattr(found, ours), truth["turn"][theirs])
            for ours, theirs in fields.items()
            if getattr(found, ours) != truth["turn"][theirs]
        ]

    assert unlike == []


@pytest.mark.peer("shared")
def test_messenger_s_server_is_told(shared: Path) -> None:
    """Port 40003, challenged, two private peers refused, one channel bound, and released at the end."""
    collector, origin_ns = collected_from(shared / "captures" / "stun_facebook.pcapng")
    (server,) = collector.turn(origin_ns).servers

    assert server.server.endswith(":40003")
    assert (server.realm, server.challenged, server.lifetime_s) == ("turner.facebook", True, 900)
    assert (server.permissions_granted, server.permissions_refused) == (4, {"403": 2})
    assert (server.channel_data_up, server.channel_data_down, list(server.channels)) == (8, 10, ["0x4003"])
    assert server.released_s == pytest.approx(10.086, abs=0.001)
