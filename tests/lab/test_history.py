"""Histories as files: what is taken, and what is refused in one sentence."""

from datetime import date
from pathlib import Path

import pytest

from callprobe.lab.history import HistoryError, load_history
from callprobe.scenario.catalogue import default_root

FILE = default_root() / "incidents" / "2025-08-russia.toml"
TEXT = FILE.read_text("utf-8")


def load(tmp_path: Path, text: str):
    path = tmp_path / "history.toml"
    path.write_text(text, "utf-8")
    return load_history(path)


def complaint(tmp_path: Path, text: str) -> str:
    with pytest.raises(HistoryError) as caught:
        load(tmp_path, text)
    sentence = str(caught.value)
    assert str(tmp_path / "history.toml") in sentence
    assert "\n" not in sentence
    return sentence


def test_history_of_august_2025_is_as_large_as_it_must_be() -> None:
    history = load_history(FILE)
    russia, *others = history.countries
    assert (history.days[0], history.days[-1], len(history.days)) == (date(2025, 8, 1), date(2025, 8, 20), 20)
    assert russia.code == "RU"
    assert len(russia.networks) >= 8
    assert sum(network.volunteers for network in russia.networks) >= 60
    assert len(others) == 3
    assert sum(network.volunteers for country in others for network in country.networks) >= 60
    assert any(not network.probability for network in russia.networks)
    assert not any(network.probability for country in others for network in country.networks)
    assert history.expected.keys() == history.expected_off.keys()


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("schema = 1", "schema = 2", "schema: 2 is unknown; allowed is 1"),
        ("first_day = 2025-08-01", "first_day = 2025-09-01", "last_day: lies before first_day"),
        ('asn = "AS64496"', 'asn = "AS12389"', "'AS12389' may be a real network"),
        ('asn = "AS64496"', 'asn = "MTS"', "'MTS' may be a real network"),
        ('asn = "AS64496"', 'asn = "AS64497"', "AS64497 is given twice"),
        ("telegram-look = 0.75", "telegram-look = 1.75", "<= 1.0"),
        ("policies = true", "politics = true", "unknown field `politics`"),
        ("schema = 1", "schema = = 1", "is not TOML"),
        (
            "restriction_start = 2025-08-11",
            "restriction_start = 2025-08-22",
            "restriction_start: 2025-08-22 is",
        ),
        ("restriction_start = 2025-08-11", "restriction_start = 2025-07-31", "2025-08-01 to 2025-08-20"),
        ("last_day = 2025-08-20", "last_day = 9999-12-31", "allowed are 2000-01-01 to 2099-12-31"),
        ("first_day = 2025-08-01", "first_day = 0001-01-01", "allowed are 2000-01-01 to 2099-12-31"),
        ("volunteers = 8", "volunteers = 0", "volunteers"),
        ("volunteers = 8", "volunteers = -3", "volunteers"),
        ("volunteers = 8", "volunteers = 1000000000", "<= 10000"),
        ("telegram-look = 0.75", "telegram-look = nan", "probability"),
        ("telegram-look = 0.75", "telegram-look = inf", "probability"),
        ("active_share = 0.5", "active_share = nan", "active_share"),
        ("utc_offset_hours = 3.0", "utc_offset_hours = nan", "utc_offset_hours"),
        ("utc_offset_hours = 3.0", "utc_offset_hours = 1e300", "utc_offset_hours"),
        ("media_duration_s = 3.0", "media_duration_s = inf", "media_duration_s"),
        ("media_duration_s = 3.0", "media_duration_s = 0.0", "media_duration_s"),
        ("delay_ms = [8.0, 45.0]", "delay_ms = [8.0, inf]", "line.delay_ms"),
        ("delay_ms = [8.0, 45.0]", "delay_ms = [45.0, 8.0]", "line.delay_ms: 45.0 lies above 8.0"),
        ("loss_ratio = [0.0, 0.008]", "loss_ratio = [nan, 0.008]", "line.loss_ratio"),
        ('asn = "AS64496"', 'asn = "64496"', "'64496' may be a real network"),
        ('asn = "AS64496"', 'asn = "AS²"', "'AS²' may be a real network"),
        ('code = "RU"', 'code = "../RU"', "code"),
        ('censor = "censors/august-2025"', 'censor = "\\u0000"', "censor"),
    ],
)
def test_mistake_is_named_in_one_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert old in TEXT
    assert sentence in complaint(tmp_path, TEXT.replace(old, new, 1))


def test_file_that_is_not_there_or_not_text_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="cannot be read: No such file"):
        load_history(tmp_path / "history.toml")
    (tmp_path / "history.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(HistoryError, match="is not TOML"):
        load_history(tmp_path / "history.toml")


def test_a_restriction_may_start_on_each_day_or_after_the_last(tmp_path: Path) -> None:
    """The day after the last one is how a history says never."""
    for day in ("2025-08-01", "2025-08-20", "2025-08-21"):
        text = TEXT.replace("restriction_start = 2025-08-11", f"restriction_start = {day}")
        assert load(tmp_path, text).restriction_start.isoformat() == day
