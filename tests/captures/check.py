"""``make captures-check``: how the analysis of real captures agrees with their ground truth, as a table.

The truth of each capture was taken from tshark and from the bytes themselves. Where the analysis and tshark's
own stream table differ, the difference is put down to one of a few named causes; one that fits none of them
falls short.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from callprobe.pcap.analyze import analyze

ROOT: Final = Path(__file__).resolve().parents[2]
REPORT: Final = ROOT / "build" / "reports" / "captures-check.json"
SHARED: Final = Path(os.environ.get("CALLPROBE_SHARED") or ROOT.parent / "shared")
MIN_PACKETS: Final = 10
"""Shorter streams may be left out by the analysis."""
JITTER_SHARE: Final = 0.01
JITTER_FLOOR_MS: Final = 0.05
CALL_KINDS: Final = frozenset({"call", "call-heads"})
WITHOUT_SIGNALLING: Final = frozenset({"rtp", "degraded-rtp", "srtp"})
"""Kinds of captures that hold nothing but media: whose call it is cannot be told, nor that it is none."""


class Check(NamedTuple):
    """One compared figure."""

    file: str
    what: str
    """Row of the table that it counts in."""
    place: str
    """Stream, handshake or field."""
    measured: object
    truth: object
    agrees: bool


class Row(NamedTuple):
    """One line of the table."""

    what: str
    compared: int
    agree: int

    @property
    def met(self) -> bool:
        """Whether everything compared agrees, and something was compared."""
        return self.compared == self.agree > 0


class Difference(NamedTuple):
    """A stream that tshark's table and the analysis count differently, and why."""

    file: str
    stream: str
    tshark: str
    analysis: str
    cause: str | None
    """None when no known cause explains it."""


def truth_files() -> list[Path]:
    """Return the truth of every capture."""
    folder = SHARED / "captures"
    files = (folder / "truth").glob("*.json")
    return sorted(path for path in files if (folder / path.name.removesuffix(".json")).is_file())


def analysed(path: Path) -> dict[str, Any]:
    """Return the analysis of a capture as the command line prints it."""
    document: dict[str, Any] = json.loads(msgspec.json.encode(analyze(path)))
    return document


def checks_of(truth: dict[str, Any], analysis: dict[str, Any]) -> Iterator[Check]:
    """Yield every comparison of one capture."""
    name = truth["file"]
    yield _equal(name, "UDP datagrams", "", analysis["udp_datagrams"], truth["udp_packets"])
    yield from _stun_checks(name, truth, analysis)
    yield from _dtls_checks(name, truth, analysis)
    yield from _rtp_checks(name, truth, analysis)


def _equal(file: str, what: str, place: str, measured: object, expected: object) -> Check:
    return Check(file, what, place, measured, expected, measured == expected)


def _stun_checks(name: str, truth: dict[str, Any], analysis: dict[str, Any]) -> Iterator[Check]:
    raw, turn = truth["stun_raw"], truth["turn"]
    stun = analysis["stun"]
    by_type = {kind.split()[0]: count for kind, count in raw["by_type"].items()}
    for field, expected in (
        ("messages", raw["messages"]),
        ("transactions", raw["requests"]),
        ("answered", raw["answered"]),
        ("retransmitted", raw["retransmitted"]),
        ("by_type", by_type),
    ):
        yield _equal(name, "STUN transactions", field, stun[field], expected)
    for field, key in (
        ("allocate_requests", "allocate_requests"),
        ("allocate_success", "allocate_ok"),
        ("allocate_error", "allocate_err"),
        ("channel_data", "channeldata_udp"),
    ):
        yield _equal(name, "TURN", field, analysis["turn"][field], turn[key])


def _dtls_checks(name: str, truth: dict[str, Any], analysis: dict[str, Any]) -> Iterator[Check]:
    begun = [item for item in truth["dtls"] if item["client_hellos"]]
    yield _equal(name, "DTLS handshakes", "number", _begun(analysis), len(begun))
    for item in begun:
        place = f"{item['a']} - {item['b']}"
        found = _handshake(analysis, {item["a"], item["b"]})
        yield _close(
            name, "DTLS handshakes", f"{place} client_hello_s", found, item["t_first_client_hello"], 2e-6
        )
        yield _equal(
            name, "DTLS handshakes", f"{place} cipher", _hex(found.get("cipher")), item.get("cipher_chosen")
        )
        finished = item["t_finished_per_side"].values()
        if len(finished) == 2:
            yield _close(name, "DTLS handshakes", f"{place} finished_s", found, max(finished), 2e-6)


def _handshake(analysis: dict[str, Any], ends: set[str]) -> dict[str, Any]:
    """Return the handshake between two ends; of one over TCP the truth names no ports."""
    for item in analysis["dtls"]:
        own = {_plain(item["a"]), _plain(item["b"])}
        if own == ends or {end.rpartition(":")[0] + ":" for end in own} == ends:
            found: dict[str, Any] = item
            return found
    return {}


def _begun(analysis: dict[str, Any]) -> int:
    return sum(item["client_hello_s"] is not None for item in analysis["dtls"])


def _hex(cipher: Any) -> str | None:
    """Return the hex code in what the analysis says of a cipher: ``0xc02f`` or ``NAME (0xc02f)``."""
    if cipher is None:
        return None
    text = str(cipher)
    at = text.find("0x")
    return text[at : at + 6] if at >= 0 else text


def _close(
    file: str, what: str, place: str, found: dict[str, Any], expected: float, tolerance: float
) -> Check:
    measured = found.get(place.rpartition(" ")[2])
    agrees = isinstance(measured, float | int) and abs(measured - expected) <= tolerance
    return Check(file, what, place, measured, expected, agrees)


def _rtp_checks(name: str, truth: dict[str, Any], analysis: dict[str, Any]) -> Iterator[Check]:
    ours = _streams(analysis)
    expected = {
        (item["src"], item["dst"], item["ssrc"]): item
        for item in truth["rtp_calc"]["streams"]
        if item["pkts"] >= MIN_PACKETS
    }
    surplus = [key for key in ours.keys() - expected.keys() if ours[key]["encapsulation"] == "plain"]
    yield _equal(name, "RTP streams", "found beyond the truth", surplus, [])
    for key, item in expected.items():
        place, found = f"{key[0]} {key[2]}", ours.get(key, {})
        for field, theirs in (
            ("packets", "pkts"),
            ("lost", "lost"),
            ("duplicates", "dup"),
            ("reordered", "reordered"),
        ):
            yield _equal(name, "RTP streams", f"{place} {field}", found.get(field), item[theirs])
        yield from _jitter_checks(name, place, found, item)


def _jitter_checks(name: str, place: str, found: dict[str, Any], item: dict[str, Any]) -> Iterator[Check]:
    expected = item["jitter_rfc3550_ms"]
    if not expected:
        return
    measured = found.get("jitter_ms") or {}
    for field, theirs in (("last", "final"), ("mean", "mean"), ("max", "max")):
        allowed_ms = max(JITTER_FLOOR_MS, JITTER_SHARE * expected[theirs])
        value = measured.get(field)
        agrees = value is not None and abs(value - expected[theirs]) <= allowed_ms
        yield Check(name, "RTP jitter", f"{place} {field}", value, expected[theirs], agrees)


def _streams(analysis: dict[str, Any]) -> dict[tuple[str, str, str], dict[str, Any]]:
    return {(_plain(item["src"]), _plain(item["dst"]), item["ssrc"]): item for item in analysis["rtp"]}


def _plain(address: str) -> str:
    """Return an address as the truth writes it: an IPv6 host without brackets."""
    return address.replace("[", "").replace("]", "")


def service_checks(rows: list[dict[str, str]], analyses: dict[str, dict[str, Any]]) -> Iterator[Check]:
    """Yield, for every capture, whether the guess names no wrong service and calls no non-call a call."""
    for row in rows:
        guess = analyses[row["file"]]["service"]["name"]
        kind = row["kind"]
        if kind in WITHOUT_SIGNALLING:
            fits = guess in {None, row["service"]}
        elif kind in CALL_KINDS:
            fits = guess in {None, row["service"], "webrtc"} or row["service"] == "misc"
            yield Check(
                row["file"],
                "service named",
                kind,
                guess,
                row["service"],
                guess is not None or row["service"] == "misc",
            )
        else:
            fits = guess is None
        yield Check(row["file"], "service not wrong", kind, guess, row["service"], fits)


def differences_of(truth: dict[str, Any], analysis: dict[str, Any]) -> Iterator[Difference]:
    """Yield the streams of tshark's table that the analysis counts differently."""
    ours = _streams(analysis)
    for item in truth["rtp_streams_tshark"]:
        key = (item["src"], item["dst"], item["ssrc"].lower())
        found = ours.get(key)
        seen = None if found is None else (found["packets"], found["lost"])
        if seen != (item["pkts"], item["lost"]) and (found or item["pkts"] >= MIN_PACKETS):
            yield Difference(
                truth["file"],
                f"{key[0]} {key[2]}",
                f"{item['pkts']} packets, {item['lost']} lost",
                "no stream" if found is None else f"{found['packets']} packets, {found['lost']} lost",
                _cause(item, found),
            )


def _cause(theirs: dict[str, Any], ours: dict[str, Any] | None) -> str | None:
    if ours is None:
        return None if theirs["plausible"] else "chance bytes: tshark itself does not hold it plausible"
    missed = ours["packets"] - theirs["pkts"]
    if missed > 0 and theirs["lost"] <= ours["lost"] + missed:
        return (
            "tshark leaves packets out (an encrypted padding byte, or before its heuristic locks on) "
            "and counts them as lost"
        )
    if missed == 0 and theirs["lost"] == ours["lost"] - ours["duplicates"]:
        return "tshark subtracts duplicates from the loss"
    if missed == 0 and theirs["lost"] < 0 <= ours["lost"]:
        return "the first packet came out of order, and tshark counts from it"
    return None


def table(rows: list[Row]) -> str:
    """Return the rows as text."""
    lines = [f"{'what':<24} {'compared':>9} {'agree':>7}"]
    for row in rows:
        mark = "" if row.met else "  FALLS SHORT"
        lines.append(f"{row.what:<24} {row.compared:>9} {row.agree:>7}{mark}")
    return "\n".join(lines)


def manifest() -> list[dict[str, str]]:
    """Return the rows of the captures' manifest."""
    import csv

    with (SHARED / "captures" / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def run() -> tuple[list[Check], list[Difference]]:
    """Analyse every capture and compare."""
    checks: list[Check] = []
    differences: list[Difference] = []
    analyses: dict[str, dict[str, Any]] = {}
    for path in truth_files():
        truth = json.loads(path.read_text())
        analysis = analyses[truth["file"]] = analysed(SHARED / "captures" / truth["file"])
        checks += checks_of(truth, analysis)
        differences += differences_of(truth, analysis)
    checks += service_checks(manifest(), analyses)
    return checks, differences


def rows_of(checks: list[Check]) -> list[Row]:
    """Return one row for each kind of comparison, in order of appearance."""
    kinds = dict.fromkeys(check.what for check in checks)
    counted = {kind: [check.agrees for check in checks if check.what == kind] for kind in kinds}
    return [Row(kind, len(agree), sum(agree)) for kind, agree in counted.items()]


def main() -> int:
    """Print the tables, write the report; 1 when something falls short."""
    if not truth_files():
        sys.stderr.write(f"captures-check: NOT RUN: no captures in {SHARED.name} beside the clone\n")
        return 1
    checks, differences = run()
    rows = rows_of(checks)
    unlike = [check for check in checks if not check.agrees]
    unexplained = [difference for difference in differences if difference.cause is None]
    out = [table(rows), ""]
    out += [
        f"{check.file}: {check.what}: {check.place}: {check.measured!r}, truth {check.truth!r}"
        for check in unlike
    ]
    out += ["", "Differences from tshark's own stream table, and their causes:"]
    out += [
        f"  {d.file}: {d.stream}: tshark {d.tshark}; here {d.analysis}: {d.cause or 'UNEXPLAINED'}"
        for d in differences
    ]
    sys.stdout.write("\n".join(out) + "\n")
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "rows": [row._asdict() | {"met": row.met} for row in rows],
        "unlike": [check._asdict() for check in unlike],
        "differences_from_tshark": [difference._asdict() for difference in differences],
    }
    REPORT.write_text(json.dumps(document, indent=2, default=str) + "\n")
    sys.stdout.write(f"written: {REPORT.relative_to(ROOT)}\n")
    return 1 if unexplained or not all(row.met for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
