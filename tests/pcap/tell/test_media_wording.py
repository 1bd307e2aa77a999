"""Media in words."""

from typing import Any

import pytest

from callprobe.pcap.streams.rtp_streams import Bursts, JitterMs, RtpStream, StreamSecond
from callprobe.pcap.tell.calls import calls
from callprobe.pcap.tell.media_wording import burst_text, loss_text, mos_text, side_text
from callprobe.pcap.tell.sides import sides
from helpers.findings import FAR, OWN, RELAY, blank, findings, flow, service, stream


def lossy(lost: int, bursts: int, most: int) -> RtpStream:
    pattern = blank(Bursts, bursts=bursts, loss_run_packets_max=most)
    return stream(RELAY, OWN, 0, 9.9, lost=lost, expected=500, bursts=pattern)


def said(**changes: Any) -> str:
    """Return what is told of the only side."""
    (call,) = calls(findings(**changes))
    (side,) = sides(call, ("192.168.0.2",))
    return side_text(side)


@pytest.mark.parametrize(
    ("lost", "bursts", "most", "says"),
    [
        (0, 0, 0, "none lost"),
        (1, 0, 1, "1 of 500 lost (0.2 %)"),
        (5, 0, 1, "5 of 500 lost (1.0 %, one by one)"),
        (6, 0, 3, "6 of 500 lost (1.2 %, up to 3 in a row)"),
        (60, 12, 9, "60 of 500 lost (12 %, 12 bursts, up to 9 in a row)"),
    ],
)
def test_losses_are_told_with_their_manner(lost: int, bursts: int, most: int, says: str) -> None:
    """One by one, in a row, in bursts."""
    assert loss_text((lossy(lost, bursts, most),)) == says


def test_losses_of_several_streams_are_added() -> None:
    """Their manners are not."""
    assert loss_text((lossy(10, 2, 5), lossy(10, 2, 5))) == "20 of 1000 lost (2.0 %)"
    assert burst_text(lossy(1, 0, 1)) == ""


def test_the_path_index_is_a_range() -> None:
    """One figure where the codec is known, none where no model fits."""
    rated = stream(RELAY, OWN, 0, 9.9, mos_cq=4.1, mos_cq_low=3.5, mos_cq_high=4.2)

    assert mos_text(rated) == "3.5 to 4.2"
    assert mos_text(stream(RELAY, OWN, 0, 9.9, mos_cq=3.0, mos_cq_low=3.0, mos_cq_high=3.0)) == "3.0"
    assert mos_text(stream(RELAY, OWN, 0, 9.9)) is None


def test_a_side_is_one_sentence() -> None:
    """All that matters, in the order in which it matters."""
    seconds = tuple(StreamSecond(second=n, received=50, lost=0, jitter_ms=None) for n in range(10))
    changes = {
        "max_gap_ms": 892.0,
        "jitter_ms": JitterMs(last=1, mean=14.2, max=30),
        "reordered": 3,
        "duplicates": 2,
        "segments": 2,
        "mos_cq": 4.0,
    }

    assert said(rtp=(stream(RELAY, OWN, 0, 9.9, seconds=seconds, **changes),)) == (
        "Media in: 500 packets in 9.9 s, none lost, longest silence 0.9 s, jitter 14 ms, 3 out of order, "
        "2 twice, began anew 1 time, path index 4.0"
    )


def test_opaque_media_tell_no_loss() -> None:
    """There is no number to see what is missing."""
    told = said(flows=(flow(FAR, OWN, 0, 20, 400),), service=service("telegram"))

    assert told == "Media in: 400 packets in 20.0 s, encrypted as a whole, so loss cannot be counted"
