"""The sentences that are told of a capture."""

import inspect
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.collect.round_trips import RoundTrips
from callprobe.pcap.tell import wording
from callprobe.pcap.tell.wording import (
    SENTENCES,
    capitalised,
    count,
    length,
    milliseconds,
    round_trip_text,
    say,
    share,
    span_of,
)
from helpers.repository import ROOT


@pytest.mark.parametrize("key", sorted(SENTENCES))
def test_every_sentence_can_be_filled_in(key: str) -> None:
    """With words for all that it names, and no place is left open."""
    names = {name for _, name, _, _ in string.Formatter().parse(SENTENCES[key]) if name}
    said = say(key, **dict.fromkeys(names, "X"))

    assert "{" not in said
    assert said.count("X") >= len(names)


def test_every_sentence_is_told_somewhere() -> None:
    """Nothing is translated in vain."""
    sources = (
        "".join(
            path.read_text(encoding="utf-8")
            for path in (ROOT / "probe" / "callprobe" / "pcap").rglob("*.py")
            if path.name != "wording.py"
        )
        + inspect.getsource(wording).partition("def say(")[2]
    )

    assert [key for key in SENTENCES if f'"{key}"' not in sources] == []


def test_sentences_blame_nobody() -> None:
    """A capture shows silence and not its cause."""
    told = " ".join(SENTENCES.values()).lower()

    assert not [word for word in ("block", "censor", "throttl", "shap", "attack") if word in told]


@given(st.text())
def test_values_cannot_take_over_a_sentence(text: str) -> None:
    """A text from the capture stays one printable word of it."""
    assert say("as-is", text=text).isprintable()
    assert len(say("as-is", text=text)) <= 400


def test_lengths_are_said_as_people_do() -> None:
    """From milliseconds to days."""
    told = {
        0.0: "0 s",
        0.0123: "12 ms",
        0.892: "0.9 s",
        12.34: "12.3 s",
        142.2: "2 min 22 s",
        7300: "2.0 hours",
    }

    assert {value: length(value) for value in told} == told
    assert length(9_783_934.4) == "113 days"
    assert [milliseconds(9.98), milliseconds(3.14)] == ["10 ms", "3.1 ms"]


def test_shares_that_are_not_nothing_do_not_read_nothing() -> None:
    """One of ten thousand is less than a tenth of a percent, and is said so."""
    assert [share(0), share(0.0001), share(0.034), share(0.121)] == ["0.0 %", "under 0.1 %", "3.4 %", "12 %"]


def test_one_is_not_many() -> None:
    """Nouns follow their number."""
    assert [count(1, "relay"), count(2, "relay"), count(0, "packet")] == ["1 relay", "2 relays", "0 packets"]


def test_round_trips_are_a_range() -> None:
    """Nothing where nothing was answered, one figure where both are the same."""
    assert round_trip_text([]) == ""
    assert round_trip_text([5.7, 27.2]) == ", after 5.7 to 27 ms"
    assert round_trip_text([5.71, 5.72]) == ", after 5.7 ms"
    assert span_of(RoundTrips(n=0)) == []


def test_sentences_begin_large_and_end() -> None:
    """What ends already gets no second stop."""
    assert [capitalised("a b"), capitalised("a b."), capitalised("")] == ["A b.", "A b.", "."]
