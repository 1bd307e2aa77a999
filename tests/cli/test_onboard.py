"""``callprobe onboard`` takes a yes for the text that was shown, and nothing else."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from callprobe.cli.onboard import onboard_command
from callprobe.vantage.consent import CONSENT_HASH, CONSENT_TEXT, consent_given


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CALLPROBE_HOME", str(tmp_path))
    return tmp_path


def onboard(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(onboard_command, arguments, input=answer)


def test_yes_after_the_text_is_remembered(home: Path) -> None:
    ended = onboard(answer="y\n")

    assert ended.exit_code == 0
    assert CONSENT_TEXT in ended.stdout
    assert consent_given(home, CONSENT_HASH)
    assert "You have agreed" in onboard().stdout


@pytest.mark.parametrize(("answer", "code"), [("n\n", 1), ("\n", 1), ("", 2)])
def test_anything_but_yes_is_no(home: Path, answer: str, code: int) -> None:
    assert onboard(answer=answer).exit_code == code
    assert not consent_given(home, CONSENT_HASH)


def test_unattended_consent_names_the_text(home: Path) -> None:
    assert onboard("--accept-consent", CONSENT_HASH).exit_code == 0
    assert consent_given(home, CONSENT_HASH)


def test_consent_to_another_text_is_refused(home: Path) -> None:
    ended = onboard("--accept-consent", "sha256:old")

    assert ended.exit_code == 2
    assert CONSENT_HASH in ended.stderr
    assert not consent_given(home, CONSENT_HASH)
