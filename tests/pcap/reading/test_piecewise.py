"""The bytes of a capture in one buffer."""

import gzip
from pathlib import Path

import pytest

from callprobe.pcap.reading.piecewise import Piecewise
from callprobe.pcap.reading.read import open_capture
from helpers.rtp_captures import Sent, pcap, written

DATA = pcap([Sent(number, bytes([number]) * 50) for number in range(100)])
BODY = DATA[24:]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("piece_bytes", [1, 33, 1 << 16])
def test_all_bytes_pass_whatever_is_left_over(tmp_path: Path, piece_bytes: int, *, packed: bool) -> None:
    """What was not taken stays at hand, at the offset where it lies."""
    path = written(tmp_path, gzip.compress(DATA) if packed else DATA)
    passed = b""
    with open_capture(path) as capture, Piecewise(path, capture, piece_bytes) as pieces:
        while pieces.fill():
            assert pieces.offset == 24 + len(passed)
            taken = max(len(pieces) - 5, 0)
            passed += bytes(pieces.view[:taken])
            pieces.advance(taken)
        rest, offset = bytes(pieces.view), pieces.rest()

    assert passed + rest == BODY
    assert offset == 24 + len(passed)


def test_nothing_left_is_whole(tmp_path: Path) -> None:
    """The end has no offset when all was taken."""
    path = written(tmp_path, DATA)
    with open_capture(path) as capture, Piecewise(path, capture, 64) as pieces:
        while pieces.fill():
            pieces.advance(len(pieces))

        assert pieces.rest() is None


@pytest.mark.parametrize(("beyond", "rest"), [(0, None), (1, 24)])
def test_more_than_is_at_hand_can_be_skipped(tmp_path: Path, beyond: int, rest: int | None) -> None:
    """To the last byte it is whole; where the file ends within, the offset is where it began."""
    path = written(tmp_path, DATA)
    with open_capture(path) as capture, Piecewise(path, capture, 64) as pieces:
        assert pieces.fill()
        pieces.advance(len(BODY) + beyond)

        assert not pieces.fill()
        assert pieces.rest() == rest


def test_skipping_ends_where_it_should(tmp_path: Path) -> None:
    """The next bytes are those behind."""
    path = written(tmp_path, DATA)
    with open_capture(path) as capture, Piecewise(path, capture, 64) as pieces:
        assert pieces.fill()
        pieces.advance(1000)

        assert pieces.fill()
        assert (pieces.offset, bytes(pieces.view)) == (1024, BODY[1000 : 1000 + len(pieces)])


def test_damaged_packing_is_a_break(tmp_path: Path) -> None:
    """What could not be unpacked is missing at the end of what could."""
    path = written(tmp_path, gzip.compress(DATA)[:-9])
    with open_capture(path) as capture, Piecewise(path, capture, 1 << 16) as pieces:
        while pieces.fill():
            pieces.advance(len(pieces))

        assert pieces.rest() == len(DATA)
