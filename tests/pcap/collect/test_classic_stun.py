"""STUN of RFC 3489."""

from callprobe.pcap.collect.classic_stun import TYPES, ClassicCounts, ClassicTable
from callprobe.pcap.packets import UdpDatagram
from callprobe.wire import ms_turn, stun
from helpers.exchanged import down, up


def classic(kind: int, transaction: int) -> bytes:
    return kind.to_bytes(2, "big") + bytes(2) + transaction.to_bytes(16, "big")


def counted(*datagrams: UdpDatagram) -> ClassicCounts:
    table = ClassicTable()
    for datagram in datagrams:
        table.add(datagram, stun.read_classic(datagram.payload))
    return table.counts()


def test_an_answer_belongs_to_its_transaction() -> None:
    found = counted(
        up(0, classic(1, 1)), up(100, classic(1, 1)), up(200, classic(1, 2)), down(230, classic(0x0101, 1))
    )

    assert (found.messages, found.transactions, found.answered, found.retransmitted) == (4, 2, 1, 1)
    assert found.by_type == {"0x0001": 3, "0x0101": 1}


def test_a_second_answer_and_one_that_nobody_asked_for_answer_nothing() -> None:
    found = counted(
        up(0, classic(1, 1)),
        down(9, classic(0x0101, 1)),
        down(10, classic(0x0111, 1)),
        down(11, classic(0x0101, 7)),
    )

    assert (found.transactions, found.answered) == (1, 1)


def test_microsoft_s_data_indication_asks_and_answers_nothing() -> None:
    found = counted(down(0, classic(ms_turn.DATA_INDICATION, 1)))

    assert ms_turn.DATA_INDICATION in TYPES
    assert (found.messages, found.transactions, found.answered) == (1, 0, 0)
