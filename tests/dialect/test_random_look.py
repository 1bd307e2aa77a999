from itertools import pairwise
from random import Random

import pytest

from callprobe.dialect.contract import FlowKeys, Heading, Heard
from callprobe.dialect.random_look import RandomLook
from callprobe.dialect.registry import LOOKS, find
from callprobe.wire.demux import Protocol, classify

SOURCE = ("198.51.100.7", 4711)
COOKIE = b"\x21\x12\xa4\x42"


def flows(count: int) -> list[FlowKeys]:
    rng = Random(1)
    return [FlowKeys(rng.randbytes(32)) for _ in range(count)]


KEYS = flows(1)[0]


@pytest.mark.parametrize("name", LOOKS)
def test_control_datagrams_are_as_many_and_as_long_as_the_mirrors(name: str) -> None:
    mirror, control = find(name), find(f"random:{name}")
    rows = [
        *((mirror.requests(KEYS, attempt), control.requests(KEYS, attempt)) for attempt in range(8)),
        *((mirror.keepalive(KEYS, index), control.keepalive(KEYS, index)) for index in range(8)),
        (mirror.farewell(KEYS), control.farewell(KEYS)),
    ]
    for theirs, ours in rows:
        assert [len(data) for data in ours] == [len(data) for data in theirs]
        for asked, question in zip(theirs, ours, strict=True):
            answers = control.answers(KEYS, 1, SOURCE, question)
            assert [len(data) for data in answers] == [
                len(data) for data in mirror.answers(KEYS, 1, SOURCE, asked)
            ]
            assert all(control.hear(KEYS, "down", data).kind is not Heard.FOREIGN for data in answers)


@pytest.mark.parametrize("name", LOOKS)
def test_times_are_the_mirrors_and_the_stage_is_the_plain_one(name: str) -> None:
    mirror, control = find(name), find(f"random:{name}")
    assert control.setup.retry_ns == mirror.setup.retry_ns
    assert control.setup.deadline_ns == mirror.setup.deadline_ns
    assert (control.keepalive_first_ns, control.keepalive_ns) == (
        mirror.keepalive_first_ns,
        mirror.keepalive_ns,
    )
    assert (control.setup.name, control.setup.failure) == ("udp_open", "udp_echo_timeout")
    for medium in ("voice", "video"):
        assert control.schedule(medium, 7, 3) == mirror.schedule(medium, 7, 3)


@pytest.mark.parametrize("name", LOOKS)
def test_no_datagram_shares_a_look(name: str) -> None:
    """No protocol's first byte, no cookie, no run of twelve FF, nothing that a shaped dialect would claim."""
    control = find(f"random:{name}")
    assert isinstance(control, RandomLook)
    slots = control.schedule("voice", 2, 1) + control.schedule("video", 1, 1)
    for keys in flows(40):
        questions = [*control.requests(keys, 0), *control.keepalive(keys, 0), *control.farewell(keys)]
        answers = [answer for data in questions for answer in control.answers(keys, 1, SOURCE, data)]
        media = [control.media(keys, direction, slot) for slot in slots for direction in ("up", "down")]
        for data in questions + answers + media:
            assert classify(data) is Protocol.UNASSIGNED
            assert data[0] != 8
            assert data[4:8] != COOKIE
            assert b"\xff" * 12 not in data
            assert all(find(look).ident_of(data) is None for look in LOOKS)


def test_the_filler_holds_no_run_of_ff_for_the_unluckiest_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a key whose keystream were all FF would give no run of twelve."""
    from callprobe.dialect import random_look

    monkeypatch.setattr(random_look, "keystream", lambda keys, label: b"\xff" * 6000)
    keys = FlowKeys(b"unlucky".ljust(32, b"\0"))
    control = find("random:telegram-v2")
    for slot in control.schedule("voice", 5, 1):
        assert b"\xff" * 12 not in control.media(keys, "up", slot)


def test_nothing_after_the_prefix_stays_constant_or_counts() -> None:
    control = find("random:telegram-v2")
    media = [control.media(KEYS, "up", slot) for slot in control.schedule("voice", 60, 1)]
    assert len({data[:12] for data in media}) == 1
    for position in range(12, 20):
        assert len({data[position] for data in media}) > 200
    steps = {
        (int.from_bytes(b[14:16], "big") - int.from_bytes(a[14:16], "big")) & 0xFFFF
        for a, b in pairwise(media)
    }
    assert len(steps) > 900


def test_directions_have_prefixes_of_their_own() -> None:
    control = find("random:whatsapp-2023")
    slot = control.schedule("voice", 1, 1)[0]
    assert control.media(KEYS, "up", slot)[:12] != control.media(KEYS, "down", slot)[:12]


def test_twenty_bytes_are_enough() -> None:
    control = find("random:whatsapp-2023")
    slot = control.schedule("voice", 1, 1)[0]._replace(size=20, sequence=777)
    data = control.media(KEYS, "up", slot)
    assert len(data) == 20
    assert control.hear(KEYS, "up", data) == Heading(Heard.MEDIA, 777)
