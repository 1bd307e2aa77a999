"""Claims as data: one TOML file each; a researcher adds one without touching code."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

Scope = Literal["look", "address", "look+address"]
T = TypeVar("T")
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Change = Annotated[float, msgspec.Meta(ge=-1.0, le=1.0)]
"""A change of a share."""
Margin = Annotated[float, msgspec.Meta(gt=0.0, le=1.0)]
Days = Annotated[int, msgspec.Meta(ge=1, le=366)]
Tolerance = Annotated[int, msgspec.Meta(ge=0, le=28)]
"""Days before and after a claimed one."""
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Text = Annotated[str, msgspec.Meta(min_length=1)]

MAX_BYTES: Final = 1 << 20
EARLIEST, LATEST = date(2000, 1, 1), date(2099, 12, 31)
FIRST_VOLUNTEER_DAY: Final = date(2026, 11, 1)
"""No volunteer measured before this project existed: a claim dated earlier has no baseline in real data."""


class ClaimError(Exception):
    """A claim file cannot be used; the message is one sentence naming file, key and reason."""


class Minimum(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Below any of these the verdict is *insufficient*, with the code named (scaled to 10 + 10 days)."""

    volunteers: Count = 12
    """In the named country; else ``few-volunteers``."""
    effective_clusters: Annotated[float, msgspec.Meta(ge=0.0, le=1e6)] = 12.0
    """(Σw)²/Σw² over those volunteers; else ``few-volunteers``."""
    days_before: Count = 7
    """With votes; else ``no-baseline``."""
    votes_before: Count = 60
    """Volunteer-days; else ``no-baseline``."""
    days_after: Count = 3
    """Else ``few-days-after``."""
    votes_after: Count = 40
    """Else ``few-volunteers``."""
    networks: Count = 3
    """Else ``one-network``."""
    network_share: Share = 0.6
    """Largest share of the weight that one network may have; else ``one-network``."""
    volunteers_elsewhere: Count = 15
    """Else ``no-control``."""
    countries_elsewhere: Count = 2
    """Else ``no-control``."""
    paired_ratio: Share = 0.8
    """Attempts that have a control within the run; else ``no-control``."""


class Claim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One public claim and how it is to be judged."""

    id: str
    text: Text
    """The claim in one sentence, as the sources have it."""
    source: Text
    """Where it was made: an address; or, in words, that nobody's published claim stands behind it."""
    source_date: date | None = None
    """When the source says so; null where its date is not known."""
    date: date
    """Local day on which the restriction is claimed to have begun."""
    country: Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")]
    """ISO 3166-1 alpha-2."""
    timezone: str
    """IANA name: what a day is."""
    estimand: Text
    """What exactly is estimated, for whom."""
    scope: Scope
    """Evidence that a refutation needs: of the look, of the address, or of both."""
    rule: str
    """Name of a function in ``callanalysis.rules``."""
    refuted_if: Text
    """What would refute it, in words."""
    parameters: dict[str, Any] = {}
    """Parameters of the rule; checked against the rule's own list."""
    minimum: Minimum = Minimum()
    window_days: Days = 28
    """Days before and after ``date`` that are looked at."""
    order: Count = 100
    """Place in the table."""


def _check(claim: Claim, path: Path) -> Claim:
    try:
        ZoneInfo(claim.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ClaimError(f"{path} key timezone: {claim.timezone!r} is no IANA time zone.") from None
    if not EARLIEST <= claim.date <= LATEST:
        raise ClaimError(f"{path} key date: {claim.date} is not within {EARLIEST} and {LATEST}.")
    if claim.id != path.stem:
        raise ClaimError(f"{path} key id: {claim.id!r} must equal the file's name without .toml.")
    return claim


def load_claim(path: Path) -> Claim:
    """Return the claim in ``path``.

    Raises:
        ClaimError: One sentence naming file, key and reason.
    """
    try:
        return _check(msgspec.toml.decode(_read(path), type=Claim), path)
    except msgspec.ValidationError as error:
        raise ClaimError(f"{path} is no claim: {_plain(error)}.") from None
    except RecursionError:
        raise ClaimError(f"{path} is nested too deep: a claim needs three levels.") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise ClaimError(f"{path} is no TOML: {error}.") from None
    except OSError as error:
        raise ClaimError(f"{path} cannot be read: {error.strerror}.") from None


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ClaimError(f"{path} is too large: a claim has at most {MAX_BYTES} bytes.")
    return data


def _plain(error: msgspec.ValidationError) -> str:
    """Return msgspec's sentence with its path ``$.a.b`` as a key."""
    reason, _, where = str(error).partition(" - at `$")
    key = where.strip("`.").removesuffix("`")
    return f"key {key}: {reason}" if key else reason


def load_claims(folder: Path) -> list[Claim]:
    """Return every claim below ``folder`` in the order of the table.

    Raises:
        ClaimError: No folder, no file, or one that cannot be used.
    """
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise ClaimError(f"{folder} holds no claim (*.toml): give a folder of claims with --claims.")
    return sorted((load_claim(file) for file in files), key=lambda claim: (claim.order, claim.id))


def parameters_of(claim: Claim, kind: type[T]) -> T:
    """Return the claim's parameters as the rule's own type.

    Raises:
        ClaimError: A parameter is unknown, missing or of the wrong kind.
    """
    try:
        return msgspec.convert(claim.parameters, kind)
    except msgspec.ValidationError as error:
        raise ClaimError(f"Claim {claim.id}, [parameters] of rule {claim.rule}: {_plain(error)}.") from None


def default_folder() -> Path:
    """Return the claims of the checkout, or those packed into the wheel."""
    here = Path(__file__).resolve().parent
    checkout = here.parent / "claims"
    return checkout if checkout.is_dir() else here / "claim_files"
