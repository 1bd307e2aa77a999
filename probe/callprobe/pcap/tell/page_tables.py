"""The tables of a capture's page."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from callprobe.pcap.collect.round_trips import RoundTrips
from callprobe.pcap.recognise.datagram_marks import MEANINGS
from callprobe.pcap.tell.endpoint import direction_of
from callprobe.pcap.tell.markup import Child, Markup, element, join, tame
from callprobe.pcap.tell.media_wording import burst_text, mos_text
from callprobe.pcap.tell.page_wording import DIRECTIONS, OUTCOMES, STAGES, STUN_TYPES
from callprobe.pcap.tell.wording import ICMP, milliseconds, share

if TYPE_CHECKING:
    from callprobe.pcap.analyze import Analysis
    from callprobe.pcap.collect.dtls import DtlsHandshake
    from callprobe.pcap.streams.flows import FlowStats
    from callprobe.pcap.streams.rtp_streams import RtpStream
    from callprobe.pcap.tell.stages import CaptureStage

MOST_ROWS: Final = 40
"""Of each table; the JSON has them all."""
NOTHING: Final = "–"

_Row = TypeVar("_Row")


class Column(NamedTuple, Generic[_Row]):
    """A column: its heading, what it shows of a row, and how it is set."""

    title: str
    shows: Callable[[_Row], Child]
    kind: str | None = None
    """``n`` for figures, ``address`` for addresses."""


def table(caption: str, columns: Sequence[Column[_Row]], rows: Sequence[_Row]) -> Markup | None:
    """Return a table, or nothing without rows."""
    if not rows:
        return None
    head = element(
        "tr", *(element("th", column.title, scope="col", class_=column.kind) for column in columns)
    )
    body = (
        element("tr", *(element("td", _shown(column.shows(row)), class_=column.kind) for column in columns))
        for row in rows[:MOST_ROWS]
    )
    left_out = len(rows) - MOST_ROWS
    more = element("p", f"{left_out} more rows are left out here; --json has them all.", class_="soft")
    whole = element("table", element("caption", caption), element("thead", head), element("tbody", *body))
    return join((element("div", whole, class_="scroll"), more if left_out > 0 else None))


def pairs_table(caption: str, head: tuple[str, str], rows: Iterable[tuple[str, Child]]) -> Markup | None:
    """Return a table of names and values; rows without a value are left out."""
    columns: list[Column[tuple[str, Child]]] = [
        Column(head[0], lambda row: row[0]),
        Column(head[1], lambda row: row[1]),
    ]
    return table(caption, columns, [row for row in rows if row[1] is not None])


def stage_table(stages: "Sequence[CaptureStage]") -> Markup | None:
    """Return all stages."""
    columns: list[Column[CaptureStage]] = [
        Column("Call", lambda row: row.call, "n"),
        Column("Stage", lambda row: STAGES[row.name]),
        Column("Way", lambda row: DIRECTIONS[row.direction]),
        Column("From", lambda row: seconds(row.t0_s), "n"),
        Column("To", lambda row: seconds(row.t_s), "n"),
        Column("Outcome", lambda row: _outcome(row.outcome, OUTCOMES[row.outcome])),
        Column("What was seen", lambda row: row.detail),
        Column("Failure", lambda row: None if row.failure is None else element("code", row.failure.value)),
    ]
    return table("What was reached, and when", columns, stages)


def stream_table(streams: "Sequence[RtpStream]") -> Markup | None:
    """Return all RTP streams."""
    columns: list[Column[RtpStream]] = [
        Column("Way", lambda row: DIRECTIONS[row.direction]),
        Column("From", lambda row: row.src, "address"),
        Column("To", lambda row: row.dst, "address"),
        Column("SSRC", lambda row: element("code", row.ssrc)),
        Column("Type", lambda row: ", ".join(map(str, row.payload_types)), "n"),
        Column("Begin", lambda row: seconds(row.first_s), "n"),
        Column("Packets", lambda row: row.packets, "n"),
        Column("Lost", lambda row: f"{row.lost} of {row.expected} ({share(max(row.loss_ratio, 0.0))})", "n"),
        Column("Bursts", lambda row: burst_text(row).lstrip(", ")),
        Column("Copies", lambda row: row.duplicates, "n"),
        Column("Reordered", lambda row: row.reordered, "n"),
        Column("Jitter mean, max", _jitter, "n"),
        Column("Clock", lambda row: None if row.clock_rate_hz is None else f"{row.clock_rate_hz} Hz", "n"),
        Column("Pauses in speech", lambda row: None if row.dtx is None else row.dtx.gaps, "n"),
        Column("Longest gap", lambda row: milliseconds(row.max_gap_ms), "n"),
        Column("Path index", mos_text, "n"),
        Column("Its model", lambda row: row.mos_model),
        Column("Within", lambda row: row.encapsulation),
    ]
    return table("RTP streams", columns, streams)


def stun_tables(analysis: "Analysis") -> Iterator[Markup | None]:
    """Yield what was asked and answered: STUN, TURN, relays, reflectors, paths."""
    for name, counts in (("STUN over UDP", analysis.stun), ("STUN over TCP", analysis.stun_tcp)):
        if not counts.messages:
            continue
        yield pairs_table(
            f"{name}: {counts.messages} messages; {counts.transactions} requests, {counts.answered} of them "
            f"answered, {counts.retransmitted} sent again",
            ("Message", "How many"),
            [
                (f"{kind} {STUN_TYPES.get(kind, '')}".strip(), number)
                for kind, number in counts.by_type.items()
            ],
        )
    yield _turn_table(analysis)
    yield _relay_table(analysis)
    yield _reflector_table(analysis)
    yield _path_table(analysis)


def dtls_table(handshakes: "Sequence[DtlsHandshake]") -> Markup | None:
    """Return all DTLS handshakes."""
    columns: list[Column[DtlsHandshake]] = [
        Column("Client", lambda row: row.a, "address"),
        Column("Server", lambda row: row.b, "address"),
        Column("State", lambda row: row.state),
        Column("ClientHello", lambda row: seconds(row.client_hello_s), "n"),
        Column("Finished", lambda row: seconds(row.finished_s), "n"),
        Column("Sent", lambda row: row.client_hellos, "n"),
        Column("Version", lambda row: row.version),
        Column("Cipher", lambda row: row.cipher_name or row.cipher),
        Column("SRTP", lambda row: row.srtp_profile_name or row.srtp_profile),
        Column("Names", lambda row: ", ".join(row.certificate_names)),
        Column(
            "Alerts",
            lambda row: ", ".join(f"{alert.description} at {seconds(alert.at_s)}" for alert in row.alerts),
        ),
    ]
    return table("DTLS handshakes", columns, handshakes)


def rtcp_tables(analysis: "Analysis") -> Iterator[Markup | None]:
    """Yield RTCP by type, and the last report on each source."""
    rtcp = analysis.rtcp
    if rtcp.compounds:
        yield pairs_table(
            f"RTCP: {rtcp.compounds} datagrams, {rtcp.encrypted} of them encrypted",
            ("Type", "Packets"),
            list(rtcp.by_type.items()),
        )
    yield table(
        "What receivers reported last",
        [
            Column("From", lambda row: row.src, "address"),
            Column("On", lambda row: element("code", row.source_ssrc)),
            Column("At", lambda row: seconds(row.at_s), "n"),
            Column("Lost, in all", lambda row: row.packets_lost, "n"),
            Column("Lost, worst report", lambda row: share(row.worst_fraction_lost_ratio), "n"),
            Column("Jitter, ticks", lambda row: row.jitter_ticks, "n"),
            Column("Reports", lambda row: row.reports, "n"),
        ],
        rtcp.reports,
    )


def flow_table(flows: "Sequence[FlowStats]", endpoints: Sequence[str]) -> Markup | None:
    """Return the UDP flows, busiest first."""
    columns: list[Column[FlowStats]] = [
        Column("Way", lambda row: DIRECTIONS[direction_of(row.src, row.dst, endpoints)]),
        Column("From", lambda row: row.src, "address"),
        Column("To", lambda row: row.dst, "address"),
        Column("Packets", lambda row: row.packets, "n"),
        Column("Bytes", lambda row: row.bytes, "n"),
        Column("First", lambda row: seconds(row.first_s), "n"),
        Column("Last", lambda row: seconds(row.last_s), "n"),
    ]
    return table("UDP flows", columns, sorted(flows, key=lambda flow: -flow.packets))


def distance_table(analysis: "Analysis") -> Markup | None:
    """Return how the capture differs from the nearest dialect, feature by feature."""
    distance = analysis.distance
    if distance is None:
        return None
    told = {True: ("ok", "same"), False: ("partial", "differs"), None: ("not_seen", "says nothing")}
    order = {False: 0, True: 1, None: 2}
    return table(
        f"{distance.dialect}, version {distance.version}, which follows a capture of "
        f"{distance.capture_date or NOTHING}: {distance.matching} of {distance.compared} features agree",
        [
            Column("Feature", lambda row: row.name),
            Column("Dialect", lambda row: row.dialect_value),
            Column("This capture", lambda row: row.capture_value),
            Column("Compared", lambda row: _outcome(*told[row.matches])),
        ],
        sorted(distance.features, key=lambda feature: order[feature.matches]),
    )


def other_tables(analysis: "Analysis") -> Iterator[Markup | None]:
    """Yield the rest: other traffic, names of servers, ICMP, link types."""
    yield pairs_table(
        "Datagrams of other kinds",
        ("What", "How many"),
        [(MEANINGS.get(mark.kind, mark.kind), mark.datagrams) for mark in analysis.clues.marks],
    )
    yield table(
        "Names of servers in clear",
        [
            Column("Name", lambda row: row.name),
            Column("Seen in", lambda row: row.source),
            Column("Whose", lambda row: row.owner),
            Column("Times", lambda row: row.count, "n"),
            Column("First", lambda row: seconds(row.first_s), "n"),
        ],
        analysis.clues.server_names,
    )
    yield pairs_table(
        "ICMP errors, by what they quote",
        ("Error", "Datagrams"),
        [(f"{ICMP.get(kind, 'ICMP')} ({kind})", number) for kind, number in analysis.icmp_quotes.items()],
    )
    yield pairs_table("Link types", ("Type", "Frames"), list(analysis.link_types.items()))


def seconds(at_s: float | None) -> str:
    """Return a moment for a table, seconds from the first packet."""
    if at_s is None:
        return NOTHING
    return f"{at_s:.3f} s" if abs(at_s) < 1e7 else f"{at_s:.0f} s"


def _shown(value: Child) -> Child:
    """Return what stands in a cell: a dash for nothing, a text from the capture tamed."""
    if value is None or value == "":
        return NOTHING
    return tame(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _outcome(kind: str, says: str) -> Markup:
    return element("span", says, class_=f"outcome {kind}")


def _jitter(stream: "RtpStream") -> str | None:
    jitter = stream.jitter_ms
    return None if jitter is None else f"{milliseconds(jitter.mean)}, {milliseconds(jitter.max)}"


def _rtt(rtt: RoundTrips) -> str | None:
    """Return the median and the range of round trips."""
    if rtt.median is None or rtt.min is None or rtt.max is None:
        return None
    if rtt.n < 2 or rtt.min == rtt.max:
        return milliseconds(rtt.median)
    return (
        f"{milliseconds(rtt.median)} ({milliseconds(rtt.min).removesuffix(' ms')} to {milliseconds(rtt.max)})"
    )


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name}: {number}" for name, number in counts.items())


def _turn_table(analysis: "Analysis") -> Markup | None:
    return table(
        "TURN servers",
        [
            Column("Client", lambda row: row.client, "address"),
            Column("Server", lambda row: row.server, "address"),
            Column("Over", lambda row: row.transport.upper()),
            Column("Realm", lambda row: row.realm),
            Column("Asked", lambda row: seconds(row.first_s), "n"),
            Column("Allocated", lambda row: seconds(row.allocated_s), "n"),
            Column("Answered", lambda row: f"{row.allocate_answered} of {row.allocate_requests}", "n"),
            Column("Errors", lambda row: _counts(row.allocate_errors)),
            Column("Permissions", lambda row: row.permissions_granted, "n"),
            Column(
                "Relayed out, in", lambda row: f"{row.relayed_bytes_up}, {row.relayed_bytes_down} bytes", "n"
            ),
            Column("Let go", lambda row: seconds(row.released_s), "n"),
        ],
        [*analysis.turn.servers, *analysis.turn_tcp.servers],
    )


def _relay_table(analysis: "Analysis") -> Markup | None:
    return table(
        "WhatsApp relays",
        [
            Column("Client", lambda row: row.client, "address"),
            Column("Relay", lambda row: row.relay, "address"),
            Column("First", lambda row: seconds(row.first_s), "n"),
            Column("Allocations answered", lambda row: f"{row.answered} of {row.allocations}", "n"),
            Column("Round trip", lambda row: _rtt(row.rtt_ms), "n"),
            Column("Pings answered", lambda row: f"{row.ping_answers} of {row.pings}", "n"),
            Column("Call ended", lambda row: seconds(row.ended_s), "n"),
        ],
        analysis.relays,
    )


def _reflector_table(analysis: "Analysis") -> Markup | None:
    return table(
        "Telegram reflectors",
        [
            Column("Client", lambda row: row.client, "address"),
            Column("Reflector", lambda row: row.reflector, "address"),
            Column("First", lambda row: seconds(row.first_s), "n"),
            Column("Last ping", lambda row: seconds(row.last_s), "n"),
            Column("Pings answered", lambda row: f"{row.answers} of {row.pings}", "n"),
            Column(
                "Every", lambda row: None if row.interval_ms is None else milliseconds(row.interval_ms), "n"
            ),
            Column("Round trip", lambda row: _rtt(row.rtt_ms), "n"),
            Column(
                "Data out, in",
                lambda row: f"{row.frames_up + row.tagged_up}, {row.frames_down + row.tagged_down}",
                "n",
            ),
        ],
        analysis.reflector.reflectors,
    )


def _path_table(analysis: "Analysis") -> Markup | None:
    return table(
        "Paths checked (ICE)",
        [
            Column("One end", lambda row: row.a, "address"),
            Column("Other end", lambda row: row.peer or row.b, "address"),
            Column("Checks answered", lambda row: f"{row.answered} of {row.checks}", "n"),
            Column("First check", lambda row: seconds(row.first_s), "n"),
            Column("First answer", lambda row: seconds(row.first_answered_s), "n"),
            Column("Nominated", lambda row: seconds(row.nominated_s), "n"),
            Column("Round trip", lambda row: _rtt(row.rtt_ms), "n"),
            Column("Carries the call", lambda row: "yes" if row.selected else None),
        ],
        sorted(analysis.ice, key=lambda pair: (not pair.selected, pair.first_s)),
    )
