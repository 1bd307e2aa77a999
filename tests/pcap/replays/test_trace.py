"""A call out of a capture: its bytes both ways, on one time axis, fit to be played."""

import random
from pathlib import Path

import pytest

from callprobe.dialect.opening import kind_of
from callprobe.dialect.trace import MAX_DURATION_S, MAX_PACKETS, MAX_PAYLOAD_BYTES, TracePacket
from callprobe.pcap.replays.trace import (
    Flow,
    Recorded,
    ReplayFileError,
    make_trace,
    parse_flow,
    read_capture,
    shaped,
)
from callprobe.pcap.write import CaptureWriter
from callresults.addresses import find_addresses
from helpers.recorded import LOCAL, MAPPED, MS, REMOTE, SECOND, recording, rtp

ENDS = Flow(LOCAL, REMOTE)
EPOCH_NS = 1_700_000_000 * SECOND
PATH = Path("call.pcap")
UP, DOWN = recording()


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Return a capture of the call."""
    path = tmp_path / "call.pcap"
    packets = [(one.offset_ns, LOCAL, REMOTE, one.payload) for one in UP]
    packets += [(one.offset_ns, REMOTE, LOCAL, one.payload) for one in DOWN]
    packets.append((0, LOCAL, ("192.0.2.53", 53), b"\x12\x34\x01\x00\x00\x01" + bytes(20)))
    writer = CaptureWriter(path)
    for at_ns, source, destination, payload in sorted(packets):
        writer.write(EPOCH_NS + at_ns, source, destination, payload)
    writer.close()
    return path


def of(*stamped: tuple[int, bool, bytes], duration_s: float | None = None) -> Recorded:
    return shaped("capture", ENDS, [(*one, len(one[2])) for one in stamped], duration_s)


def test_the_dominant_call_of_a_capture_is_taken_whole(capture: Path) -> None:
    call = read_capture(capture)

    assert (call.source, call.ends) == ("capture", ENDS)
    assert (call.up, call.down) == (UP, DOWN)
    assert (call.capture_date, call.filled, call.left_out) == ("2023-11-14", 0, 0)


def test_another_conversation_or_the_other_end_can_be_asked_for(capture: Path) -> None:
    dns = read_capture(capture, Flow(LOCAL, ("192.0.2.53", 53)))
    turned = read_capture(capture, Flow(REMOTE, LOCAL))

    assert len(dns.up) == 1
    assert (len(turned.up), turned.left_out) == (len(DOWN), 1)
    with pytest.raises(ReplayFileError, match=r"between 10\.0\.0\.5:50001 and 192\.0\.2\.9:9"):
        read_capture(capture, Flow(LOCAL, ("192.0.2.9", 9)))


def test_a_capture_without_a_call_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "dns.pcap"
    writer = CaptureWriter(path)
    writer.write(EPOCH_NS, LOCAL, ("192.0.2.53", 53), b"\x12\x34\x01\x00\x00\x01" + bytes(20))
    writer.close()
    for file, sentence in ((path, "there is no call in it"), (tmp_path / "away", "cannot be read")):
        with pytest.raises(ReplayFileError, match=sentence) as caught:
            read_capture(file)
        assert str(caught.value).startswith(str(file))
        assert "\n" not in str(caught.value)


def test_what_a_trace_is_made_of_holds_no_address_of_the_capture(capture: Path) -> None:
    call = read_capture(capture)
    trace, changed = make_trace(call, capture, exact=False)
    payloads = [*(trace.up.payloads or ()), *(trace.down.payloads or ())]

    assert changed == 16
    assert not any(find_addresses(data, [MAPPED[0], LOCAL[0], REMOTE[0]]) for data in payloads)
    assert [slot.size for slot in trace.up.schedule] == [len(one.payload) for one in UP]
    exact, untouched = make_trace(call, capture, exact=True)
    assert exact.up.payloads == tuple(one.payload for one in UP)
    assert untouched == 0
    assert any(find_addresses(data, [MAPPED[0]]) for data in exact.down.payloads or ())


def test_time_begins_with_the_capturing_ends_first_packet() -> None:
    """Packets of a far end that had heard nothing are left out; the rest is in order of time."""
    call = of((5, False, b"early"), (9_000, True, b"b"), (10_000, True, b"c"), (7_000, True, b"a"))

    assert call.up == [TracePacket(0, b"a"), TracePacket(2_000, b"b"), TracePacket(3_000, b"c")]
    assert (call.down, call.left_out) == ([], 1)


def test_what_cannot_be_sent_as_it_was_is_left_out_and_counted() -> None:
    call = of((0, True, b"a"), (1_000, True, b""), (2_000, False, bytes(MAX_PAYLOAD_BYTES + 1)))

    assert (len(call.up), len(call.down), call.left_out) == (1, 0, 2)


def test_what_the_capture_cut_off_is_filled_to_its_size() -> None:
    """The same each time, and not with zeros."""
    stamped = [(0, True, rtp(1, b"ssrc", random.Random(1))[:20], 92)]
    call, again = (shaped("capture", ENDS, stamped, None) for _ in range(2))

    assert call == again
    assert (len(call.up[0].payload), call.filled) == (92, 1)
    assert call.up[0].payload[:20] == stamped[0][2]
    assert call.up[0].payload[20:] != bytes(72)


def test_a_part_is_the_beginning() -> None:
    call = of(*((n * SECOND // 2, n % 2 == 0, b"x") for n in range(10)), duration_s=2.0)

    assert [one.offset_ns for one in call.up] == [0, SECOND]
    assert [one.offset_ns for one in call.down] == [SECOND // 2, 3 * SECOND // 2]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (of((0, False, b"x")), "--flow 198.51.100.77:3478-10.0.0.5:50001 plays the other half"),
        (of((0, True, b"x"), (int((MAX_DURATION_S + 1) * SECOND), False, b"x")), "lasts longer than 90 s"),
        (of(*((n, True, b"x") for n in range(MAX_PACKETS + 1))), "more than 20000 packets"),
    ],
)
def test_what_is_too_long_to_be_played_is_one_sentence(call: Recorded, sentence: str) -> None:
    with pytest.raises(ReplayFileError, match=sentence) as caught:
        make_trace(call, PATH, exact=True)
    assert str(caught.value).startswith("call.pcap: ")
    if "--flow" not in sentence:
        assert "--media-duration-s" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "flow"),
    [
        ("10.0.0.5:50001-198.51.100.77:3478", ENDS),
        ("[2001:db8::1]:5-[::2]:6", Flow(("2001:db8::1", 5), ("::2", 6))),
    ],
)
def test_a_flow_is_two_ends(text: str, flow: Flow) -> None:
    assert parse_flow(text) == flow


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "10.0.0.5-1.1.1.1",
        "10.0.0.5:1",
        "1.2.3.4:5-6",
        "::1:5-::2:6",
        "1.2.3.4:99999-1.2.3.4:5",
        "a:1-b:2",
    ],
)
def test_what_is_no_flow_is_one_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT-HOST:PORT"):
        parse_flow(text)


@pytest.mark.parametrize(("size", "medium"), [(172, "voice"), (900, "video")])
def test_medium_is_told_by_the_rate(size: int, medium: str) -> None:
    call = of(*((n * 20 * MS, n % 2 == 0, bytes(size)) for n in range(200)))

    assert call.medium == medium


@pytest.mark.peer("shared")
def test_calls_of_real_captures_are_scrubbed_and_stay_what_they_are(shared: Path) -> None:
    """No address of an end is left in any packet, and each has its size and kind as before."""
    calls = 0
    for path in sorted((shared / "captures").glob("*.pcap*")):
        try:
            call = read_capture(path, None, 60.0)
            scrubbed, exact = (make_trace(call, path, exact=one).trace for one in (False, True))
        except ReplayFileError:
            continue
        calls += 1
        for before, after in ((exact.up, scrubbed.up), (exact.down, scrubbed.down)):
            pairs = list(zip(before.payloads or (), after.payloads or (), strict=True))
            assert all(len(one) == len(other) for one, other in pairs)
            assert [kind_of(one) for one, _ in pairs] == [kind_of(other) for _, other in pairs], path
            assert not any(find_addresses(other, [host for host, _ in call.ends]) for _, other in pairs), path
    assert calls >= 20
