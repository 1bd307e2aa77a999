"""A recorded call as something that can be run: its trace, the looks made of it, the question it asks."""

from pathlib import Path
from typing import Final, Literal, NamedTuple

import httpx

from callprobe.dialect.registry import ControlNature, Looks
from callprobe.dialect.replay_look import PREFIXES
from callprobe.dialect.trace import Trace
from callprobe.media.session import TRACES_PATH, TraceOffer
from callprobe.net.contract import Net, NetError
from callprobe.net.exchange import ExchangeError, decoded, exchange, reason
from callprobe.pcap.replays.trace import Flow, Recorded, make_trace, read_capture
from callprobe.pcap.replays.wehe import is_wehe, read_wehe
from callprobe.run.session import ResponderUrl
from callprobe.scenario.model import CallArm, CallScenario

Control = Literal["both", "inverted", "random"]

ARMS: Final[tuple[CallArm, ...]] = ("shaped", "control", "aa")
NATURES: Final[dict[Control, dict[str, ControlNature]]] = {
    "both": {"control": "inverted", "aa": "random"},
    "inverted": {"control": "inverted", "aa": "inverted"},
    "random": {"control": "random", "aa": "random"},
}
"""What the two controls of a replay are."""
SERVICE: Final = "replay"
"""In the record: whose call it was is not claimed."""
SETUP_BYTES: Final = 8_000
"""The echo, and what is said over HTTP beside the trace; rounded up."""
IP_UDP_BYTES: Final = 28
AFTER_LAST_S: Final = 0.02
OFFER_DEADLINE_S: Final = 10.0
OFFER_BYTES: Final = 65_536
_NOT_FOUND: Final = frozenset({403, 404, 405})


class NoReplaysError(Exception):
    """The responder does not play this call; one sentence."""


class Replay(NamedTuple):
    """A recorded call, ready to be run."""

    recorded: Recorded
    trace: Trace
    changed_packets: int
    """Packets that were scrubbed."""
    looks: Looks
    scenario: CallScenario

    @property
    def bytes(self) -> int:
        """What a run sends in all arms and both directions, IP headers and the trace itself included."""
        halves = (self.trace.up, self.trace.down)
        media = sum(half.size + IP_UDP_BYTES * len(half.schedule) for half in halves)
        return len(ARMS) * media + len(self.trace.pack()) + SETUP_BYTES


def load_replay(
    path: Path, *, flow: Flow | None, duration_s: float | None, control: Control, exact: bool
) -> Replay:
    """Return the call in a capture or in a replay file of Wehe.

    Raises ``callprobe.pcap.replays.trace.ReplayFileError``.
    """
    read = read_wehe if is_wehe(path) else read_capture
    recorded = read(path, flow, duration_s)
    trace, changed_packets = make_trace(recorded, path, exact=exact)
    looks = Looks(
        trace,
        NATURES[control],
        version=version_of(recorded, exact=exact),
        capture_date=recorded.capture_date,
    )
    return Replay(recorded, trace, changed_packets, looks, scenario_of(trace, recorded))


def version_of(recorded: Recorded, *, exact: bool) -> str:
    """Return what stands in the record as the version of the look: how it was made of the recording."""
    how = [recorded.source, "exact" if exact else "scrubbed", *([] if recorded.down else ["up-only"])]
    return f"1+{'.'.join(how)}"


def scenario_of(trace: Trace, recorded: Recorded) -> CallScenario:
    """Return the question that a replay asks, in the form of a scenario; its digest is the trace's."""
    return CallScenario(
        id=f"{SERVICE}/{trace.digest[:12]}",
        digest=trace.digest,
        title="A recorded call beside its bytes made unrecognisable",
        service=SERVICE,
        medium=recorded.medium,
        dialect=PREFIXES["original"] + trace.digest,
        arms=ARMS,
        media_duration_s=trace.duration_s + AFTER_LAST_S,
        max_bytes=len(ARMS) * (trace.up.size + trace.down.size) + SETUP_BYTES,
    )


async def check_offer(net: Net, url: ResponderUrl, trace: Trace) -> None:
    """Ask a responder whether it would play a trace. One that does not answer is left to the run to report.

    Raises NoReplaysError.
    """
    offer = await _offer(net, url)
    if offer is None:
        return
    packets = max(len(trace.up.schedule), len(trace.down.schedule))
    size = len(trace.pack())
    if packets > offer.max_packets or trace.duration_s > offer.max_duration_s or size > offer.max_bytes:
        raise NoReplaysError(
            f"{url.text} replays at most {offer.max_duration_s:g} s, {offer.max_packets} packets and "
            f"{offer.max_bytes} bytes, and this call has {trace.duration_s:.1f} s, {packets} packets and "
            f"{size} bytes: give a shorter --media-duration-s"
        )


async def _offer(net: Net, url: ResponderUrl) -> TraceOffer | None:
    try:
        async with httpx.AsyncClient(transport=net.http(), base_url=url.text) as client:
            reply = await exchange(
                client, "GET", TRACES_PATH, deadline_s=OFFER_DEADLINE_S, max_bytes=OFFER_BYTES
            )
    except (ExchangeError, NetError):
        return None
    if reply.status in _NOT_FOUND:
        said = reason(reply) or f"HTTP status {reply.status}"
        raise NoReplaysError(f"{url.text} does not replay calls: {said}")
    return decoded(reply.body, TraceOffer) if reply.status == httpx.codes.OK else None
