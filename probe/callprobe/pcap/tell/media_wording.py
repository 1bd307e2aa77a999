"""Puts a side's media into words: how much, how much of it was lost, and in what manner."""

from typing import TYPE_CHECKING, Final

from callprobe.pcap.tell.media_stages import STALL_S, way
from callprobe.pcap.tell.wording import count, length, milliseconds, say, share

if TYPE_CHECKING:
    from callprobe.pcap.streams.rtp_streams import RtpStream
    from callprobe.pcap.tell.sides import Side

_TOLD_SILENCE_S: Final = 0.3
"""Shorter silences are not worth a word here, and longer ones than a call bears get a line of their own."""


def side_text(side: "Side") -> str:
    """Return one sentence on a side of a call's media."""
    said = {"way": way(side), "packets": count(side.packets, "packet"), "length": length(side.lasted_s)}
    if not side.streams:
        return say("side-opaque", **said)
    extras = "".join(f", {extra}" for extra in _extras(side))
    return say("side", lost=loss_text(side.streams), extras=extras, **said)


def loss_text(streams: "tuple[RtpStream, ...]") -> str:
    """Return how much of some streams was lost, and whether in bursts or one by one."""
    lost, expected = sum(stream.lost for stream in streams), sum(stream.expected for stream in streams)
    if lost <= 0:
        return say("none-lost")
    bursts = burst_text(streams[0]) if len(streams) == 1 else ""
    return say("lost", lost=lost, expected=expected, ratio=share(lost / max(expected, 1)), bursts=bursts)


def burst_text(stream: "RtpStream") -> str:
    """Return whether a stream's losses came one by one, in a row, or in bursts (RFC 3611)."""
    bursts = stream.bursts
    if stream.lost <= 1:
        return ""
    if bursts.loss_run_packets_max <= 1:
        return say("scattered")
    if not bursts.bursts:
        return say("runs", most=bursts.loss_run_packets_max)
    return say("bursts", bursts=count(bursts.bursts, "burst"), most=bursts.loss_run_packets_max)


def mos_text(stream: "RtpStream") -> str | None:
    """Return the path index of a stream, a range where its codec is not known; None without a model."""
    if stream.mos_cq is None:
        return None
    low, high = (
        stream.mos_cq if bound is None else bound for bound in (stream.mos_cq_low, stream.mos_cq_high)
    )
    least, most = f"{low:.1f}", f"{high:.1f}"
    return least if least == most else say("mos-span", low=least, high=most)


def _extras(side: "Side") -> list[str]:
    busiest = side.streams[0]
    extras = []
    if side.silence is not None and _TOLD_SILENCE_S <= side.silence.length_s <= STALL_S:
        extras.append(say("silence", silence=length(side.silence.length_s)))
    if busiest.jitter_ms is not None:
        extras.append(say("jitter", jitter=milliseconds(busiest.jitter_ms.mean)))
    reordered = sum(stream.reordered for stream in side.streams)
    if reordered:
        extras.append(say("late", count=reordered))
    copies = sum(stream.duplicates for stream in side.streams)
    if copies:
        extras.append(say("copies", count=copies))
    anew = sum(stream.segments - 1 for stream in side.streams)
    if anew > 0:
        extras.append(say("anew", times=count(anew, "time")))
    rated = max((s for s in side.streams if s.mos_cq is not None), key=lambda s: s.packets, default=None)
    mos = mos_text(rated) if rated is not None else None
    return [*extras, say("mos", mos=mos)] if mos else extras
