"""Calls captured in the lab: what the caller saw, beside what the lab knows."""

from pathlib import Path

import pytest

from callprobe.censor.policy import parse_policy
from callprobe.dialect.registry import LOOKS
from callprobe.lab.captures import CALLER_HOST, CapturedCall, Seen, capture_call, write_capture
from helpers.datagrams import datagrams_in
from helpers.policies import policy, policy_text, rule

LOSSY = policy(rule("lossy", 'kind = "drop"\nratio = 0.2'))
CLEAN = parse_policy(policy_text(), "clean")


def call(look: str = "telegram-v2", *, lossy: bool = False, seed: int = 1) -> CapturedCall:
    """Return two seconds of a call."""
    return capture_call(look, LOSSY if lossy else CLEAN, seed=seed, duration_s=2.0)


@pytest.mark.parametrize("look", LOOKS)
def test_clean_call_is_seen_whole(look: str) -> None:
    """Without a censor the caller sees every packet of its call, both ways."""
    captured = call(look)
    port = captured.truth.caller_port
    up = [seen for seen in captured.seen if seen.source == (CALLER_HOST, port)]
    down = [seen for seen in captured.seen if seen.destination == (CALLER_HOST, port)]

    assert (len(up), len(down)) == (captured.truth.up.sent, captured.truth.down.sent)
    assert captured.truth.down.media_sent > 5
    assert captured.truth.up.dropped == captured.truth.down.dropped == 0


def test_own_packets_are_seen_whatever_becomes_of_them() -> None:
    """A dropped packet of the caller is in its capture; one of the far end is not."""
    captured = call(lossy=True)
    truth, port = captured.truth, captured.truth.caller_port
    up = [seen for seen in captured.seen if seen.source == (CALLER_HOST, port)]
    down = [seen for seen in captured.seen if seen.destination == (CALLER_HOST, port)]

    assert truth.up.dropped > 0 < truth.down.dropped
    assert len(up) == truth.up.sent
    assert len(down) == truth.down.sent - truth.down.dropped


def test_same_seed_plays_the_same_call() -> None:
    """A capture can be made again, byte for byte; another seed makes another."""
    assert call(seed=4) == call(seed=4)
    assert call(seed=4).seen != call(seed=5).seen


def test_times_rise_and_are_of_the_day() -> None:
    """The capture is in order, and begins when the lab says it did."""
    times = [seen.epoch_ns for seen in call().seen]

    assert times == sorted(times)
    assert times[0] // 1_000_000_000 == 1754902800


def test_written_capture_is_what_was_seen(tmp_path: Path) -> None:
    """Reading the file gives back time, ends and bytes of every datagram."""
    seen = call().seen
    write_capture(tmp_path / "call.pcap", seen)
    read = datagrams_in(tmp_path / "call.pcap")

    assert [Seen(d.epoch_ns, d.source, d.destination, d.payload) for d in read] == seen
