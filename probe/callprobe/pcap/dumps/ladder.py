"""The ladder of a browser's call: which rung was reached when, by what the browser noted.

ICE and DTLS are timed by events, media by the looks that the dump took at its statistics, about one a second.
"""

from collections.abc import Sequence
from typing import Final

from callresults.failure import Failure
from callresults.nettests.browser import BrowserCall, BrowserTrack, IceState
from callresults.observation import Stage, StageName

PATIENCE_S: Final = 5.0
"""A connection that was given less than this for its next rung was ended by people, not by the network."""
_UP: Final[frozenset[IceState]] = frozenset({"connected", "completed"})
_LOST: Final[frozenset[IceState]] = frozenset({"disconnected", "failed"})
_LATER: Final[tuple[StageName, ...]] = ("dtls_handshake", "media_first_packet", "media_hold")


def ladder(call: BrowserCall) -> tuple[Stage, ...]:
    """Return the rungs; none for a connection that never looked for a way, or whose events have no times."""
    stages = [ice] if (ice := _ice(call)) else []
    steps = (_dtls, _first_packet, _hold) if stages else ()
    for name, step in zip(_LATER, steps, strict=False):
        before = stages[-1]
        if before.outcome == "ok":
            stage = step(call, before.t)
            if stage is None:
                break  # Nothing was to be received.
            stages.append(stage)
        else:
            t = before.t
            stages.append(Stage(name=name, t0=t, t=t, outcome="not_reached", failure=before.failure))
    return tuple(stages)


def inbound(call: BrowserCall) -> list[BrowserTrack]:
    """Return the tracks that the browser was to receive, audio and video."""
    return [track for track in call.tracks if track.direction == "inbound"]


def last_state(call: BrowserCall) -> IceState | None:
    """Return the last ICE state but for the closing, which says nothing of the network."""
    return next((change.state for change in reversed(call.ice_states) if change.state != "closed"), None)


def _ice(call: BrowserCall) -> Stage | None:
    timed = [(change.at_s, change.state) for change in call.ice_states if change.at_s is not None]
    begun = next((at_s for at_s, state in timed if state == "checking" or state in _UP), None)
    if begun is None:
        return None
    attempts = call.pair.requests_sent or 0 if call.pair else 0
    settled = next(((at_s, state) for at_s, state in timed if state in _UP or state == "failed"), None)
    if settled is not None and settled[1] in _UP:
        trip_s = call.pair.current_round_trip_time if call.pair else None
        return Stage(
            name="ice_connectivity",
            t0=begun,
            t=settled[0],
            outcome="ok",
            attempts=attempts,
            rtt_ms=None if trip_s is None else round(trip_s * 1000, 3),
        )
    closed = next((at_s for at_s, state in timed if state == "closed"), call.duration_s)
    end, failure = (settled[0], Failure.ICE_FAILED) if settled else (max(closed, begun), Failure.INTERRUPTED)
    return _failed("ice_connectivity", begun, end, failure, attempts)


def _dtls(call: BrowserCall, t0: float) -> Stage:
    connected = [
        change.at_s
        for change in call.connection_states
        if change.state == "connected" and change.at_s is not None
    ]
    if not connected and call.transport and call.transport.dtls_connected_s is not None:
        connected = [call.transport.dtls_connected_s]
    if connected:
        return Stage(name="dtls_handshake", t0=t0, t=max(t0, connected[0]), outcome="ok")
    failed = [change for change in call.connection_states if change.state == "failed"]
    if failed and last_state(call) in _UP:
        return _failed("dtls_handshake", t0, failed[0].at_s or call.duration_s, Failure.UNKNOWN)
    waited = call.duration_s - t0 >= PATIENCE_S
    return _failed(
        "dtls_handshake", t0, call.duration_s, Failure.DTLS_TIMEOUT if waited else Failure.INTERRUPTED
    )


def _first_packet(call: BrowserCall, t0: float) -> Stage | None:
    tracks = inbound(call)
    if not tracks:
        return None
    if any(track.packets_received for track in tracks):
        return Stage(name="media_first_packet", t0=t0, t=max(t0, _first_s(tracks, t0)), outcome="ok")
    waited = call.duration_s - t0 >= PATIENCE_S
    return _failed(
        "media_first_packet",
        t0,
        call.duration_s,
        Failure.MEDIA_NEVER_ARRIVED if waited else Failure.INTERRUPTED,
    )


def _first_s(tracks: Sequence[BrowserTrack], otherwise_s: float) -> float:
    looks = [sample.at_s for track in tracks for sample in track.samples if sample.packets]
    return min(looks, default=otherwise_s)


def _hold(call: BrowserCall, t0: float) -> Stage:
    if last_state(call) not in _LOST:
        return Stage(name="media_hold", t0=t0, t=max(t0, call.duration_s), outcome="ok")
    since_s = call.duration_s
    for change in reversed(call.ice_states):
        if change.state in _UP:
            break
        since_s = since_s if change.at_s is None else min(since_s, change.at_s)
    return _failed("media_hold", t0, since_s, Failure.MEDIA_STALLED)


def _failed(name: StageName, t0: float, t: float, failure: Failure, attempts: int = 0) -> Stage:
    return Stage(name=name, t0=t0, t=max(t0, t), outcome="failed", failure=failure, attempts=attempts)
