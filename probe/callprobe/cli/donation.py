"""What commands that read recordings share: turning them into measurements that can be published."""

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import click

from callprobe import __version__
from callprobe.cli.errors import WrongInputError
from callprobe.cli.inputs import writable_home
from callresults.nettests.common import AccessType

if TYPE_CHECKING:
    from callprobe.pcap.dissect import Findings
    from callprobe.pcap.donation import Donor
    from callresults.measurement import Measurement

ACCESS_TYPES: Final = ("wired", "home-wifi", "phone-hotspot", "mobile-modem", "other")
STDOUT: Final = "-"
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_NETWORK: Final = re.compile(r"(?:AS)?(\d{1,10})")
_Command = TypeVar("_Command", bound=Callable[..., Any])


class Donation(NamedTuple):
    """What the person wants of the measurements, checked."""

    target: str | None
    save: bool
    country: str
    asn: str
    access_type: AccessType

    @property
    def wanted(self) -> bool:
        """Whether measurements are wanted at all."""
        return self.target is not None or self.save

    @property
    def takes_stdout(self) -> bool:
        """Whether they are what the command prints."""
        return self.target == STDOUT

    def donor(self) -> "Donor":
        """Return who gives, with the pseudonym that runs on the same network have. Raises WrongInputError."""
        from callprobe.pcap.donation import Donor
        from callprobe.vantage.identity import probe_id

        try:
            pseudonym = probe_id(writable_home(), f"{self.asn}-{self.country}")
        except OSError as error:
            raise WrongInputError(f"the pseudonym cannot be kept: {error.strerror or error}") from error
        return Donor(
            probe_id=pseudonym,
            software_version=__version__,
            country=self.country,
            asn=self.asn,
            access_type=self.access_type,
        )

    def give(self, measurements: "Sequence[Measurement]", own_addresses: Iterable[str] = ()) -> None:
        """Write measurements where they are wanted, one line each, and say on standard error what was done.

        Args:
            measurements: of everything that was read.
            own_addresses: the volunteer's, as far as they are known: looked for once more in every form.

        Raises:
            WrongInputError: the file or the probe's folder cannot be written.
        """
        from callprobe.vantage.redaction import redact
        from callresults.codec import canonical_bytes

        known = tuple(own_addresses)
        lines = [canonical_bytes(redact(measurement, known)) for measurement in measurements]
        if self.target is not None:
            _write(self.target, b"".join(line + b"\n" for line in lines))
        if self.save:
            _save(lines)
        done = [] if self.target is None else [f"written to {_place(self.target)}"]
        done += ["saved; callprobe upload sends them"] if self.save else []
        click.echo(f"{len(lines)} measurement(s) {' and '.join(done)}.", err=True)


def donation_options(command: _Command) -> _Command:
    """Give a command the options of a donation; ``donation`` takes them."""
    options = (
        click.option(
            "--measurement",
            "target",
            metavar="FILE|-",
            help="Write each call as a redacted measurement, one JSON line each; - is standard output.",
        ),
        click.option(
            "--save",
            is_flag=True,
            help="Keep the measurements with those of runs, for callprobe upload. They tell of your calls: "
            "when (to 5 minutes), by which service, and how they went.",
        ),
        click.option(
            "--country", default="ZZ", metavar="CC", help="Where it was recorded, as RU; ZZ unknown."
        ),
        click.option(
            "--asn", default="AS0", metavar="ASN", help="On whose network, as AS64500; AS0 unknown."
        ),
        click.option("--access-type", type=click.Choice(ACCESS_TYPES), default="other", show_default=True),
    )
    for option in reversed(options):
        command = option(command)
    return command


def donation(*, target: str | None, save: bool, country: str, asn: str, access_type: AccessType) -> Donation:
    """Return the checked options. Raises WrongInputError."""
    if not _COUNTRY.fullmatch(country):
        raise WrongInputError(f"--country: {country!r} is no country; two capital letters, or ZZ if unknown")
    found = _NETWORK.fullmatch(asn)
    if found is None:
        raise WrongInputError(f"--asn: {asn!r} is no network; AS and its number, or AS0 if unknown")
    return Donation(target, save, country, f"AS{int(found[1])}", access_type)


def give_captures(found: "Sequence[Findings]", wanted: Donation) -> None:
    """Give the calls of captures. Raises WrongInputError."""
    from callprobe.pcap.measurement import measurements
    from callprobe.pcap.recognise.distance import nearest

    donor = wanted.donor()
    made = [item for one in found for item in measurements(one, donor, distance=nearest(one))]
    wanted.give(made, [address for one in found for address in one.endpoint])


def _write(target: str, data: bytes) -> None:
    if target == STDOUT:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        Path(target).write_bytes(data)
    except OSError as error:
        raise WrongInputError(f"{target}: cannot be written: {error.strerror or error}") from error


def _save(lines: Iterable[bytes]) -> None:
    from callprobe.submit.outbox import Outbox

    outbox = Outbox(writable_home())
    try:
        for line in lines:
            outbox.save(line)
    except OSError as error:
        raise WrongInputError(f"the measurements cannot be saved: {error.strerror or error}") from error


def _place(target: str) -> str:
    return "standard output" if target == STDOUT else target
