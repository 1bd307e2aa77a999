"""STUN by transaction."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from callprobe.pcap.collect import transactions
from callprobe.pcap.collect.transactions import StunCounts, StunTransaction
from callprobe.pcap.packets import UdpDatagram
from callprobe.wire import ms_turn, stun
from helpers.exchanged import (
    CLIENT,
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

REQUEST, RESPONSE = stun.BINDING_REQUEST, stun.BINDING_RESPONSE
OTHER_SERVER = ("198.51.100.3", 3478)
CLASSIC = bytes.fromhex("0001 0000") + bytes(range(16))
CLASSIC_ANSWER = bytes.fromhex("0101 0000") + bytes(range(16))


def stun_of(*datagrams: UdpDatagram) -> StunCounts:
    return collected(*datagrams).stun(0)


def listed(*datagrams: UdpDatagram) -> tuple[StunTransaction, ...]:
    return collected(*datagrams).transactions(0)


def sums(counts: StunCounts) -> tuple[int, int, int, int]:
    """Return (messages, transactions, answered, retransmitted)."""
    return counts.messages, counts.transactions, counts.answered, counts.retransmitted


def test_an_answer_belongs_to_its_transaction() -> None:
    found = stun_of(up(0, message(REQUEST, 1)), up(1, message(REQUEST, 2)), down(9, message(RESPONSE, 2)))

    assert sums(found) == (3, 2, 1, 0)
    assert found.unanswered == 1
    assert found.by_type == {"0x0001": 2, "0x0101": 1}


def test_copies_of_a_request_are_one_transaction_however_many() -> None:
    """Retransmitted is the transaction, not the copy; later answers change nothing."""
    copies = [up(250 * n, message(REQUEST, 1)) for n in range(4)]
    found = stun_of(*copies, down(800, message(RESPONSE, 1)), down(801, message(RESPONSE, 1)))

    assert sums(found) == (6, 1, 1, 1)


def test_one_id_at_two_servers_is_two_transactions() -> None:
    """An answer from elsewhere answers neither."""
    found = stun_of(
        up(0, message(REQUEST, 1)),
        up(0, message(REQUEST, 1), OTHER_SERVER),
        down(9, message(RESPONSE, 1), ("198.51.100.4", 3478)),
    )

    assert sums(found) == (3, 2, 0, 0)


def test_round_trips_are_told_from_the_first_and_from_the_last_request() -> None:
    (found,) = listed(
        up(0, message(REQUEST, 1)),
        up(250, message(REQUEST, 1)),
        down(280, message(RESPONSE, 1)),
        up(500, message(REQUEST, 1)),
    )

    assert (found.rtt_ms, found.rtt_last_ms, found.requests, found.answers) == (280.0, 30.0, 3, 1)
    assert (found.first_s, found.last_request_s, found.answered_s) == (0.0, 0.25, 0.28)


def test_indications_and_whatsapp_s_farewell_ask_for_nothing() -> None:
    found = stun_of(up(0, message(0x0016, 1, peer_attribute(1))), up(1, message(0x0800, 2)))

    assert sums(found) == (2, 0, 0, 0)


def test_types_whose_class_bits_lie_are_known() -> None:
    """0x0802 and 0x0805 answer, GOOG-PING's 0x0300 does by its bits."""
    found = stun_of(
        up(0, message(0x0801, 1)),
        down(7, message(0x0802, 1)),
        up(10, message(0x0804, 2)),
        down(17, message(0x0805, 2)),
        up(20, message(0x0200, 3)),
        down(27, message(0x0300, 3)),
    )

    assert sums(found) == (6, 3, 3, 0)


def test_errors_count_by_the_code_of_the_first_answer() -> None:
    found = stun_of(
        up(0, message(0x0003, 1)),
        down(9, error(0x0113, 1, 401, (stun.REALM, b"example.org"), (stun.SOFTWARE, b"None"))),
        up(10, message(REQUEST, 2)),
        down(12, message(RESPONSE, 2)),
        down(13, error(0x0111, 2, 400)),
    )

    assert (found.errors, found.realms, found.software) == ({"401": 1}, {"example.org": 1}, {"None": 1})


def test_a_user_name_is_told_by_its_shape_only() -> None:
    collector = collected(up(0, message(REQUEST, 1, (stun.USERNAME, b"KCnk:czvd"))))
    counts, (transaction,) = collector.stun(0), collector.transactions(0)

    assert counts.username_shapes == {"4:4": 1}
    assert transaction.username_shape == "4:4"
    assert "KCnk" not in repr((counts, transaction))


def test_microsoft_s_realm_has_a_number_of_its_own() -> None:
    """Its REALM and NONCE are RFC 8656's the other way round; its cookie attribute tells."""
    cookie = (ms_turn.MAGIC_COOKIE_ATTRIBUTE, ms_turn.MAGIC_COOKIE)
    found = stun_of(up(0, message(0x0003, 1, cookie, (0x0014, b"a nonce"), (0x0015, b"example.org"))))

    assert found.realms == {"example.org": 1}


@pytest.mark.parametrize(
    ("ids", "kinds"),
    [
        ([b"abcdEFGH+/09", b"0123456789ab"], {"printable": 2}),
        ([bytes([0x80] * 11 + [n]) for n in (7, 8, 9)], {"other": 1, "counter": 2}),
        ([bytes([0x80] * 11 + [7]), bytes([0x90] * 12)], {"other": 2}),
    ],
)
def test_transaction_ids_are_of_three_kinds(ids: list[bytes], kinds: dict[str, int]) -> None:
    requests = [up(n, stun.binding_request(transaction_id)) for n, transaction_id in enumerate(ids)]

    assert stun_of(*requests).transaction_ids == kinds


def test_a_wrong_fingerprint_is_noticed() -> None:
    right = stun.add_fingerprint(message(REQUEST, 1))
    wrong = right[:-1] + bytes([right[-1] ^ 1])

    assert (
        stun_of(up(0, right), up(1, right + b"more"), up(2, wrong), up(3, right[:-4])).fingerprints_wrong == 1
    )


def test_what_lies_in_channel_data_is_counted_but_is_no_transaction_of_the_datagrams() -> None:
    collector = collected(
        up(0, channel(message(REQUEST, 1))),
        down(9, channel(message(RESPONSE, 1))),
        up(20, message(REQUEST, 2)),
    )
    counts = collector.stun(0)

    assert sums(counts) == (3, 1, 0, 0)
    assert counts.encapsulations == {"turn-channel": 2, "plain": 1}
    assert [(t.encapsulation, t.rtt_ms) for t in collector.transactions(0)] == [
        ("turn-channel", 9.0),
        ("plain", None),
    ]


def test_what_lies_in_an_indication_is_counted_apart() -> None:
    data = message(0x0016, 1, peer_attribute(1), (stun.DATA, message(REQUEST, 2)))
    found = stun_of(up(0, data))

    assert (found.by_type, found.in_indications) == ({"0x0016": 1}, 1)


def test_an_answer_may_come_back_in_another_wrapping() -> None:
    """As with MS-TURN; the transaction of the datagrams stays unanswered."""
    collector = collected(up(0, message(REQUEST, 1)), down(9, channel(message(RESPONSE, 1))))
    (transaction,) = collector.transactions(0)

    assert collector.stun(0).answered == 0
    assert (transaction.answered_s, transaction.answer_encapsulation) == (0.009, "turn-channel")


def test_an_answer_in_the_datagrams_own_way_still_answers_after_a_wrapped_one() -> None:
    collector = collected(
        up(0, message(REQUEST, 1)), down(9, channel(message(RESPONSE, 1))), down(20, message(RESPONSE, 1))
    )
    (transaction,) = collector.transactions(0)

    assert collector.stun(0).answered == 1
    assert (transaction.answered_s, transaction.answer_encapsulation, transaction.answers) == (
        0.02,
        "plain",
        2,
    )


def test_an_answer_before_its_request_has_no_round_trip() -> None:
    """A capture may hold packets out of order."""
    (transaction,) = listed(down(0, message(RESPONSE, 1)), up(9, message(REQUEST, 1)))

    assert (transaction.answered_s, transaction.rtt_ms, transaction.rtt_last_ms) == (0.0, None, None)


def test_stun_over_tcp_is_counted_apart() -> None:
    collector = collected(up(0, message(REQUEST, 1)), down(9, message(RESPONSE, 1)), transport="tcp")

    assert collector.stun(0).messages == 0
    assert sums(collector.stun_tcp(0)) == (2, 1, 1, 0)
    assert [transaction.transport for transaction in collector.transactions(0)] == ["tcp"]


def test_stun_of_rfc_3489_is_counted_apart() -> None:
    found = stun_of(up(0, CLASSIC), up(100, CLASSIC), down(130, CLASSIC_ANSWER), down(131, CLASSIC_ANSWER))

    assert found.messages == 0
    assert found.classic.by_type == {"0x0001": 2, "0x0101": 2}
    assert (found.classic.transactions, found.classic.answered, found.classic.retransmitted) == (1, 1, 1)


def test_a_list_that_is_full_says_what_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "LISTED_LIMIT", 3)
    collector = collected(*(up(n, message(REQUEST, n)) for n in range(5)))

    assert (collector.stun(0).transactions, collector.stun(0).dropped) == (5, 2)
    assert len(collector.transactions(0)) == 3


def test_nothing_seen_is_nothing_told() -> None:
    """Null, not zero."""
    found = stun_of()

    assert (found.first_s, found.last_s, found.rtt_ms) == (None, None, {})


def test_addresses_and_sizes_are_those_of_the_datagrams() -> None:
    (found,) = listed(up(0, message(REQUEST, 1)), down(9, message(RESPONSE, 1, (0x4002, bytes(8)))))

    assert (found.client, found.server) == (f"{CLIENT[0]}:{CLIENT[1]}", f"{SERVER[0]}:{SERVER[1]}")
    assert (found.request_size, found.answer_size) == (20, 32)
    assert found.answer_attributes == ("0x4002",)


MISREAD_BY_TRUTH = "teams_full.pcap"
"""There the truth pads attributes that Teams does not pad, and so finds attribute types that nobody sends."""


@pytest.mark.peer("shared")
def test_counts_are_those_of_the_truth(shared: Path) -> None:
    unlike = []
    for truth in truths(shared):
        raw, name = truth["stun_raw"], truth["file"]
        found = collected_from(shared / "captures" / name)[0].stun(0)
        expected = {
            "messages": raw["messages"],
            "transactions": raw["requests"],
            "answered": raw["answered"],
            "unanswered": raw["unanswered"],
            "retransmitted": raw["retransmitted"],
            "errors": raw["error_answers"],
            "by_type": {kind.split()[0]: count for kind, count in raw["by_type"].items()},
            "attributes": found.attributes if name == MISREAD_BY_TRUTH else raw["attributes"],
        }
        unlike += [(name, key) for key, value in expected.items() if getattr(found, key) != value]

    assert unlike == []


class Row(NamedTuple):
    """What is compared of a transaction."""

    client: str
    server: str
    kind: str
    first_s: float
    requests: int
    answer_kind: str
    rtt_ms: float
    rtt_last_ms: float


@pytest.mark.peer("shared")
def test_every_transaction_is_that_of_the_truth(shared: Path) -> None:
    """Who asked whom, how often, what came back, and both round trips to two microseconds."""
    unlike: list[object] = []
    for truth in truths(shared):
        collector, origin_ns = collected_from(shared / "captures" / truth["file"])
        found = sorted(
            ours(item) for item in collector.transactions(origin_ns) if item.encapsulation == "plain"
        )
        expected = sorted(theirs(item) for item in truth["stun_raw"]["transactions"] if asks(item))
        unlike += [(truth["file"], a, b) for a, b in zip(found, expected, strict=False) if not alike(a, b)]
        unlike += [truth["file"]] if len(found) != len(expected) else []

    assert unlike == []


def asks(item: dict[str, Any]) -> bool:
    return bool(item["req_frames"]) and not item.get("indication") and item["req_type"] != "0x0800"


def ours(item: StunTransaction) -> Row:
    return Row(
        item.client,
        item.server,
        item.kind,
        item.first_s,
        item.requests,
        "" if item.answer_encapsulation != "plain" else item.answer_kind or "",
        0.0 if item.answer_encapsulation != "plain" else item.rtt_ms or 0.0,
        0.0 if item.answer_encapsulation != "plain" else item.rtt_last_ms or 0.0,
    )


def theirs(item: dict[str, Any]) -> Row:
    return Row(
        bracketed(item["src"]),
        bracketed(item["dst"]),
        item["req_type"],
        item["req_t"][0],
        len(item["req_frames"]),
        item["resp_type"] or "",
        item.get("rtt_from_first_req_ms") or 0.0,
        item.get("rtt_from_last_req_ms") or 0.0,
    )


def bracketed(address: str) -> str:
    host, _, port = address.rpartition(":")
    return f"[{host}]:{port}" if ":" in host else address


def alike(a: Row, b: Row) -> bool:
    return a[:3] == b[:3] and a[4:6] == b[4:6] and (a[3], *a[6:]) == pytest.approx((b[3], *b[6:]), abs=2e-3)
