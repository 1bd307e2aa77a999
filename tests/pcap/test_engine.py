"""One pass over a capture, in three tiers that must tell the same to the last digit."""

import gzip
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callprobe.pcap import engine
from callprobe.pcap.engine import Tier, TierError
from callprobe.pcap.packets import IcmpQuote, TcpSegment, UdpDatagram
from callprobe.pcap.reading.read import CaptureError, CaptureFile
from callprobe.pcap.streams import kernel
from callprobe.pcap.write import udp_packet
from helpers.frames import ipv4, tcp
from helpers.rtp_captures import (
    BASE_S,
    LINKS,
    MS,
    Call,
    Recorder,
    Sent,
    block,
    ethernet,
    merged,
    pcap,
    pcapng,
    play,
    rtp,
    written,
)

A, B = ("192.0.2.1", 5000), ("198.51.100.2", 6000)
NOON_NS = BASE_S * 1_000_000_000
TIERS = [pytest.param("numpy"), pytest.param("c", marks=pytest.mark.peer("cc"))]
ALL_TIERS = [pytest.param("python"), *TIERS]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home in which the kernel was built, if there is a compiler."""
    folder = tmp_path_factory.mktemp("home-with-kernel")
    if kernel.compiler() is not None:
        kernel.build(folder / "cache")
    return folder


@pytest.fixture(autouse=True)
def at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the engine find that kernel."""
    monkeypatch.setenv("CALLPROBE_HOME", str(home))
    return


def told(path: Path, tier: Tier | None) -> dict[str, Any]:
    """Return everything that a tier tells of a capture."""
    sink = Recorder()
    found = engine.run(path, sink, tier)
    origin_ns = found.origin_ns or 0
    return {
        **found._asdict(),
        "streams": found.streams.streams(origin_ns),
        "flows": found.flows.stats(origin_ns),
        "left_out": (found.streams.packets_left_out, found.flows.packets_left_out),
        "sink": sink.taken,
        "tier": None,
    }


def assert_same(path: Path, tier: Tier) -> None:
    """Compare a tier with plain Python, figure by figure."""
    expected, found = told(path, "python"), told(path, tier)
    for what, value in expected.items():
        assert found[what] == value, what


def chance(draw: random.Random) -> list[bytes]:
    """Return datagrams that are no stream: random sources, random bytes, nothing."""
    payloads = [bytes([0x80 | draw.randrange(64)]) + draw.randbytes(draw.randrange(40)) for _ in range(60)]
    return [*payloads, *(draw.randbytes(draw.randrange(60)) for _ in range(30)), b"", rtp(1, 1)[:12]]


CALLS = st.builds(
    Call,
    packets=st.sampled_from([9, 10, 40, 400]),
    sequence=st.integers(0, 65_535),
    timestamp=st.sampled_from([0, 0xFFFF0000, 123]),
    step=st.sampled_from([0, 160, 960, 3000, 20_000]),
    gap_ns=st.sampled_from([0, 20 * MS, 60 * MS, 1300 * MS]),
    frame_packets=st.sampled_from([1, 1, 4]),
    loss=st.sampled_from([0.0, 0.03, 0.3, 0.9]),
    copies=st.sampled_from([0.0, 0.02, 0.3]),
    late=st.sampled_from([0.0, 0.03, 0.2]),
    restarts=st.sampled_from([0.0, 0.0, 0.01, 0.2]),
    strays=st.sampled_from([0.0, 0.0, 0.01, 0.3]),
    payload_type=st.sampled_from([0, 34, 96, 111]),
    profile=st.sampled_from([None, 0xBEDE]),
)


@st.composite
def captures(draw: st.DrawFn) -> bytes:
    """Draw the bytes of a capture: several streams, noise, any format, perhaps cut or damaged."""
    rng = random.Random(draw(st.integers(0, 1 << 32)))
    streams = []
    for number, call in enumerate(draw(st.lists(CALLS, min_size=1, max_size=5))):
        host = "2001:db8::1" if draw(st.booleans()) else "192.0.2.1"
        far = ("2001:db8::2" if ":" in host else "198.51.100.2", 6000)
        ssrc, start_ns = rng.choice([0, 7, 8]), NOON_NS + rng.randrange(10**10)
        near = (host, rng.choice([5000 + number, 5000, 2152]))
        streams.append((near, far, play(call, rng.randrange(1 << 30), ssrc=ssrc, start_ns=start_ns)))
    streams.append((A, B, [(NOON_NS + rng.randrange(10**10), payload) for payload in chance(rng)]))
    link_type = draw(st.sampled_from([1, 1, *LINKS]))
    frames = merged(streams, LINKS[link_type])
    if draw(st.booleans()):
        frames = [
            frame
            if rng.random() > 0.1
            else frame._replace(data=frame.data[: rng.randrange(len(frame.data))], wire_size=len(frame.data))
            for frame in frames
        ]
    if draw(st.booleans()):
        frames = [
            frame._replace(epoch_ns=frame.epoch_ns - rng.choice([0] * 9 + [rng.randrange(10**10)]))
            for frame in frames
        ]
    order = draw(st.sampled_from(["<", ">"]))
    if draw(st.booleans()):
        data = pcap(frames, link_type=link_type, byte_order=order, nanoseconds=draw(st.booleans()))
    else:
        resolution = draw(st.sampled_from([3, 6, 9, 0x80 | 20, 0x80 | 30]))
        data = pcapng(frames, link_type=link_type, byte_order=order, resolution=resolution)
    damaged = bytearray(data)
    for _ in range(draw(st.sampled_from([0, 0, 3, 30]))):
        damaged[rng.randrange(24, len(data))] = rng.randrange(256)
    return bytes(damaged[: draw(st.sampled_from([len(data), len(data), rng.randrange(24, len(data))]))])


@pytest.mark.parametrize("tier", TIERS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=captures())
def test_tiers_tell_the_same(tmp_path: Path, tier: Tier, data: bytes) -> None:
    """Every figure of every stream and flow, every packet handed on, and where the file breaks."""
    assert_same(written(tmp_path, data), tier)


@pytest.mark.peer("shared")
@pytest.mark.parametrize("tier", TIERS)
def test_tiers_tell_the_same_of_real_captures(shared: Path, tier: Tier) -> None:
    """Over all shared captures."""
    for path in sorted((shared / "captures").glob("*.pcap*")):
        assert_same(path, tier)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("streams", [1, 60, 700])
def test_tiers_tell_the_same_of_long_captures(tmp_path: Path, tier: Tier, streams: int) -> None:
    """One stream over several rounds of numbers, and many at a time, over several pieces of the file."""
    packets = 70_000 if streams == 1 else 20_000 // streams
    played = [
        ((f"10.0.{number >> 8}.{number & 255}", 5000), B, play(Call(packets=packets), number, ssrc=number))
        for number in range(streams)
    ]
    assert_same(written(tmp_path, pcap(merged(played, LINKS[1]))), tier)


@pytest.mark.parametrize("tier", TIERS)
def test_tiers_bound_the_same(tmp_path: Path, tier: Tier) -> None:
    """More sources than are kept on probation, and more streams than are kept at all."""
    draw = random.Random(4)
    packets = [(number, rtp(draw.randrange(4), 0, draw.randrange(5000))) for number in range(12_000)]
    packets += [(20_000 + 10 * ssrc + n, rtp(n, n, 10_000 + ssrc)) for ssrc in range(4200) for n in range(11)]
    frames = merged([(A, B, [(NOON_NS + at_us * 1000, payload) for at_us, payload in packets])])
    assert_same(written(tmp_path, pcap(frames)), tier)


@pytest.mark.parametrize("tier", ALL_TIERS)
def test_rest_is_handed_on_in_order(tmp_path: Path, tier: Tier) -> None:
    """RTP is settled; datagrams, segments and quotations come in the order of the file, numbered as there."""
    plain = udp_packet(A, B, b"one"), ipv4(6, tcp(b"two")), udp_packet(A, B, b"four")
    quote = ipv4(1, bytes([3, 3, 0, 0, 0, 0, 0, 0]) + udp_packet(A, B, b"three"))
    packets = [plain[0], udp_packet(A, B, rtp(1, 1)), plain[1], ipv4(6, tcp(b"")), quote, plain[2]]
    frames = [Sent(NOON_NS + number, ethernet(packet)) for number, packet in enumerate(packets)]
    sink = Recorder()
    found = engine.run(written(tmp_path, pcap(frames, nanoseconds=True)), sink, tier)

    assert [(type(item), item.frame, item.epoch_ns - NOON_NS) for item in sink.taken] == [
        (UdpDatagram, 1, 0),
        (TcpSegment, 3, 2),
        (IcmpQuote, 5, 4),
        (UdpDatagram, 6, 5),
    ]
    assert (found.frames, found.udp_datagrams, found.link_types) == (6, 3, {"Ether": 6})
    assert (found.origin_ns, found.first_ns, found.last_ns) == (NOON_NS, NOON_NS, NOON_NS + 5)
    assert found.tier == tier


def first_fragment(packet: bytes) -> list[bytes]:
    """Return an IPv4 packet in two fragments."""
    body = packet[20:]
    cut = len(body) // 16 * 8
    return [ipv4(17, body[:cut], fragment=0x2000), ipv4(17, body[cut:], fragment=cut // 8)]


def in_mpls(packet: bytes) -> list[bytes]:
    """Return an IP packet behind a label."""
    return [ethernet(packet)[:12] + b"\x88\x47" + b"\x00\x01\x01\x40" + packet]


@pytest.mark.parametrize("tier", ALL_TIERS)
@pytest.mark.parametrize("wrap", [lambda packet: list(map(ethernet, first_fragment(packet))), in_mpls])
def test_streams_join_whatever_they_came_in(
    tmp_path: Path, tier: Tier, wrap: Callable[[bytes], list[bytes]]
) -> None:
    """One stream half of whose packets need the dissector is one stream, in order."""
    frames = []
    for number in range(200):
        packet = udp_packet(A, B, rtp(number, 960 * number, size=200))
        parts = wrap(packet) if number % 2 else [ethernet(packet)]
        frames += [Sent(NOON_NS + number * 20 * MS, data) for data in parts]
    found = engine.run(written(tmp_path, pcap(frames)), Recorder(), tier)
    (stream,) = found.streams.streams(NOON_NS)

    assert (stream.packets, stream.lost, stream.reordered, found.udp_datagrams) == (200, 0, 0, 200)


@pytest.mark.parametrize("tier", TIERS)
def test_sections_interfaces_and_rare_blocks(tmp_path: Path, tier: Tier) -> None:
    """Sections in either byte order, interfaces with clocks of their own, simple and unknown blocks."""
    packets = [(NOON_NS + n * 20 * MS, rtp(n, 960 * n)) for n in range(40)]
    frames = merged([(A, B, packets)])
    simple = block(3, pack("<I", len(frames[0].data)) + frames[0].data)
    huge = block(0xBAD, bytes(3 << 20))
    odd = block(1, pack("<HHI", 1, 0, 0) + pack("<HHBxxxHH", 9, 1, 60, 0, 0))
    absurd = block(6, pack("<IIIII", 1, 1 << 31, 5, len(frames[0].data), 60) + frames[0].data)
    little = pcapng(frames[:20], resolution=6)
    data = little + simple + huge + odd + absurd + pcapng(frames[20:], byte_order=">", resolution=0x94)
    path = written(tmp_path, data)

    assert_same(path, tier)
    assert told(path, tier)["frames"] == 42 == sum(1 for _ in CaptureFile(path))


@pytest.mark.parametrize("tier", ALL_TIERS)
def test_packed_files_are_read(tmp_path: Path, tier: Tier) -> None:
    """As if they had never been packed, up to where they break."""
    data = pcap(merged([(A, B, play(Call(packets=500), 1, ssrc=7))]))
    whole, packed = told(written(tmp_path, data, "a"), tier), gzip.compress(data)

    assert told(written(tmp_path, packed, "b"), tier) == whole
    assert told(written(tmp_path, packed[: len(packed) // 2], "c"), tier)["truncated_at_offset"]


@pytest.mark.parametrize("tier", ALL_TIERS)
def test_empty_capture_has_no_time(tmp_path: Path, tier: Tier) -> None:
    """Nothing was seen at no time."""
    found = engine.run(written(tmp_path, pcap([])), Recorder(), tier)

    assert (found.frames, found.origin_ns, found.first_ns, found.last_ns) == (0, None, None, None)
    assert (found.streams.streams(0), found.flows.stats(0), found.truncated_at_offset) == ([], [], None)


@pytest.mark.parametrize("tier", ALL_TIERS)
def test_what_is_no_capture_is_said(tmp_path: Path, tier: Tier) -> None:
    """One sentence that names the file."""
    with pytest.raises(CaptureError, match="absent"):
        engine.run(tmp_path / "absent", Recorder(), tier)


def test_tier_that_is_not_to_be_had_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With how to get it; unasked, the engine takes another."""
    monkeypatch.setenv("CALLPROBE_HOME", str(tmp_path))
    path = written(tmp_path, pcap([]))

    with pytest.raises(TierError, match=r"kernel\.build"):
        engine.run(path, Recorder(), "c")
    assert engine.run(path, Recorder()).tier == "python"


def test_large_file_is_worth_starting_numpy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small one is read by then."""
    monkeypatch.setenv("CALLPROBE_HOME", str(tmp_path))
    small, large = written(tmp_path, b"", "small"), written(tmp_path, bytes(engine.SMALL_FILE_BYTES), "large")

    assert (engine.best_tier(small), engine.best_tier(large)) == ("python", "numpy")


@pytest.mark.peer("cc")
def test_built_kernel_is_preferred(tmp_path: Path) -> None:
    """It needs no start, so even for a small file."""
    assert engine.run(written(tmp_path, pcap([])), Recorder()).tier == "c"


def jitters(stream: Any) -> list[float]:
    """Return last, mean and highest jitter."""
    return [stream.jitter_ms.last, stream.jitter_ms.mean, stream.jitter_ms.max]


@pytest.mark.peer("shared")
@pytest.mark.parametrize("tier", ALL_TIERS)
def test_real_captures_agree_with_their_truth(shared: Path, tier: Tier) -> None:
    """Packets, losses, copies and order exactly, jitter within 1 % or 0.05 ms; nothing else is a stream."""
    compared = 0
    for path in sorted((shared / "captures" / "truth").glob("*.json")):
        truth = json.loads(path.read_text())
        capture = path.parents[1] / path.stem
        if "rtp_calc" not in truth or not capture.exists():
            continue
        found = engine.run(capture, Recorder(), tier)
        streams = {
            (stream.src, stream.dst, stream.ssrc): stream
            for stream in found.streams.streams(found.origin_ns or 0)
        }
        streams = {tuple(part.translate(_PLAIN) for part in key): item for key, item in streams.items()}
        assert found.udp_datagrams == truth["udp_packets"], path.name
        for wanted in truth["rtp_calc"]["streams"]:
            if wanted["encap"] != "plain" or wanted["pkts"] < 10:
                continue
            stream = streams.pop((wanted["src"], wanted["dst"], wanted["ssrc"]))
            compared += 1
            assert (stream.packets, stream.unique, stream.expected, stream.lost) == (
                wanted["pkts"],
                wanted["unique_seq"],
                wanted["expected"],
                wanted["lost"],
            )
            assert (stream.duplicates, stream.reordered) == (wanted["dup"], wanted["reordered"])
            if wanted["jitter_rfc3550_ms"]:
                assert stream.clock_rate_hz == wanted["clock_used"]
                expected = [wanted["jitter_rfc3550_ms"][key] for key in ("final", "mean", "max")]
                assert jitters(stream) == pytest.approx(expected, rel=0.01, abs=0.05)
        assert streams == {}, path.name

    assert compared >= 30


_PLAIN = str.maketrans("", "", "[]")
