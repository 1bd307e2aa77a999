"""What a browser's dump says, in sentences that a person understands."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from callprobe.pcap.dumps.ladder import ladder
from callprobe.pcap.dumps.model import Connection, Dump
from callprobe.pcap.tell.wording import length, milliseconds, share
from callresults.failure import Failure
from callresults.nettests.browser import BrowserCall, BrowserPair, BrowserTrack
from callresults.observation import Stage

_FORMATS: Final = {"webrtc-internals": "webrtc-internals", "rtcstats": "an RTCStatsDump"}
_MOST_TRACKS: Final = 6
_DTLS_VERSIONS: Final = {"FEFF": "1.0", "FEFD": "1.2", "FEFC": "1.3"}


def story(dump: Dump) -> tuple[str, ...]:
    """Return the sentences, one screen for a call or two."""
    return tuple(_lines(dump))


def _lines(dump: Dump) -> Iterator[str]:
    yield f"{_count(len(dump.connections), 'connection')} in {_FORMATS[dump.format]} of {_browser(dump)}."
    if dump.broken_at_line is not None:
        yield f"The file breaks at line {dump.broken_at_line}; what comes after is not counted."
    if dump.connections_left_out:
        yield f"{dump.connections_left_out} more connections are left out."
    for number, connection in enumerate(dump.connections, start=1):
        yield from _connection(number, connection)


def _browser(dump: Dump) -> str:
    name = "an unnamed browser" if dump.browser.name == "other" else dump.browser.name.capitalize()
    return name if dump.browser.version is None else f"{name} {dump.browser.version}"


def _connection(number: int, connection: Connection) -> Iterator[str]:
    call = connection.call
    place = " with a page of this machine itself" if connection.emulated else ""
    begin = f", from {moment_text(connection.start_ms)}" if connection.start_ms is not None else ""
    yield f"Connection {number} ({connection.service}){place}: {length(call.duration_s)}{begin}."
    stages = {stage.name: stage for stage in ladder(call)}
    yield _ice(call, stages.get("ice_connectivity"))
    if dtls := stages.get("dtls_handshake"):
        yield from _dtls(call, dtls)
    for track in call.tracks[:_MOST_TRACKS]:
        yield from _track(track)
    if len(call.tracks) > _MOST_TRACKS:
        yield f"  {len(call.tracks) - _MOST_TRACKS + call.tracks_left_out} more tracks."
    if first := stages.get("media_first_packet"):
        yield from _media(first)
    if hold := stages.get("media_hold"):
        yield from _held(hold)


def moment_text(at_ms: float) -> str:
    """Return milliseconds since 1970 as UTC to the minute."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def _ice(call: BrowserCall, stage: Stage | None) -> str:
    if stage is None and call.ice_states:
        states = ", ".join(change.state for change in call.ice_states)
        return f"  ICE: {states}; when, the dump does not say."
    if stage is None:
        return "  It never looked for a way to the far end."
    if stage.outcome == "ok":
        return f"  ICE found a way after {_soon(stage.t - stage.t0)}{_way(call.pair)}."
    checks = _checks(call.pair)
    if stage.failure == Failure.INTERRUPTED:
        return f"  ICE looked for a way for {length(stage.t - stage.t0)} and was ended without one{checks}."
    return f"  ICE failed after {length(stage.t - stage.t0)}: no way to the far end{checks}."


def _way(pair: BrowserPair | None) -> str:
    if pair is None:
        return ""
    kinds = f" ({pair.local_candidate_type or '?'} to {pair.remote_candidate_type or '?'}"
    relay = f", relay by {pair.relay_protocol}" if pair.relay_protocol else ""
    trip_s = pair.current_round_trip_time
    return f"{kinds}{relay})" + ("" if trip_s is None else f", round trip {milliseconds(trip_s * 1000)}")


def _checks(pair: BrowserPair | None) -> str:
    if pair is None or pair.requests_sent is None:
        return ""
    return f" ({_count(pair.requests_sent, 'check')}, {pair.responses_received or 0} answered)"


def _dtls(call: BrowserCall, stage: Stage) -> Iterator[str]:
    if stage.outcome == "ok":
        version = _DTLS_VERSIONS.get(call.transport.tls_version or "") if call.transport else None
        named = f"DTLS {version}" if version else "DTLS"
        yield f"  {named} was there {_soon(stage.t - stage.t0)} later."
    elif stage.outcome == "failed":
        ending = "was ended" if stage.failure == Failure.INTERRUPTED else "failed"
        yield f"  DTLS {ending} after {length(stage.t - stage.t0)}."


def _track(track: BrowserTrack) -> Iterator[str]:
    name = f"{(track.kind or 'media').capitalize()}" + (f" ({track.mime_type})" if track.mime_type else "")
    if track.direction == "inbound" and track.packets_received is not None:
        yield f"  {name} received: {_received(track)}."
    elif track.packets_sent is not None:
        yield f"  {name} sent: {_sent(track)}."


def _received(track: BrowserTrack) -> str:
    received, lost = track.packets_received or 0, track.packets_lost or 0
    parts = [_count(received, "packet")]
    if track.packets_lost is not None and received + lost > 0:
        parts.append(f"{lost} lost ({share(max(0.0, lost / (received + lost)))})")
    if track.jitter is not None:
        parts.append(f"jitter {milliseconds(track.jitter * 1000)}")
    if track.total_samples_received and track.concealed_samples is not None:
        parts.append(f"{share(track.concealed_samples / track.total_samples_received)} of the sound made up")
    if track.freeze_count:
        parts.append(
            f"{_count(track.freeze_count, 'freeze')} of {length(track.total_freezes_duration or 0.0)}"
        )
    return ", ".join(parts)


def _sent(track: BrowserTrack) -> str:
    parts = [_count(track.packets_sent or 0, "packet")]
    far = track.remote_inbound
    if far is None or far.packets_lost is None:
        return ", ".join([*parts, "of which the far end told nothing"])
    parts.append(f"{far.packets_lost} lost by the far end's count")
    if far.round_trip_time is not None:
        parts.append(f"round trip {milliseconds(far.round_trip_time * 1000)}")
    return ", ".join(parts)


def _media(stage: Stage) -> Iterator[str]:
    if stage.failure == Failure.MEDIA_NEVER_ARRIVED:
        yield f"  Nothing of the far end's media arrived in {length(stage.t - stage.t0)}."


def _held(stage: Stage) -> Iterator[str]:
    if stage.outcome == "failed":
        yield f"  The way was lost after {length(stage.t)} and did not come back."


def _soon(seconds: float) -> str:
    return milliseconds(seconds * 1000) if seconds < 1 else length(seconds)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
