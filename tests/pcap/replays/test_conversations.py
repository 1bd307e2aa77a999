"""Which conversation of a capture is the call, who captured it, and when it took place."""

import random
from collections.abc import Iterable

import pytest

from callprobe.dialect.contract import FlowKeys
from callprobe.dialect.registry import find
from callprobe.pcap.packets import Address, UdpDatagram
from callprobe.pcap.replays import conversations as module
from callprobe.pcap.replays.conversations import Call, Conversations, conversations_of, pair_of
from callprobe.wire import stun
from helpers.recorded import LOCAL, MS, REMOTE, SECOND, recording, rtp

ELSEWHERE = ("198.51.100.1", 443)
UP, DOWN = recording()
CALL = [(one.offset_ns, LOCAL, REMOTE, one.payload) for one in UP] + [
    (one.offset_ns, REMOTE, LOCAL, one.payload) for one in DOWN
]
Packet = tuple[int, Address, Address, bytes]


def datagrams(packets: Iterable[Packet], start_ns: int = 0) -> list[UdpDatagram]:
    return [
        UdpDatagram(number, start_ns + at, source, destination, payload, len(payload))
        for number, (at, source, destination, payload) in enumerate(sorted(packets))
    ]


def found(packets: Iterable[Packet]) -> Call | None:
    return conversations_of(datagrams(packets)).call()


def stream(
    count: int, source: Address, destination: Address, *, seed: int = 1, at_ns: int = 0
) -> list[Packet]:
    rng = random.Random(seed)
    return [(at_ns + n * 20 * MS, source, destination, rtp(n, b"cccc", rng)) for n in range(count)]


def test_a_call_is_found_with_its_ends_and_its_time() -> None:
    assert found(CALL) == Call(LOCAL, REMOTE, 0, 3_530 * MS)


def test_the_one_with_most_media_is_the_call() -> None:
    """Whatever else has more packets or bytes."""
    rng = random.Random(2)
    download = [(n * MS, ELSEWHERE, LOCAL, bytes([0x40 + n % 8]) + rng.randbytes(1200)) for n in range(900)]
    other = stream(60, LOCAL, ELSEWHERE)

    assert found([*CALL, *download, *other]) == Call(LOCAL, REMOTE, 0, 3_530 * MS)


@pytest.mark.parametrize(
    "packets",
    [
        [],
        [(n * MS, LOCAL, ELSEWHERE, b"\xc3\x00\x00\x00\x01" + bytes(1200)) for n in range(100)],
        [
            (n * MS, LOCAL, ELSEWHERE, n.to_bytes(2, "big") + b"\x01\x00\x00\x01" + bytes(20))
            for n in range(100)
        ],
        [(n * MS, LOCAL, ELSEWHERE, random.Random(n).randbytes(90)) for n in range(400)],
        stream(9, LOCAL, REMOTE),
    ],
    ids=["nothing", "quic", "dns", "noise", "too few"],
)
def test_what_is_no_call_is_none(packets: list[Packet]) -> None:
    assert found(packets) is None


@pytest.mark.parametrize("name", ["telegram-v2", "whatsapp-2023", "webrtc-aiortc"])
def test_calls_of_this_projects_looks_are_found(name: str) -> None:
    """RTP in the open, and in the frames of a reflector."""
    look, keys = find(name), FlowKeys(bytes(32))
    slots = look.schedule("voice", 5.0, 1)
    packets = [(slot.offset_ns, LOCAL, REMOTE, look.media(keys, "up", slot)) for slot in slots]

    assert found(packets) == Call(LOCAL, REMOTE, 0, slots[-1].offset_ns)


def test_media_that_show_nothing_count_beside_what_found_the_way() -> None:
    """Telegram's older calls: pings of a reflector, or checks by STUN, then noise."""
    rng = random.Random(3)
    noise = [(n * 60 * MS, LOCAL, REMOTE, b"\x05" + rng.randbytes(160)) for n in range(80)]
    ping = find("telegram-v2").requests(FlowKeys(bytes(32)), 0)[0]
    checks = [(at, *ends, UP[0].payload) for at, *ends in ((0, LOCAL, REMOTE), (1, REMOTE, LOCAL))]

    assert found(noise) is None
    assert found([*noise, (0, LOCAL, REMOTE, ping)]) is not None
    assert found([*noise, *checks]) is not None
    assert found([*noise[:20], *checks]) is None


def test_a_call_that_came_to_nothing_is_the_conversation_that_tried_most() -> None:
    """Checks and pings that nobody answered; asking a server for an address is no call."""
    checks = [(at, LOCAL, REMOTE, UP[0].payload) for at in range(6)]
    pings = [
        (at, LOCAL, ELSEWHERE, find("telegram-v2").requests(FlowKeys(bytes(32)), 0)[0]) for at in range(9)
    ]
    asking = [(at, LOCAL, REMOTE, stun.binding_request(bytes(12))) for at in range(40)]

    assert found(asking) is None
    assert found(checks[:3]) is None
    assert found([*asking, *checks]) == Call(LOCAL, REMOTE, 0, 39)
    assert found([*checks, *pings]) == Call(LOCAL, ELSEWHERE, 0, 8)
    assert found([*pings, *stream(12, LOCAL, REMOTE)]) == Call(LOCAL, REMOTE, 0, 11 * 20 * MS)


def test_who_captured_has_the_private_address() -> None:
    turned = [(at, *((REMOTE, LOCAL) if source == LOCAL else (LOCAL, REMOTE)), data)
              for at, source, _, data in CALL]  # fmt: skip

    call = found(turned)
    assert call is not None
    assert (call.local, call.remote) == (LOCAL, REMOTE)


def test_of_two_of_a_kind_it_is_the_one_with_more_peers_else_the_one_that_began() -> None:
    ours, theirs, third = ("8.8.4.4", 1), ("9.9.9.9", 2), ("9.9.9.10", 53)
    media = stream(30, theirs, ours)

    assert (found(media) or media)[0] == theirs
    call = found([*media, (5, ours, third, b"x")])
    assert call is not None
    assert call.local == ours


def test_a_long_pause_parts_two_calls_between_the_same_ports() -> None:
    """The longer one is played."""
    short, long = stream(30, LOCAL, REMOTE), stream(90, LOCAL, REMOTE, at_ns=1000 * SECOND)

    assert found([*short, *long]) == Call(LOCAL, REMOTE, 1000 * SECOND, 1000 * SECOND + 89 * 20 * MS)
    later = [(at + 2000 * SECOND, *rest) for at, *rest in short]
    assert found([*long, *later]) == Call(LOCAL, REMOTE, 1000 * SECOND, 1000 * SECOND + 89 * 20 * MS)


def test_any_conversation_can_be_asked_for() -> None:
    conversations = conversations_of(datagrams([*CALL, (7, LOCAL, ELSEWHERE, b"x")]))

    assert conversations.between(ELSEWHERE, LOCAL) == Call(ELSEWHERE, LOCAL, 7, 7)
    assert conversations.between(LOCAL, ("192.0.2.1", 1)) is None


def test_memory_is_bounded_and_what_was_left_out_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CONVERSATIONS", 10)
    conversations = Conversations()
    for number in range(25):
        conversations.add(UdpDatagram(number, 0, LOCAL, ("192.0.2.1", 1 + number), b"x", 1))

    assert conversations.left_out == 15


def test_a_pair_is_the_same_both_ways() -> None:
    assert pair_of(LOCAL, REMOTE) == pair_of(REMOTE, LOCAL)
