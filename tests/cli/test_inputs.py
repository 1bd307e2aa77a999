"""The probe's folder and a collector's URL, before anything is measured or sent."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from callprobe.cli.errors import WrongInputError
from callprobe.cli.inputs import checked_collector, home_folder, writable_home
from callprobe.vantage.consent import CONSENT_HASH, record_consent


def test_the_folder_is_made_and_left_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trial of the disk leaves nothing behind."""
    monkeypatch.setenv("CALLPROBE_HOME", str(tmp_path / "deep" / "home"))

    home = writable_home()

    assert home == home_folder() == tmp_path / "deep" / "home"
    assert [path.name for path in home.rglob("*")] == ["results"]


@pytest.mark.parametrize("obstacle", ["home", "home/results"])
def test_a_file_in_the_way_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, obstacle: str) -> None:
    """Nothing is measured that could not be kept."""
    monkeypatch.setenv("CALLPROBE_HOME", str(tmp_path / "home"))
    (tmp_path / obstacle).parent.mkdir(exist_ok=True)
    (tmp_path / obstacle).write_text("in the way")

    with pytest.raises(WrongInputError, match=r"home.*CALLPROBE_HOME"):
        writable_home()


def test_a_collector_on_this_machine_needs_no_consent(tmp_path: Path) -> None:
    """Loopback is for trying things out."""
    assert checked_collector("http://127.0.0.1:8080", tmp_path) == "http://127.0.0.1:8080"


def test_a_collector_elsewhere_needs_https_and_consent(tmp_path: Path) -> None:
    """In this order, so that nobody agrees to something that would then be refused."""
    with pytest.raises(WrongInputError, match="https://"):
        checked_collector("http://collector.example", tmp_path)
    with pytest.raises(WrongInputError, match="callprobe onboard"):
        checked_collector("https://collector.example", tmp_path)
    record_consent(tmp_path, CONSENT_HASH, datetime(2026, 11, 21, tzinfo=UTC))

    assert checked_collector("https://collector.example", tmp_path) == "https://collector.example"


@pytest.mark.parametrize("url", ["", "collector", "ftp://127.0.0.1", "http://[::1", "http://127.0.0.1:70000"])
def test_what_is_no_url_is_quoted(url: str, tmp_path: Path) -> None:
    """The sentence shows what was given and what is wanted."""
    with pytest.raises(WrongInputError, match=r"https://HOST\[:PORT\]"):
        checked_collector(url, tmp_path)
