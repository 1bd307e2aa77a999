"""Telegram's reflectors."""

from pathlib import Path

import pytest

from callprobe.pcap.collect import reflector
from callprobe.pcap.collect.reflector import ReflectorCounts
from callprobe.pcap.packets import Address, UdpDatagram, address_text
from helpers.exchanged import CLIENT, collected, collected_from, down, message, up, vendor_truth

REFLECTOR, OTHER = ("198.51.100.5", 597), ("198.51.100.6", 599)
TAG = bytes.fromhex("5cf39375beee0adbedeb3c096f7d66c8")
RUN = b"\xff" * 12
CONSTANT = bytes.fromhex("000000000000007b")


def ping(query_id: bytes = CONSTANT, tag: bytes = TAG) -> bytes:
    return tag + RUN + bytes.fromhex("feffffff") + query_id


def pong(query_id: bytes = CONSTANT, date_s: int = 0) -> bytes:
    return TAG + RUN + bytes.fromhex("c77215c0") + date_s.to_bytes(4, "little") + query_id + bytes(20)


def frame(payload: bytes) -> bytes:
    return TAG + b"from" + len(payload).to_bytes(4, "big") + payload + bytes(-len(payload) % 4)


def counted(*datagrams: UdpDatagram) -> ReflectorCounts:
    return collected(*datagrams).reflector(0)


def sent(at_ms: float, payload: bytes, to: Address = REFLECTOR) -> UdpDatagram:
    return up(at_ms, payload, to)


def came(at_ms: float, payload: bytes, by: Address = REFLECTOR) -> UdpDatagram:
    return down(at_ms, payload, by)


def test_pings_and_answers_are_paired_by_query_id() -> None:
    """Those of libtgvoip are random; answers out of order keep their round trips."""
    one, two = b"query--1", b"query--2"
    found = counted(sent(0, ping(one)), sent(500, ping(two)), came(530, pong(two)), came(560, pong(one)))

    assert (found.pings, found.answers, found.answered_ratio, found.constant_query_id) == (2, 2, 1.0, False)
    assert (found.rtt_ms.n, found.rtt_ms.min, found.rtt_ms.max) == (2, 30.0, 560.0)
    assert (found.first_s, found.last_s, found.first_answered_s, found.interval_ms) == (0.0, 0.5, 0.53, 500.0)


def test_a_constant_query_id_is_paired_in_order() -> None:
    """That of tgcalls v2: half a second each until the first answer, then ten seconds."""
    found = counted(
        sent(0, ping()), came(30, pong()), sent(10_000, ping()), came(10_040, pong()), came(10_050, pong())
    )

    assert (found.pings, found.answers, found.stray_answers, found.constant_query_id) == (2, 2, 1, True)
    assert (found.rtt_ms.min, found.rtt_ms.max) == (30.0, 40.0)


def test_an_answer_that_may_belong_to_several_pings_gives_no_round_trip() -> None:
    """Three pings wait; it is counted as answered, and that is all that is known."""
    found = counted(*(sent(500 * n, ping()) for n in range(3)), came(1030, pong()))

    assert (found.answers, found.rtt_ms.n) == (1, 0)


def test_pings_of_five_seconds_ago_are_lost_when_an_answer_comes() -> None:
    found = counted(sent(0, ping()), sent(10_000, ping()), came(10_040, pong()))

    assert (found.answers, found.rtt_ms.max) == (1, 40.0)


def test_a_reflector_that_never_answers_is_told() -> None:
    """The look of a blocked call: 40 bytes every half second, never answered."""
    found = counted(*(sent(500 * n, ping()) for n in range(20)))

    assert (found.pings, found.answers, found.answered_ratio, found.interval_ms) == (20, 0, 0.0, 500.0)
    assert (found.first_answered_s, found.rtt_ms.median, found.last_s) == (None, None, 9.5)


def test_each_socket_and_reflector_is_a_path() -> None:
    found = counted(sent(0, ping()), sent(1, ping(), OTHER), came(31, pong(), OTHER), sent(500, ping()))
    first, second = found.reflectors

    assert found.ports == (597, 599)
    assert (first.client, first.reflector) == (address_text(CLIENT), address_text(REFLECTOR))
    assert (first.pings, first.answers, first.interval_ms) == (2, 0, 500.0)
    assert (second.pings, second.answers, second.rtt_ms.max, second.interval_ms) == (1, 1, 30.0, None)


def test_the_reflector_s_clock_is_told_to_half_a_second() -> None:
    (path,) = counted(sent(100_000, ping()), came(100_030, pong(date_s=103))).reflectors

    assert path.clock_offset_s == 3.5


def test_frames_are_counted_by_their_way() -> None:
    """Also where the ping was not captured, if a reflector's port is at one end."""
    (path,) = counted(sent(0, frame(b"abc")), came(9, frame(b"abcd")), came(10, frame(b"abcd"))).reflectors

    assert (path.frames_up, path.frames_down) == (1, 2)
    assert counted(up(0, frame(b"abc"), ("198.51.100.5", 4000))).frames == 0


def test_libtgvoip_s_data_carries_the_tag_and_whole_blocks() -> None:
    data = TAG + bytes(16) + bytes(32)
    found = counted(
        sent(0, data), sent(1, ping()), sent(2, data), came(3, data), sent(4, data + b"x"), sent(5, bytes(64))
    )

    assert found.tagged == 2
    assert (found.reflectors[0].tagged_up, found.reflectors[0].tagged_down) == (1, 1)


def test_peer_information_is_asked_and_told() -> None:
    found = counted(
        sent(0, TAG + RUN + b"\xff" * 4),
        came(30, TAG + RUN + bytes.fromhex("1c37d927") + bytes(16)),
        came(31, TAG + RUN + bytes.fromhex("b173fc83") + bytes(40)),
    )

    assert (found.peer_info_requests, found.peer_info_answers) == (1, 2)


def test_what_is_no_reflector_s_leaves_no_trace() -> None:
    found = counted(up(0, message(1, 1)), up(1, bytes(40)), up(2, TAG + RUN + bytes(12)), up(3, b""))

    assert (found.pings, found.reflectors, found.constant_query_id) == (0, (), None)


def test_a_list_that_is_full_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reflector, "PATH_LIMIT", 2)
    found = counted(*(sent(n, ping(), ("198.51.100.5", 590 + n)) for n in range(5)))

    assert (found.pings, len(found.reflectors), found.dropped) == (5, 2, 3)


@pytest.mark.peer("shared")
@pytest.mark.parametrize(
    ("name", "generation"),
    [("telegram.pcap", "libtgvoip"), ("ndpid_heads_telegram_voice.pcap", "tgcalls v2")],
)
def test_reflectors_are_those_of_the_truth(shared: Path, name: str, generation: str) -> None:
    """Pings, answers and round trips by reflector; data and peer information by number."""
    collector, origin_ns = collected_from(shared / "captures" / name)
    found, truth = collector.reflector(origin_ns), vendor_truth(shared, name)
    expected = truth["reflector_pings"]
    rtt_ms: dict[str, list[float | None]] = {}
    for path in found.reflectors:
        rtt_ms.setdefault(path.reflector, []).extend([path.rtt_ms.min, path.rtt_ms.max])

    assert (found.pings, found.answers, found.stray_answers) == (expected["sent"], expected["answered"], 0)
    for place, spans in expected["rtt_ms_by_reflector"].items():
        told = [span for span in rtt_ms[place] if span is not None]
        assert (min(told), max(told)) == pytest.approx((spans["min"], spans["max"]), abs=0.002)
    assert found.peer_info_requests == len(truth["peer_info"]["requests"])
    assert found.peer_info_answers == len(truth["peer_info"]["replies"])
    assert found.frames == sum(item["framed_v2"] for item in truth["relayed_data"])
    assert found.constant_query_id is (generation == "tgcalls v2")


@pytest.mark.peer("shared")
def test_all_data_of_the_reflectors_of_2020_is_tagged(shared: Path) -> None:
    collector, origin_ns = collected_from(shared / "captures" / "telegram.pcap")
    relayed = vendor_truth(shared, "telegram.pcap")["relayed_data"]

    assert collector.reflector(origin_ns).tagged == sum(item["pkts"] for item in relayed)
