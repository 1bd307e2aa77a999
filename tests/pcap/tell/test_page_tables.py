"""The tables of a capture's page."""

from xml.etree import ElementTree as ET

from callprobe.pcap.collect.transactions import StunCounts
from callprobe.pcap.recognise.distance import Distance, FeatureDistance
from callprobe.pcap.tell import page_tables as tables
from callprobe.pcap.tell.markup import Markup, join
from helpers.findings import (
    FAR,
    OWN,
    RELAY,
    analysis,
    blank,
    both_ways,
    findings,
    handshake,
    path,
    relay,
    stream,
    turn_server,
)


def cells(markup: Markup | None) -> list[list[str]]:
    """Return the texts of a table's rows, head included."""
    assert markup is not None
    rows = ET.fromstring(f"<div>{markup}</div>").iter("tr")
    return [["".join(cell.itertext()) for cell in row] for row in rows]


def test_a_table_without_rows_is_left_out() -> None:
    """No heading without anything below it."""
    assert tables.table("Nothing", [tables.Column[int]("n", lambda row: row)], []) is None
    assert tables.stream_table(()) is None


def test_heads_are_heads() -> None:
    """Whoever hears the page read aloud learns which column a cell is in."""
    shown = tables.table("Numbers", [tables.Column[int]("Number", lambda row: row, "n")], [1, 2])

    assert shown is not None
    assert '<th scope="col" class="n">Number</th>' in shown
    assert "<caption>Numbers</caption>" in shown
    assert cells(shown) == [["Number"], ["1"], ["2"]]


def test_long_tables_say_what_is_left_out() -> None:
    """The page stays a page."""
    shown = tables.table("Numbers", [tables.Column[int]("Number", lambda row: row)], range(100))

    assert len(cells(shown)) == tables.MOST_ROWS + 1
    assert "60 more rows are left out here" in str(shown)


def test_cells_are_escaped_and_tamed() -> None:
    """A text from the capture is a text; nothing is a dash."""
    shown = tables.pairs_table("T", ("A", "B"), [("<b>", "\x1b[31m"), ("x" * 999, ""), ("left out", None)])
    rows = cells(shown)

    assert rows[1] == ["<b>", "\N{REPLACEMENT CHARACTER}[31m"]
    assert (len(rows[2][0]), rows[2][1]) == (400, "–")
    assert len(rows) == 3


def test_stages_have_their_outcome_in_words() -> None:
    """Colour is not needed to read it."""
    found = findings(flows=both_ways(OWN, RELAY), relays=(relay(),))
    rows = cells(tables.stage_table(found.stages))

    assert rows[1][1] == "Relay allocation"
    assert rows[1][5] == "✗ failed"
    assert rows[1][7] == "relay_allocation_timeout"


def test_streams_stand_with_their_figures() -> None:
    """Loss with what was expected, and the model of the path index."""
    streams = (
        stream(RELAY, OWN, 0, 9.9, lost=5, expected=505, loss_ratio=0.0099, mos_cq=4.0, mos_model="m"),
    )
    head, row = cells(tables.stream_table(streams))
    shown = dict(zip(head, row, strict=True))

    assert (shown["Lost"], shown["Path index"], shown["Its model"]) == ("5 of 505 (1.0 %)", "4.0", "m")
    assert shown["Jitter mean, max"] == "–"


def test_everything_asked_is_in_a_table() -> None:
    """STUN, TURN, relays, reflectors, paths, keys."""
    found = findings(
        stun=blank(StunCounts, messages=2, transactions=1, answered=1, by_type={"0x0001": 1, "0x9999": 1}),
        relays=(relay(answered=2),),
        turn=blank(type(findings().turn), servers=(turn_server(realm="telegram.org"),)),
        ice=(path(OWN, FAR, selected=True),),
        dtls=(handshake("unanswered"),),
    )
    shown = analysis(found)
    text = str(join(part for part in tables.stun_tables(shown) if part))

    assert "STUN over UDP: 2 messages; 1 requests, 1 of them answered, 0 sent again" in text
    assert "0x0001 Binding request" in text
    assert "telegram.org" in text
    assert "2 of 2" in text
    assert cells(tables.dtls_table(shown.dtls))[1][2] == "unanswered"
    assert "Paths checked (ICE)" in text


def test_flows_have_their_way() -> None:
    """Seen from who captured, busiest first."""
    rows = cells(tables.flow_table(both_ways(OWN, RELAY), ("192.168.0.2",)))

    assert [row[0] for row in rows] == ["Way", "out", "in"]


def test_what_differs_from_the_dialect_comes_first() -> None:
    """That is what one looks for."""
    features = tuple(
        FeatureDistance(name=name, dialect_value="1", capture_value=value, matches=matches)
        for name, value, matches in (("a", "1", True), ("b", None, None), ("c", "2", False))
    )
    near = blank(Distance, dialect="whatsapp", version="1", features=features, compared=2, matching=1)
    rows = cells(tables.distance_table(analysis(findings(), distance=near)))

    assert [(row[0], row[3]) for row in rows[1:]] == [("c", "differs"), ("a", "same"), ("b", "says nothing")]
    assert tables.distance_table(analysis(findings())) is None


def test_moments_are_seconds() -> None:
    """To the millisecond, but not where there are months of them; what never happened has none."""
    assert [tables.seconds(at_s) for at_s in (0.0084, 9.8e9, None)] == ["0.008 s", "9800000000 s", "–"]


def test_the_rest_is_told() -> None:
    """ICMP in words, link types, other traffic."""
    found = findings(quotes={"v4 3/3": 2}, link_types={"Ethernet": 10})
    text = str(join(part for part in tables.other_tables(analysis(found)) if part))

    assert "port unreachable (v4 3/3)" in text
    assert "Ethernet" in text
    assert list(tables.rtcp_tables(analysis(found))) == [None]
