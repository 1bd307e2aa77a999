"""What commands that read recordings share."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from callprobe.cli.donation import Donation, donation, donation_options, give_captures
from callprobe.cli.errors import WrongInputError
from callprobe.vantage.redaction import WITHHELD
from callresults.codec import decode
from helpers.findings import FAR, OWN, both_ways, findings, service, stream
from helpers.synthetic import call_keys, measurement

WANTED = Donation(target=None, save=False, country="ZZ", asn="AS0", access_type="other")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The probe's folder."""
    monkeypatch.setenv("CALLPROBE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_command_gets_the_options_of_a_donation() -> None:
    @click.command
    @donation_options
    def command(**options: object) -> None:
        click.echo(repr(donation(**options)))  # type: ignore[arg-type]

    given = CliRunner().invoke(command, ["--measurement", "x", "--asn", "64500", "--access-type", "wired"])
    nothing = CliRunner().invoke(command, [])

    assert given.stdout.strip() == repr(
        Donation("x", save=False, country="ZZ", asn="AS64500", access_type="wired")
    )
    assert nothing.stdout.strip() == repr(WANTED)
    assert "They tell of your calls" in CliRunner().invoke(command, ["--help"]).stdout.replace("\n  ", " ")


def test_nothing_is_wanted_unless_it_is_said() -> None:
    assert not WANTED.wanted
    assert WANTED._replace(save=True).wanted
    assert WANTED._replace(target="-").takes_stdout


@pytest.mark.parametrize(("asn", "stands"), [("AS64500", "AS64500"), ("64500", "AS64500"), ("AS0", "AS0")])
def test_a_network_is_named_with_or_without_its_letters(asn: str, stands: str) -> None:
    assert donation(target=None, save=False, country="ZZ", asn=asn, access_type="other").asn == stands


@pytest.mark.parametrize(
    ("country", "asn"), [("ru", "AS0"), ("RUS", "AS0"), ("ZZ", "as1"), ("ZZ", "AS"), ("ZZ", "-1")]
)
def test_what_is_no_country_or_network_is_refused(country: str, asn: str) -> None:
    with pytest.raises(WrongInputError, match=r"is no (country|network)"):
        donation(target=None, save=False, country=country, asn=asn, access_type="other")


def test_measurements_are_redacted_once_more_before_they_are_written(tmp_path: Path) -> None:
    """Whoever made them: what a volunteer gives passes through the same gate as what a run saves."""
    leaking = measurement(call_keys(duration_s=1.0, responder_id="at 192.0.2.77"))
    WANTED._replace(target=str(tmp_path / "one")).give([leaking])

    written = decode((tmp_path / "one").read_bytes().rstrip(b"\n"))
    assert written.test_keys.responder_id == WITHHELD  # type: ignore[union-attr]


def test_the_donors_pseudonym_is_kept(home: Path) -> None:
    first, again = WANTED.donor(), WANTED.donor()

    assert first == again
    assert (home / "identity").is_dir()


def test_a_folder_that_cannot_be_written_is_one_sentence(home: Path) -> None:
    home.parent.mkdir(exist_ok=True)
    home.write_text("a file")

    with pytest.raises(WrongInputError):
        WANTED._replace(save=True).give([measurement(call_keys(duration_s=1.0))])


def test_calls_of_captures_are_given_with_the_look_that_comes_nearest(tmp_path: Path) -> None:
    found = findings(
        flows=both_ways(OWN, FAR),
        rtp=(stream(OWN, FAR, 1, 9), stream(FAR, OWN, 1, 9)),
        service=service("webrtc"),
    )
    give_captures([found, found], WANTED._replace(target=str(tmp_path / "calls")))
    first, second = map(decode, (tmp_path / "calls").read_bytes().splitlines())

    assert first == second
    assert first.annotations.source == "capture"
    assert first.test_keys.capture.nearest_look == "webrtc-aiortc"  # type: ignore[union-attr]
