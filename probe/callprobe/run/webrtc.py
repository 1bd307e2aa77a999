"""The ``webrtc`` arm of a run: one aiortc call over WHIP, and its record from both ends."""

import importlib
from typing import Final, NamedTuple

import httpx
import msgspec

from callprobe.media.session import WHIP_PATH, FlowView
from callprobe.net.contract import Net, NetError
from callprobe.net.exchange import ExchangeError, decoded, exchange
from callprobe.nettest.call import arrivals_up, quantile_ms, sent_down
from callprobe.run.assemble import Joined, Packets, Seen, arm_keys
from callprobe.run.session import MAX_RECORD_BYTES, TIMEOUT_S, Session
from callprobe.run.soundness import Due, is_sound_call
from callresults.failure import Failure
from callresults.metrics.summary import Arrival, MetricOptions, SentPacket, direction_metrics
from callresults.nettests.call import CallKeys
from callresults.nettests.common import LocalConditions
from callresults.observation import Stage

DIALECT: Final = "webrtc-aiortc"
OPTIONS: Final = MetricOptions(ptime_ms=20.0, playout_ms=60.0)


class WebrtcOutcome(NamedTuple):
    """What both ends saw of the call; ``view`` is None when the far end's record never came."""

    signalling: Stage
    """The exchange of offer and answer, which is the second half of ``session_open``."""
    stages: tuple[Stage, ...]
    sent: list[SentPacket]
    received: list[Arrival]
    sizes_up: dict[int, int]
    sizes_down: dict[int, int]
    late_ns: list[int]
    kernel_timestamps: bool
    local_drops: int
    view: FlowView | None


def warm_up() -> None:
    """Import aiortc before anything is timed: it takes a third of a second, in which nothing else runs."""
    importlib.import_module("callprobe.rtc.caller")


async def run_webrtc(
    net: Net, session: Session, *, duration_s: float, origin_ns: int, interface: str | None
) -> WebrtcOutcome:
    """Make the call; whatever the network does is in the outcome."""
    from callprobe.rtc.caller import (
        call,
    )  # after ``warm_up``: volunteers who make no such call do not wait for it
    from callprobe.rtc.opus import packets_in

    base = f"{session.url.text}{WHIP_PATH}/{session.grant.session_id}"
    transport = net.http()
    try:
        result = await call(
            base,
            transport,
            responder_host=session.host,
            port_shift=session.port_shift,
            media_duration_s=duration_s,
            now_ns=net.now_ns,
            start_ns=origin_ns,
            interface=interface,
        )
        due = Due(up=len(result.sent), down=packets_in(duration_s))
        view = await fetch_view(base, transport, due)
    finally:
        await transport.aclose()
    due_ns = dict(zip((packet.sequence for packet in result.sent), result.due_ns, strict=False))
    return WebrtcOutcome(
        signalling=result.signalling,
        stages=_both_ways(result.stages, view),
        sent=[SentPacket(packet.sequence, packet.at_ns) for packet in result.sent],
        received=[Arrival(packet.sequence, packet.at_ns) for packet in result.received],
        sizes_up={packet.sequence: packet.size_bytes for packet in result.sent},
        sizes_down={packet.sequence: packet.size_bytes for packet in result.received},
        late_ns=[
            packet.at_ns - due_ns[packet.sequence] for packet in result.sent if packet.sequence in due_ns
        ],
        kernel_timestamps=result.kernel_timestamps,
        local_drops=result.local_drops + result.send_errors,
        view=view,
    )


async def fetch_view(base: str, transport: httpx.AsyncBaseTransport, due: Due) -> FlowView | None:
    """Return the far end's record of the call at ``base``; None when it cannot be had or cannot be true."""
    client = httpx.AsyncClient(transport=transport, trust_env=False, timeout=TIMEOUT_S)
    try:
        reply = await exchange(
            client, "GET", f"{base}/record", deadline_s=TIMEOUT_S, max_bytes=MAX_RECORD_BYTES
        )
    except (ExchangeError, NetError):
        return None
    view = decoded(reply.body, FlowView) if reply.status == httpx.codes.OK else None
    return view if view and is_sound_call(view, due) else None


def webrtc_keys(outcome: WebrtcOutcome, joined: Joined, udp_open: Stage | None) -> CallKeys:
    """Return the keys of the ``webrtc`` arm."""
    view = outcome.view
    up_arrivals = None if view is None else arrivals_up(view)
    down_sent = None if view is None else sent_down(view)
    packets = Packets(
        sent_up=outcome.sent,
        arrived_up=up_arrivals,
        sent_down=down_sent,
        arrived_down=outcome.received,
        planned_down=[SentPacket(sequence, at_ns) for sequence, at_ns in outcome.received],
        sizes_up=outcome.sizes_up,
        sizes_down=outcome.sizes_down,
    )
    seen = Seen(
        up=None if up_arrivals is None else direction_metrics(outcome.sent, up_arrivals, OPTIONS),
        down=None if down_sent is None else direction_metrics(down_sent, outcome.received, OPTIONS),
        packets=packets,
        view=view,
        local=_local(outcome),
    )
    below = (*_signalled(joined.before, outcome.signalling), *(() if udp_open is None else (udp_open,)))
    return arm_keys(joined, "webrtc", DIALECT, below + outcome.stages, seen)


def _signalled(before: tuple[Stage, ...], signalling: Stage) -> tuple[Stage, ...]:
    """Return the rungs below the flows with ``session_open`` lasting until the call is signalled."""
    return tuple(
        msgspec.structs.replace(stage, t=signalling.t, outcome=signalling.outcome, failure=signalling.failure)
        if stage.name == signalling.name
        else stage
        for stage in before
    )


def _local(outcome: WebrtcOutcome) -> LocalConditions:
    late_ns = sorted(outcome.late_ns)
    return LocalConditions(
        kernel_timestamps=outcome.kernel_timestamps,
        local_drops_packets=outcome.local_drops,
        send_late_ms_p50=quantile_ms(late_ns, 0.50),
        send_late_ms_p99=quantile_ms(late_ns, 0.99),
    )


def _both_ways(stages: tuple[Stage, ...], view: FlowView | None) -> tuple[Stage, ...]:
    """Let the rung of the first packet say no when the far end is known to have heard nothing."""
    if view is None or view.received_sequence:
        return stages
    return tuple(
        msgspec.structs.replace(stage, outcome="failed", failure=Failure.MEDIA_NEVER_ARRIVED)
        if stage.name == "media_first_packet" and stage.outcome == "ok"
        else stage
        for stage in stages
    )
