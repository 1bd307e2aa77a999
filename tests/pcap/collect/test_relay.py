"""WhatsApp's relays."""

from pathlib import Path

import pytest

from callprobe.pcap.collect import relay
from callprobe.pcap.collect.relay import Relay, RelayPings
from callprobe.pcap.packets import UdpDatagram, address_text
from callprobe.wire import stun
from helpers.exchanged import CLIENT, SERVER, collected, collected_from, down, message, up, vendor_truth

TOKEN = (0x4000, bytes(102))
OTHER_RELAY = ("198.51.100.7", 3478)


def relays(*datagrams: UdpDatagram) -> tuple[Relay, ...]:
    return collected(*datagrams).relays(0)


def pings(*datagrams: UdpDatagram) -> RelayPings:
    return collected(*datagrams).relay_pings(0)


def allocated(transaction: int, server_ms: int) -> bytes:
    return message(
        0x0103, transaction, (stun.XOR_MAPPED_ADDRESS, bytes(8)), (0x4002, server_ms.to_bytes(8, "big"))
    )


def test_copies_of_an_allocation_are_paired_in_order() -> None:
    """Both copies are sent and both are answered."""
    (found,) = relays(
        up(0, message(0x0003, 1, TOKEN)),
        up(1, message(0x0003, 1, TOKEN)),
        down(50, allocated(1, 0)),
        down(52, allocated(1, 0)),
    )

    assert (found.client, found.relay) == (address_text(CLIENT), address_text(SERVER))
    assert (found.allocations, found.second_copies, found.answered) == (2, 0, 2)
    assert (found.rtt_ms.min, found.rtt_ms.max, found.first_answered_s) == (50.0, 51.0, 0.05)
    assert (found.allocation_sizes, found.answer_sizes) == ((128,), (44,))


def test_second_copies_of_2015_carry_their_token_elsewhere() -> None:
    (found,) = relays(up(0, message(0x0003, 1, TOKEN)), up(1, message(0x0003, 1, (0x4001, bytes(102)))))

    assert (found.allocations, found.second_copies, found.answered) == (2, 1, 0)


def test_a_turn_allocation_is_no_relay_s() -> None:
    assert relays(up(0, message(0x0003, 1, (0x0019, bytes(4))))) == ()


def test_the_relay_s_clock_is_told_by_the_quickest_answer() -> None:
    """Its milliseconds less the capture's at half the round trip: 1000 - (20 - 10) ms."""
    (found,) = relays(
        up(0, message(0x0003, 1, TOKEN)),
        down(20, allocated(1, 1010)),
        up(100, message(0x0003, 2, TOKEN)),
        down(400, allocated(2, 9999)),
    )

    assert found.clock_offset_ms == 1000.0


def test_subscriptions_tell_the_senders_in_clear() -> None:
    subscription = (0x0022, bytes.fromhex("031b9f01ee") + bytes(11))
    (found,) = relays(up(0, message(0x0003, 1, TOKEN, subscription, (0x0022, b"\x02"))))

    assert found.subscribed_ssrcs == ("0x1b9f01ee",)


def test_health_and_the_end_are_told_of_known_relays_only() -> None:
    (found,) = relays(
        up(0, b"health", OTHER_RELAY),
        up(0, message(0x0003, 1, TOKEN)),
        up(10, b"health"),
        down(20, b"OK"),
        up(99, message(0x0800, 2, TOKEN)),
        up(100, message(0x0800, 2, TOKEN)),
    )

    assert (found.health_s, found.ok_s, found.ended_s) == (0.01, 0.02, 0.099)


def test_pings_are_paired_though_their_answers_look_like_requests() -> None:
    """0x0802 answers 0x0801; the bare ones tell the rhythm."""
    found = pings(
        up(0, message(0x0801, 1)),
        down(7, message(0x0802, 1)),
        up(3000, message(0x0801, 2)),
        down(3009, message(0x0802, 2)),
        up(6000, message(0x0801, 3)),
    )

    assert (found.requests, found.answers, found.interval_ms) == (3, 2, 3000.0)
    assert (found.rtt_ms.min, found.rtt_ms.median, found.rtt_ms.max) == (7.0, 8.0, 9.0)
    assert found.series == ((0.0, 7.0), (3.0, 9.0))


def test_pings_of_one_id_are_paired_by_what_they_carry() -> None:
    """As in 2019: 30 pings of one id, told apart by 0x4003; what carries none is answered in order."""
    found = pings(
        up(0, message(0x0801, 1, (0x4003, b"a"))),
        up(10, message(0x0801, 1, (0x4003, b"b"))),
        up(20, message(0x0801, 1, (0x4003, b"c"))),
        down(30, message(0x0802, 1, (0x4003, b"b"))),
        down(40, message(0x0802, 1, (0x4003, b"x"))),
        down(50, message(0x0802, 1)),
    )

    assert found.series == ((0.01, 20.0), (0.0, 50.0))
    assert (found.requests, found.answers) == (3, 2)


def test_a_padded_ping_longer_than_it_says_is_a_ping() -> None:
    """500 bytes of which the header admits less (stun_wa_call.pcapng)."""
    padded = message(0x0801, 1, (0x4003, b"\xff")) + bytes(400)
    found = pings(up(0, padded), down(8, message(0x0802, 1, (0x4003, b"\xff"))))

    assert (found.requests, found.answers, found.interval_ms) == (1, 1, None)


def test_probes_and_the_end_are_counted_apart() -> None:
    found = pings(
        up(0, message(0x0804, 1)),
        down(7, message(0x0805, 1)),
        up(8, message(0x0804, 2)),
        up(9, message(0x0800, 3)),
    )

    assert (found.requests, found.probes, found.probe_answers, found.probe_rtt_ms.max) == (0, 2, 1, 7.0)
    assert (found.call_ends, found.ended_s) == (1, 0.009)


def test_nothing_answered_has_no_round_trip() -> None:
    """Null, not zero; and an answer that nobody asked for is none."""
    found = pings(up(0, message(0x0801, 1)), down(7, message(0x0802, 2)))

    assert (found.answers, found.rtt_ms.median, found.series) == (0, None, ())


def test_lists_that_are_full_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "SERIES_LIMIT", 1)
    monkeypatch.setattr(relay, "RELAY_LIMIT", 2)
    datagrams = [
        datagram
        for n in range(3)
        for datagram in (
            up(n, message(0x0801, n), ("198.51.100.2", 1000 + n)),
            down(n + 5, message(0x0802, n), ("198.51.100.2", 1000 + n)),
        )
    ]
    found = pings(*datagrams)

    assert (found.requests, found.answers, len(found.series), found.unlisted) == (3, 2, 1, 1)
    assert len(relays(*datagrams)) == 2


@pytest.mark.peer("shared")
@pytest.mark.parametrize(
    "name", ["stun_wa_call.pcapng", "whatsapp_login_call.pcap", "wissamnd_whatsappCall.pcapng"]
)
def test_allocations_are_those_of_the_truth(shared: Path, name: str) -> None:
    """Per relay: sent, answered, sizes, quickest and slowest answer."""
    collector, origin_ns = collected_from(shared / "captures" / name)
    found = {
        (item.client, item.relay): (
            item.allocations,
            item.answered,
            list(item.allocation_sizes),
            list(item.answer_sizes),
            pytest.approx(item.rtt_ms.min, abs=0.002),
            pytest.approx(item.rtt_ms.max, abs=0.002),
        )
        for item in collector.relays(origin_ns)
    }
    expected = {
        (item["client"], item["relay"]): (
            item["sent"],
            item["answered"],
            item["lens"],
            item["resp_lens"],
            item["rtt_ms"]["min"],
            item["rtt_ms"]["max"],
        )
        for item in vendor_truth(shared, name)["allocate"]
    }

    assert expected == found


@pytest.mark.peer("shared")
@pytest.mark.parametrize(
    "name", ["stun_wa_call.pcapng", "whatsapp_login_call.pcap", "wissamnd_whatsappCall.pcapng"]
)
def test_pings_and_ends_are_those_of_the_truth(shared: Path, name: str) -> None:
    collector, origin_ns = collected_from(shared / "captures" / name)
    found, truth = collector.relay_pings(origin_ns), vendor_truth(shared, name)
    expected = [item["rtt_ms"] for item in truth["pings"]["pairs"] if item["type"] == "0x0801"]

    assert (found.requests, found.answers) == (len(expected), len(expected))
    assert [rtt_ms for _, rtt_ms in found.series] == pytest.approx(expected, abs=0.002)
    assert found.probe_answers == len(truth["pings"]["pairs"]) - len(expected)
    assert found.call_ends == len(truth["call_end_0800"])


@pytest.mark.peer("shared")
def test_the_chosen_relay_of_2020_was_asked_for_its_health(shared: Path) -> None:
    collector, origin_ns = collected_from(shared / "captures" / "wissamnd_whatsappCall.pcapng")
    asked = [item for item in collector.relays(origin_ns) if item.health_s is not None]

    assert [(item.relay, item.pings) for item in asked] == [("157.240.20.51:3478", 0)]
    assert (asked[0].ok_s or 0) - (asked[0].health_s or 0) == pytest.approx(0.089, abs=0.001)


@pytest.mark.peer("shared")
def test_the_relays_of_2023_agree_on_the_time(shared: Path) -> None:
    """The capture's clock was some 5 ms late, by all five relays."""
    collector, origin_ns = collected_from(shared / "captures" / "stun_wa_call.pcapng")

    assert all(0 < (item.clock_offset_ms or 0) < 8 for item in collector.relays(origin_ns))
