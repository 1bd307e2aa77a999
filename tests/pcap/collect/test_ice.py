"""ICE pairs."""

from pathlib import Path

import pytest

from callprobe.pcap.collect import ice
from callprobe.pcap.collect.ice import IcePair, MediaPath
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
    up,
)

REQUEST, RESPONSE = stun.BINDING_REQUEST, stun.BINDING_RESPONSE
GOOG_PING, GOOG_PONG = 0x0200, 0x0300
USER = (stun.USERNAME, b"KCnk:czvd")
CONTROLLING = (stun.ICE_CONTROLLING, b"tie-brkr")
NOMINATES = (stun.USE_CANDIDATE, b"")
PRIORITY = (stun.PRIORITY, bytes.fromhex("6e7f1eff"))
INTEGRITY = (stun.MESSAGE_INTEGRITY, bytes(20))
US, THEM, OTHER = address_text(CLIENT), address_text(SERVER), ("198.51.100.9", 700)


def check(transaction: int, *attributes: tuple[int, bytes]) -> bytes:
    return message(REQUEST, transaction, USER, *attributes, INTEGRITY)


def answer(transaction: int) -> bytes:
    return message(RESPONSE, transaction, INTEGRITY)


def pairs(*datagrams: UdpDatagram, media: tuple[MediaPath, ...] = ()) -> tuple[IcePair, ...]:
    return collected(*datagrams).ice(0, media)


def test_checks_of_both_sides_are_one_pair() -> None:
    (pair,) = pairs(
        up(0, check(1, CONTROLLING, PRIORITY)),
        down(20, answer(1)),
        down(30, check(2, (stun.ICE_CONTROLLED, b"tie-brkr"))),
        up(31, answer(2)),
        up(40, check(3, CONTROLLING, NOMINATES, PRIORITY)),
    )

    assert (pair.a, pair.b, pair.encapsulation, pair.peer) == (US, THEM, "plain", None)
    assert (pair.checks, pair.checks_from_b, pair.answered, pair.answered_from_b) == (3, 1, 2, 1)
    assert (pair.first_s, pair.first_answered_s, pair.last_s, pair.last_answered_s) == (
        0.0,
        0.02,
        0.04,
        0.031,
    )
    assert (pair.nominated_s, pair.nomination, pair.controlling) == (0.04, "use-candidate", "a")
    assert (pair.rtt_ms.n, pair.rtt_ms.min, pair.rtt_ms.max) == (2, 1.0, 20.0)
    assert (pair.username_shapes, pair.bare) == (("4:4",), False)


@pytest.mark.parametrize(
    "payload",
    [
        message(REQUEST, 1),
        message(REQUEST, 1, USER, (stun.REALM, b"example.org")),
        message(0x0003, 1, USER),
        message(REQUEST, 1, INTEGRITY, PRIORITY),
    ],
)
def test_what_names_no_peer_is_no_check(payload: bytes) -> None:
    assert pairs(up(0, payload)) == ()


def test_whatsapp_s_bare_checks_are_nominated_by_media() -> None:
    """44 bytes, MESSAGE-INTEGRITY alone; media that moves to the pair decides."""
    bare = message(REQUEST, 1, INTEGRITY)
    (pair,) = pairs(
        up(0, bare), down(71, answer(1)), media=(MediaPath(US, THEM, 0.3, 20), MediaPath(THEM, US, 0.2, 9))
    )

    assert len(bare) == 44
    assert (pair.bare, pair.selected, pair.nomination, pair.nominated_s) == (True, True, "media", 0.2)
    assert pair.media_s == 0.2


def test_ringrtc_nominates_by_an_attribute_of_its_own() -> None:
    (pair,) = pairs(up(0, check(1, CONTROLLING, (0xC001, bytes(4)))))

    assert (pair.nomination, pair.nominated_s) == ("ringrtc", 0.0)


def test_telegram_s_marks_are_zeros() -> None:
    """A tie-breaker of eight zero bytes, and component 256 of which PRIORITY shows the last byte."""
    zero = (stun.ICE_CONTROLLING, bytes(8))
    telegram, other = (
        pairs(up(0, check(1, zero, (stun.PRIORITY, bytes.fromhex("6e7f1f00")))))[0],
        pairs(up(0, check(1, zero, PRIORITY)), up(1, check(2, CONTROLLING, PRIORITY)))[0],
    )

    assert (telegram.controlling_tie_breaker_zero, telegram.tie_breaker_zero) == (True, True)
    assert telegram.priority_ends_00 is True
    assert (other.controlling_tie_breaker_zero, other.priority_ends_00) == (False, False)


def test_a_pair_without_roles_says_nothing_of_them() -> None:
    """Null, not false."""
    (pair,) = pairs(up(0, check(1)))

    assert (pair.controlling, pair.tie_breaker_zero, pair.priority_ends_00) == (None, None, None)


def test_a_role_conflict_is_no_answer() -> None:
    (pair,) = pairs(up(0, check(1, CONTROLLING)), down(20, error(0x0111, 1, 487)))

    assert (pair.answered, pair.role_conflicts, pair.errors) == (0, 1, {"487": 1})


def test_consent_is_what_goes_on_after_five_seconds() -> None:
    datagrams = [
        datagram
        for n in range(4)
        for datagram in (up(2500 * n, check(n, CONTROLLING)), down(2500 * n + 20, answer(n)))
    ]
    (pair,) = pairs(*datagrams, up(12500, message(GOOG_PING, 9)), down(12520, message(GOOG_PONG, 9)))

    assert (pair.checks, pair.consent_checks, pair.goog_pings, pair.goog_ping_answers) == (4, 2, 1, 1)
    assert pair.longest_answer_gap_s == 5.0


def test_a_copy_of_a_check_is_no_second_one() -> None:
    (pair,) = pairs(up(0, check(1)), up(500, check(1)), down(520, answer(1)))

    assert (pair.checks, pair.requests, pair.answered, pair.rtt_ms.n) == (1, 2, 1, 0)
    assert pair.last_s == 0.5


def test_checks_through_turn_name_the_peer_behind_the_server() -> None:
    """In indications first, in channel data as soon as one is bound."""
    (pair,) = pairs(
        up(0, message(0x0016, 1, peer_attribute(1), (stun.DATA, check(2)))),
        down(30, message(0x0017, 3, peer_attribute(3), (stun.DATA, answer(2)))),
        up(40, message(0x0009, 4, (stun.CHANNEL_NUMBER, bytes.fromhex("40030000")), peer_attribute(4))),
        down(50, message(0x0109, 4)),
        up(60, channel(check(5, NOMINATES), 0x4003)),
        down(95, channel(answer(5), 0x4003)),
    )

    assert (pair.encapsulation, pair.peer) == ("turn-indication", address_text(PEER))
    assert (pair.checks, pair.answered, pair.nominated_s) == (2, 2, 0.06)


def test_media_decides_which_pair_carries_the_call() -> None:
    """Whatever else was nominated at the same ends; ten packets are media, nine are not."""
    datagrams = (
        up(0, check(1, NOMINATES)),
        down(9, answer(1)),
        up(20, check(2, NOMINATES), OTHER),
        down(29, answer(2), OTHER),
    )
    carried = MediaPath(US, THEM, 1.0, 10)

    assert [pair.selected for pair in pairs(*datagrams, media=(carried,))] == [True, False]
    assert [pair.selected for pair in pairs(*datagrams, media=(carried._replace(packets=9),))] == [
        False,
        True,
    ]
    assert [pair.selected for pair in pairs(*datagrams)] == [False, True]


def test_a_nominated_pair_that_nobody_answered_is_not_selected() -> None:
    assert [pair.selected for pair in pairs(up(0, check(1, NOMINATES)))] == [False]


def test_no_more_pairs_are_listed_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ice, "PAIR_LIMIT", 3)

    assert len(pairs(*(up(n, check(n), ("198.51.100.2", 1000 + n)) for n in range(9)))) == 3


@pytest.mark.peer("shared")
def test_whatsapp_s_pairs_of_2023(shared: Path) -> None:
    """A private candidate never answers for 11 s; the public one does and takes over the media."""
    collector, origin_ns = collected_from(shared / "captures" / "stun_wa_call.pcapng")
    media = MediaPath("192.168.12.156:49526", "93.33.118.87:41107", 56.3, 500)
    private, public = collector.ice(origin_ns, [media])

    assert (private.checks, private.answered, private.selected) == (20, 0, False)
    assert private.last_s - private.first_s == pytest.approx(10.7, abs=0.1)
    assert (public.checks, public.answered, public.bare, public.selected) == (2, 2, True, True)
    assert public.rtt_ms.max == pytest.approx(71.317, abs=0.002)


@pytest.mark.peer("shared")
def test_telegram_s_pairs_of_2024_lie_in_reflector_frames(shared: Path) -> None:
    collector, origin_ns = collected_from(shared / "captures" / "ndpid_heads_telegram_voice.pcap")
    found = collector.ice(origin_ns)

    assert {pair.encapsulation for pair in found} == {"reflector"}
    assert all(pair.tie_breaker_zero and pair.priority_ends_00 for pair in found)
    assert sum(pair.answered for pair in found) == 2


@pytest.mark.peer("shared")
def test_teams_names_its_peers_in_the_clear(shared: Path) -> None:
    """A check comes in a data indication, its answer goes out in a send request: one pair."""
    collector, origin_ns = collected_from(shared / "captures" / "teams_full.pcap")
    relayed = [pair for pair in collector.ice(origin_ns) if pair.peer is not None]

    assert [pair.peer for pair in relayed] == ["93.71.110.205:16332", "93.71.110.205:16333"]
    assert [(pair.checks, pair.answered, pair.answered_from_b) for pair in relayed] == [(2, 2, 1)] * 2


@pytest.mark.peer("shared")
def test_messenger_s_selected_pair_is_the_one_with_the_channel(shared: Path) -> None:
    collector, origin_ns = collected_from(shared / "captures" / "stun_facebook.pcapng")
    (server,) = collector.turn(origin_ns).servers
    selected = [pair.peer for pair in collector.ice(origin_ns) if pair.selected]

    assert selected == list(server.channels.values())
