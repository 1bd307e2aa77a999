"""Browsers' dumps of calls that never were: files in the shape of real ones, full of what must not leak.

``python tests/helpers/browser_dumps.py`` writes ``tests/data/dumps``.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

FOLDER: Final = Path(__file__).parents[1] / "data" / "dumps"
START_MS: Final = 1_786_000_123_456.0
"""2026-08-06 07:08:43 UTC; rounds to 07:05."""
OWN: Final = ("192.0.2.77", "2001:db8::77", "198.51.100.9")
"""Addresses of the person: on the own network, in IPv6, and as the far end sees it."""
SECRETS: Final = (
    *OWN,
    "203.0.113.200",
    "ada.example.org",
    "154f4766-df76-4da6-a2f8-d90079b1d9ad.local",
    "Ada's microphone",
    "ada-turn-user",
    "turn-password",
    "token=8d1f",
    "UPlx8tWTN2NmT5ExtYd9NyS8",
    "AB:CD:EF:01:23:45",
    "2744718061",
)
"""What every dump below holds, and nothing that is made of it may."""
USER_AGENT: Final = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0 Safari/537.36"
)
BRANDS: Final = [
    {"brand": "Google Chrome", "version": "149.0.7827.54"},
    {"brand": "Chromium", "version": "149.0.7827.54"},
    {"brand": "Not)A;Brand", "version": "24.0.0.0"},
]
_CANDIDATE: Final = (
    "candidate:2279476708 1 udp 2122260223 {address} {port} typ {kind} generation 0 ufrag llad"
)
_SDP: Final = (
    "v=0\r\no=- 4516545099266795429 2 IN IP4 192.0.2.77\r\ns=-\r\nt=0 0\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 192.0.2.77\r\n"
    "a=ice-ufrag:llad\r\na=ice-pwd:UPlx8tWTN2NmT5ExtYd9NyS8\r\n"
    "a=fingerprint:sha-256 AB:CD:EF:01:23:45\r\na=ssrc:2744718061 cname:ada.example.org\r\n"
)

Report = dict[str, dict[str, Any]]
"""One look at the statistics: objects by identity, each with ``type`` and figures."""


class Event(NamedTuple):
    """One call or event of the API."""

    after_s: float
    name: str
    value: Any


class Recording(NamedTuple):
    """A connection as the browser saw it."""

    page: str
    events: list[Event]
    reports: list[tuple[float, Report]]
    """Seconds after the start, and the look."""


def voice(
    *,
    page: str = "https://web.telegram.org/k/?token=8d1f#@ada.example.org",
    seconds: int = 12,
    lost_per_s: int = 2,
    fate: str = "connected",
    video: bool = False,
) -> Recording:
    """Return a call of 50 packets a second.

    Args:
        page: where it was made.
        seconds: how long its media lasted.
        lost_per_s: packets that never arrived, of those received.
        fate: ``connected``; ``failed``: no way was found in 15 s; ``gone``: the way was lost 2 s before the
            end; ``given-up``: people hung up after 3 s of looking; ``mute``: connected, and nothing came.
        video: with a video track each way.
    """
    events = [*_signalling(), Event(0.5, "oniceconnectionstatechange", "checking")]
    events.append(Event(0.5, "onconnectionstatechange", "connecting"))
    if fate == "failed":
        events += [Event(15.5, "oniceconnectionstatechange", "failed")]
        events += [Event(15.5, "onconnectionstatechange", "failed")]
        return Recording(page, events, [(float(at), _report(at, 0, used=False)) for at in range(1, 16)])
    if fate == "given-up":
        events += [Event(3.5, "oniceconnectionstatechange", "closed")]
        return Recording(page, events, [(float(at), _report(at, 0, used=False)) for at in range(1, 4)])
    events += [Event(0.75, "oniceconnectionstatechange", "connected")]
    events += [Event(0.9, "onconnectionstatechange", "connected")]
    if fate == "gone":
        events.append(Event(seconds - 2.0, "oniceconnectionstatechange", "disconnected"))
        events.append(Event(float(seconds), "oniceconnectionstatechange", "failed"))
    reports = [
        (float(at), _report(at, 0 if fate == "mute" else at - 1, lost=lost_per_s, video=video))
        for at in range(1, seconds + 1)
    ]
    return Recording(page, events, reports)


def _signalling() -> Iterator[Event]:
    yield Event(0.0, "createOffer", {"offerToReceiveAudio": True})
    yield Event(0.01, "createOfferOnSuccess", {"type": "offer", "sdp": _SDP})
    yield Event(0.02, "setLocalDescription", {"type": "offer", "sdp": _SDP})
    for address, kind in (
        ("154f4766-df76-4da6-a2f8-d90079b1d9ad.local", "host"),
        ("2001:db8::77", "host"),
        ("198.51.100.9", "srflx"),
        ("203.0.113.200", "relay"),
    ):
        text = _CANDIDATE.format(address=address, port=50123, kind=kind)
        yield Event(0.05, "onicecandidate", {"sdpMid": "0", "sdpMLineIndex": 0, "candidate": text})
    text = _CANDIDATE.format(address="203.0.113.200", port=3478, kind="relay")
    yield Event(0.4, "addIceCandidate", {"sdpMid": "0", "sdpMLineIndex": 0, "candidate": text})
    yield Event(0.45, "onicecandidateerror", {"address": "192.0.2.77", "url": "turn:ada.example.org"})


def _report(at: int, media_s: int, *, lost: int = 0, used: bool = True, video: bool = False) -> Report:
    """Return the look ``at`` seconds after the start, ``media_s`` of them with media."""
    got = media_s * (50 - lost)
    report: Report = {
        "T01": _transport(used=used),
        "CPa_b": _pair(at, used=used),
        "Ia": _candidate("local", "relay", "198.51.100.9") | {"relayProtocol": "udp"},
        "Ib": _candidate("remote", "srflx", "203.0.113.200"),
        "P": {"type": "peer-connection", "dataChannelsOpened": 0},
    }
    if not used:
        return report
    report |= {
        "CIT01_111": {"type": "codec", "mimeType": "audio/opus", "clockRate": 48000, "payloadType": 111},
        "IT01A2744718061": _received("audio", got, media_s * lost, size=80)
        | {"totalSamplesReceived": media_s * 48000, "concealedSamples": media_s * lost * 960},
        "OT01A1": _sent("audio", (at - 1) * 50, size=80),
        "RIA1": _told(at, "OT01A1"),
    }
    if video:
        report["CIT01_96"] = {"type": "codec", "mimeType": "video/VP8", "clockRate": 90000}
        frozen = {"framesDecoded": media_s * 25, "freezeCount": 1, "totalFreezesDuration": 0.4}
        report["IT01V2"] = _received("video", media_s * 90, 0, size=1000) | frozen | {"codecId": "CIT01_96"}
        report["OT01V3"] = _sent("video", (at - 1) * 90, size=1000) | {"codecId": "CIT01_96"}
    return report


def _transport(*, used: bool) -> dict[str, Any]:
    if not used:
        return {"type": "transport", "dtlsState": "new", "bytesReceived": 0}
    return {
        "type": "transport",
        "dtlsState": "connected",
        "selectedCandidatePairId": "CPa_b",
        "tlsVersion": "FEFD",
        "dtlsCipher": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "srtpCipher": "AES_CM_128_HMAC_SHA1_80",
        "iceLocalUsernameFragment": "ada-turn-user",
    }


def _pair(at: int, *, used: bool) -> dict[str, Any]:
    return {
        "type": "candidate-pair",
        "localCandidateId": "Ia",
        "remoteCandidateId": "Ib",
        "state": "succeeded" if used else "in-progress",
        "nominated": used,
        "requestsSent": 2 * at,
        "responsesReceived": 2 * at if used else 0,
        **({"currentRoundTripTime": 0.041} if used else {}),
    }


def _candidate(side: str, kind: str, address: str) -> dict[str, Any]:
    return {
        "type": f"{side}-candidate",
        "candidateType": kind,
        "protocol": "udp",
        "address": address,
        "ip": address,
        "port": 50123,
        "url": "turn:ada.example.org:3478",
    }


def _received(kind: str, packets: int, lost: int, size: int) -> dict[str, Any]:
    return {
        "type": "inbound-rtp",
        "kind": kind,
        "codecId": "CIT01_111",
        "ssrc": 2744718061,
        "trackIdentifier": "Ada's microphone",
        "packetsReceived": packets,
        "packetsLost": lost,
        "bytesReceived": packets * size,
        "jitter": 0.004 if packets else 0.0,
    }


def _sent(kind: str, packets: int, size: int) -> dict[str, Any]:
    return {
        "type": "outbound-rtp",
        "kind": kind,
        "codecId": "CIT01_111",
        "packetsSent": packets,
        "bytesSent": packets * size,
        "retransmittedPacketsSent": 0,
    }


def _told(at: int, track: str) -> dict[str, Any]:
    return {
        "type": "remote-inbound-rtp",
        "kind": "audio",
        "localId": track,
        "packetsLost": at // 3,
        "fractionLost": 0.01,
        "jitter": 0.006,
        "roundTripTime": 0.05,
    }


# --- the formats ----------------------------------------------------------------------------------------


def internals(*recordings: Recording, old: bool = False) -> bytes:
    """Return what ``chrome://webrtc-internals`` saves of connections; ``old``: as Chrome 83 did."""
    connections = {
        f"215-{number}": _old_connection(item) if old else _new_connection(item)
        for number, item in enumerate(recordings, start=1)
    }
    agent = USER_AGENT.replace("149", "83") if old else USER_AGENT
    document: dict[str, Any] = {"getUserMedia": _user_media(), "PeerConnections": connections}
    document["UserAgent"] = agent
    if not old:
        document |= {"UserAgentData": {"brands": BRANDS, "mobile": False}, "timestamp": START_MS + 60_000}
    return (json.dumps(document, indent=1) + "\n").encode()


def _user_media() -> list[dict[str, Any]]:
    label = json.dumps({"id": "d0175049", "label": "Ada's microphone"})
    return [{"origin": "https://ada.example.org", "audio_track_info": label, "pid": 1, "rid": 2}]


def _new_connection(recording: Recording) -> dict[str, Any]:
    return {
        "pid": 54188,
        "url": recording.page,
        "rtcConfiguration": json.dumps(_configuration()),
        "updateLog": [
            {"type": event.name, "value": json.dumps(event.value), "timestamp": _ms(event.after_s)}
            for event in recording.events
        ],
        "stats": _series(recording.reports, old=False),
    }


def _old_connection(recording: Recording) -> dict[str, Any]:
    return {
        "url": recording.page,
        "rtcConfiguration": "{ iceServers: [turn:ada.example.org], username: ada-turn-user, turn-password }",
        "constraints": "",
        "updateLog": [
            {
                "time": f"{datetime.fromtimestamp(_ms(event.after_s) / 1000, UTC):%d.%m.%Y, %H:%M:%S}",
                "type": event.name.removeprefix("on"),
                "value": _old_value(event.value),
            }
            for event in recording.events
        ],
        "stats": _series(recording.reports, old=True),
    }


def _old_value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {item}" for name, item in value.items())
    return str(value)


def _configuration() -> dict[str, Any]:
    server = {"urls": ["turn:ada.example.org"], "username": "ada-turn-user", "credential": "turn-password"}
    return {"iceServers": [server]}


def _series(reports: list[tuple[float, Report]], *, old: bool) -> dict[str, Any]:
    """Return ``<object>-<figure>`` entries; an object that came later has later times."""
    found: dict[str, Any] = {}
    for identity in dict.fromkeys(identity for _, report in reports for identity in report):
        looks = [(after_s, report[identity]) for after_s, report in reports if identity in report]
        figures = dict.fromkeys(name for _, figures in looks for name in figures)
        rows = {name: [figures[name] for _, figures in looks if name in figures] for name in figures}
        if not old:
            rows["timestamp"] = [_ms(after_s) for after_s, _ in looks]
        for name, values in rows.items():
            found[f"{identity}-{name}"] = {
                "startTime": _iso(looks[0][0]),
                "endTime": _iso(looks[-1][0]),
                "statsType": looks[0][1]["type"],
                "values": json.dumps(values, separators=(",", ":")),
            }
        found[f"{identity}-[packets/s]"] = dict(found[f"{identity}-type"], values="[50,50]")
    return found


def rtcstats(*recordings: Recording, tables: Mapping[str, Any] | None = None) -> bytes:
    """Return an RTCStatsDump: with ``tables`` short, as rtcstats-js writes it; without, as Chrome does."""
    metadata: dict[str, Any] = {"fileFormat": 3}
    if tables is not None:
        metadata |= {"origin": _origin(recordings[0].page), "url": "/room/ada.example.org?token=8d1f"}
        metadata |= {"userAgent": USER_AGENT, "remoteAddresses": ["198.51.100.9"]}
    lines: list[tuple[float, list[Any]]] = [(0.0, ["create", None, _client()])]
    for number, recording in enumerate(recordings):
        name = f"PC_{number}" if tables is not None else f"215-{number}"
        page = [] if tables is not None else [recording.page]
        lines.append((0.0, ["create", name, _configuration(), *page]))
        lines += [(event.after_s, [event.name, name, event.value]) for event in recording.events]
        shortener = _Shortener(tables) if tables is not None else None
        for after_s, report in recording.reports:
            told = shortener.short(after_s, report) if shortener else _timed(after_s, report)
            lines.append((after_s, ["getStats", name, told]))
    lines.append((max(after_s for after_s, _ in lines), ["close", None, 1001]))
    return _written(sorted(lines, key=lambda line: line[0]), metadata, tables)


def _client() -> dict[str, Any]:
    return {"hardwareConcurrency": 8, "userAgentData": {"brands": BRANDS, "platform": "Linux"}}


def _origin(page: str) -> str:
    return "/".join(page.split("/")[:3])


def _timed(after_s: float, report: Report) -> Report:
    return {
        identity: {"id": identity, "timestamp": _ms(after_s), **figures}
        for identity, figures in report.items()
    }


def _written(
    lines: list[tuple[float, list[Any]]], metadata: dict[str, Any], tables: Mapping[str, Any] | None
) -> bytes:
    texts = ["RTCStatsDump", json.dumps(metadata, separators=(",", ":"))]
    last_ms = 0.0
    for after_s, line in lines:
        method = tables["methods"].get(line[0], line[0]) if tables is not None else line[0]
        value = line[2]
        if tables is None and isinstance(value, str):
            value = json.dumps(value)  # Chrome puts the state in quotes of its own.
        step_ms = _ms(after_s) - last_ms
        last_ms = _ms(after_s)
        texts.append(json.dumps([method, line[1], value, *line[3:], step_ms], separators=(",", ":")))
    return ("\n".join(texts) + "\n").encode()


class _Shortener:
    """Reports as rtcstats-js writes them: changes only, identities and names as numbers."""

    def __init__(self, tables: Mapping[str, Any]) -> None:
        self._tables = tables
        self._before: Report = {}
        self._numbers: dict[str, str] = {}

    def short(self, after_s: float, report: Report) -> dict[str, Any]:
        for identity in report:
            self._numbers.setdefault(identity, str(len(self._numbers)))
        told: dict[str, Any] = {"t": _ms(after_s)}
        for identity, figures in report.items():
            old = self._before.get(identity, {})
            changed = {name: value for name, value in figures.items() if old.get(name) != value}
            if changed:
                told[self._numbers[identity]] = dict(self._figure(*item) for item in changed.items())
        told |= {self._numbers[identity]: None for identity in self._before if identity not in report}
        self._before = report
        return told

    def _figure(self, name: str, value: Any) -> tuple[str, Any]:
        if name == "type":
            return name, self._tables["types"].get(value, value)
        if name.endswith("Id") and value in self._numbers:
            value = self._numbers[value]
        return self._tables["figures"].get(name, name), value


def _ms(after_s: float) -> float:
    return START_MS + after_s * 1000


def _iso(after_s: float) -> str:
    moment = datetime.fromtimestamp(_ms(after_s) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


TABLES: Final[Mapping[str, Any]] = {
    "methods": {
        "getStats": "g",
        "createOffer": 2,
        "createOfferOnSuccess": 3,
        "setLocalDescription": 6,
        "addIceCandidate": 10,
        "onicecandidate": 20,
        "onicecandidateerror": 21,
        "oniceconnectionstatechange": 24,
        "onconnectionstatechange": 25,
        "create": 39,
    },
    "types": {
        "inbound-rtp": 1,
        "outbound-rtp": 2,
        "remote-inbound-rtp": 3,
        "transport": 5,
        "candidate-pair": 6,
        "local-candidate": 7,
        "remote-candidate": 8,
        "peer-connection": 10,
        "codec": 14,
    },
    "figures": {
        "mimeType": "6",
        "ssrc": "10",
        "kind": "11",
        "codecId": "12",
        "packetsReceived": "14",
        "packetsLost": "15",
        "jitter": "16",
        "trackIdentifier": "17",
        "framesDecoded": "20",
        "freezeCount": "32",
        "totalFreezesDuration": "33",
        "bytesReceived": "41",
        "totalSamplesReceived": "51",
        "concealedSamples": "52",
        "localId": "74",
        "roundTripTime": "75",
        "fractionLost": "77",
        "packetsSent": "79",
        "bytesSent": "80",
        "retransmittedPacketsSent": "85",
        "protocol": "116",
        "state": "118",
        "dtlsState": "123",
        "selectedCandidatePairId": "125",
        "tlsVersion": "128",
        "dtlsCipher": "129",
        "srtpCipher": "131",
        "address": "134",
        "port": "135",
        "candidateType": "136",
        "url": "138",
        "relayProtocol": "139",
        "localCandidateId": "148",
        "remoteCandidateId": "149",
        "nominated": "150",
        "currentRoundTripTime": "152",
        "requestsSent": "156",
        "responsesReceived": "157",
    },
}
"""Written down a second time on purpose: a number that is wrong on one side only is found."""


def files() -> dict[str, bytes]:
    """Return the files of ``tests/data/dumps``."""
    meet = voice(page="https://meet.google.com/abc-token=8d1f", lost_per_s=0, video=True, seconds=8)
    return {
        "internals-telegram-lossy.json": internals(voice()),
        "internals-ice-failed.json": internals(voice(fate="failed")),
        "internals-old.json": internals(voice(seconds=6), old=True),
        "rtcstats-meet-video.txt": rtcstats(meet, tables=TABLES),
        "rtcstats-chrome-gone.txt": rtcstats(voice(fate="gone"), voice(fate="given-up")),
    }


if __name__ == "__main__":
    for name, data in files().items():
        (FOLDER / name).write_bytes(data)
