"""The policy of an emulated censor, and of an innocent bad line: phases of rules, read from TOML.

A rule is a match and one effect. Rules are tried in the order of the file: the first that drops a packet
wins, delays add up. Every parameter that nobody has measured is named in ``assumptions``, so that a reader of
a policy sees what is known and what was invented for the test.
"""

import ipaddress
import re
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Final, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from callprobe.censor.classes import CLASSES
from callprobe.scenario.toml import TomlError, parse_toml, read_bytes

Ratio = Annotated[float, Meta(ge=0.0, le=1.0)]
Seconds = Annotated[float, Meta(ge=0.0, le=1e7)]
"""Up to four months; every figure has an upper bound, so that no arithmetic on it can overflow."""
Millis = Annotated[float, Meta(ge=0.0, le=600_000.0)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Count = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Name = Annotated[str, Meta(min_length=1)]
Direction = Literal["up", "down", "both"]
"""``up`` leaves the client; a flow belongs to the end that sent its first packet, the client."""

RESIDUAL_S: Final = 420.0
"""How long a condemned flow stays condemned: the figure published for the QUIC rule, s."""


class PolicyError(ValueError):
    """The policy cannot be used; the message is one sentence naming file, key, reason and what is allowed."""


class Match(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which packets a rule looks at; every condition that is given must hold."""

    protocol: Literal["udp", "tcp", "any"] = "udp"
    """TCP stays untouched unless a rule says so."""
    direction: Direction = "both"
    packet: tuple[str, ...] = ()
    """This packet is of one of these classes (or of a special case of one); empty = any packet."""
    classified: tuple[str, ...] = ()
    """The flow has shown a packet of one of these classes, now or earlier, in either direction."""
    first_packets: Count | None = None
    """Only the first packets of a flow, both directions counted, are looked at; with ``classified``, the
    class must have shown within them and the rule then holds for the rest of the flow."""
    destination_prefixes: tuple[str, ...] = ()
    """CIDR prefixes, one of which holds the server's address."""
    destination_ports: tuple[Port, ...] = ()
    """Ports, one of which is the server's."""


class Kill(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="kill"):
    """Drop this packet and all later ones of the flow; after ``duration_s`` the flow is forgotten."""

    direction: Direction = "both"
    """The direction that dies, whichever direction the matching packet had."""
    duration_s: Annotated[float, Meta(gt=0.0, le=1e7)] = RESIDUAL_S


class Drop(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="drop"):
    """Drop each packet independently."""

    ratio: Ratio


class Gilbert(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="gilbert"):
    """Lose packets in bursts: Gilbert-Elliott's chain of a good and a bad state, started in equilibrium.

    Given either by ``loss_ratio`` and one of ``burst_packets`` and ``burst_ms``, or by the four probabilities
    ``p``, ``r``, ``h`` and ``g0``. With ``burst_ms`` the chain runs in time instead of packets, so that
    streams of different packet rates meet the same bursts.
    """

    loss_ratio: Annotated[float, Meta(gt=0.0, lt=1.0)] | None = None
    """Share of packets lost in the long run."""
    burst_packets: Annotated[float, Meta(ge=1.0, le=1e7)] | None = None
    """Mean number of packets spent in the bad state."""
    burst_ms: Annotated[float, Meta(ge=0.001, le=600_000.0)] | None = None
    """Mean stay in the bad state, ms."""
    p: Annotated[float, Meta(gt=0.0, le=1.0)] | None = None
    """Probability per packet of turning from good to bad."""
    r: Annotated[float, Meta(gt=0.0, le=1.0)] | None = None
    """Probability per packet of turning from bad to good."""
    h: Annotated[float, Meta(gt=0.0, le=1.0)] = 1.0
    """Probability of loss in the bad state."""
    g0: Ratio = 0.0
    """Probability of loss in the good state."""

    def __post_init__(self) -> None:
        by_figures = self.loss_ratio is not None and (self.burst_packets is None) != (self.burst_ms is None)
        by_chain = self.p is not None and self.r is not None
        only_figures = by_figures and self.p is None and self.r is None
        only_chain = by_chain and (self.loss_ratio, self.burst_packets, self.burst_ms) == (None, None, None)
        if not (only_figures or only_chain):
            raise ValueError("give loss_ratio with one of burst_packets and burst_ms, or p with r")
        if self.loss_ratio is not None and not self.g0 < self.loss_ratio < self.h:
            raise ValueError("loss_ratio must lie between g0 and h")
        if self.loss_ratio is not None and not 0.0 < self.bad_share < 1.0:
            raise ValueError("loss_ratio lies too close to g0 or h")
        if self.burst_packets is not None and self.bad_share / (1 - self.bad_share) > self.burst_packets:
            raise ValueError("so high a loss_ratio needs longer bursts: raise burst_packets")

    @property
    def bad_share(self) -> float:
        """Long-run share of the bad state, 0..1."""
        if self.loss_ratio is not None:
            return (self.loss_ratio - self.g0) / (self.h - self.g0)
        assert self.p is not None
        assert self.r is not None
        return self.p / (self.p + self.r)


class Delay(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="delay"):
    """Hold each packet for ``delay_ms``, plus or minus up to ``jitter_ms`` (uniform), never below zero."""

    delay_ms: Millis
    jitter_ms: Millis = 0.0
    keep_order: bool = False
    """Release no packet before an earlier one of the same flow and direction."""


class Duplicate(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="duplicate"
):
    """Release a second copy of a share of the packets."""

    ratio: Ratio
    gap_ms: Millis = 0.0
    """The second copy follows so long after the first, ms."""


class Rate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="rate"):
    """Police each direction of a flow with a token bucket: what finds it empty is dropped."""

    kbit_s: Annotated[float, Meta(gt=0.0, le=1e7)]
    """Of IP packets, headers included."""
    burst_bytes: Count = 8192
    """Size of the bucket, full at the start."""


Effect = Kill | Drop | Gilbert | Delay | Duplicate | Rate


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A match and what befalls the packets that it finds."""

    id: Name
    """Names the rule in the truth log; the same id in a later phase goes on with the same draws."""
    evidence: Name
    """What is known of it, with its source."""
    certainty: Literal["certain", "likely", "plausible", "assumed"]
    assumptions: tuple[str, ...] = ()
    """Keys of this rule (its own, of ``match`` or of ``effect``) whose value nobody has measured."""
    match: Match = Match()
    probability: Ratio = 1.0
    """Share of flows that the rule can act on; drawn once per flow."""
    effect: Effect


class Phase(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules in force from ``at_s`` until the next phase."""

    at_s: Seconds
    """Seconds from the start of the run."""
    rules: tuple[Rule, ...] = ()


class Policy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole policy; the first phase starts at 0."""

    schema: Literal[1]
    name: Name
    seed: Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
    """Every random choice follows from it."""
    phases: Annotated[tuple[Phase, ...], Meta(min_length=1)]


def load_policy(path: Path) -> Policy:
    """Return the policy in a TOML file. Raises PolicyError, also for a file that cannot be read."""
    try:
        data = read_bytes(path)
    except TomlError as error:
        raise PolicyError(str(error)) from error
    return _parsed(data, str(path))


def parse_policy(text: str, name: str) -> Policy:
    """Return the policy in a TOML text; ``name`` stands for the file in messages. Raises PolicyError."""
    return _parsed(text.encode(), name)


def _parsed(data: bytes, name: str) -> Policy:
    try:
        policy = msgspec.convert(parse_toml(data, name), Policy)
        _check(policy)
    except TomlError as error:
        raise PolicyError(str(error)) from error
    except msgspec.ValidationError as error:
        raise PolicyError(f"{name}: {_sentence(str(error))}") from error
    except _MisfitError as error:
        raise PolicyError(f"{name}: {error}") from error
    return policy


class _MisfitError(Exception):
    """A value of the right type that makes no sense where it stands."""


def _sentence(message: str) -> str:
    """Turn msgspec's ``reason - at `$.path` `` into ``path: reason; allowed are …``."""
    reason, _, place = message.partition(" - at ")
    key = place.strip("`").removeprefix("$").removeprefix(".")
    last = re.sub(r"\[[^]]*\]", "", key).rpartition(".")[2]
    asks_for_choice = reason.startswith(("Invalid enum", "Invalid value", "Object contains unknown"))
    allowed = f"; allowed are {_ALLOWED[last]}" if asks_for_choice and last in _ALLOWED else ""
    return f"{key}: {reason}{allowed}" if key else f"{reason}{allowed}"


def _keys(*types: type[Struct]) -> str:
    """List the keys of one kind of table, or of each kind of effect."""
    if len(types) == 1:
        return ", ".join(types[0].__struct_fields__)
    return "; ".join(f"{kind.__struct_config__.tag}: {', '.join(kind.__struct_fields__)}" for kind in types)


_ALLOWED: Final = {
    "": _keys(Policy),
    "phases": _keys(Phase),
    "rules": _keys(Rule),
    "match": _keys(Match),
    "effect": _keys(*get_args(Effect)),
    "kind": ", ".join(str(kind.__struct_config__.tag) for kind in get_args(Effect)),
    "direction": ", ".join(get_args(Direction)),
    "protocol": "udp, tcp, any",
    "certainty": "certain, likely, plausible, assumed",
    "schema": "1",
}


def _check(policy: Policy) -> None:
    starts = [phase.at_s for phase in policy.phases]
    if starts[0] != 0.0 or any(later <= earlier for earlier, later in pairwise(starts)):
        raise _MisfitError(f"phases[...].at_s: {starts} must start at 0.0 and rise")
    for index, phase in enumerate(policy.phases):
        _check_phase(phase, f"phases[{index}]")


def _check_phase(phase: Phase, place: str) -> None:
    seen: set[str] = set()
    for index, rule in enumerate(phase.rules):
        here = f"{place}.rules[{index}]"
        if rule.id in seen:
            raise _MisfitError(f"{here}.id: {rule.id!r} stands twice in this phase; each needs its own")
        seen.add(rule.id)
        _check_match(rule.match, f"{here}.match")
        _check_assumptions(rule, f"{here}.assumptions")


def _check_match(match: Match, place: str) -> None:
    for key, names in (("packet", match.packet), ("classified", match.classified)):
        unknown = [name for name in names if name not in CLASSES]
        if unknown:
            raise _MisfitError(f"{place}.{key}: {unknown[0]!r} is no class; allowed are {', '.join(CLASSES)}")
        if names and match.protocol != "udp":
            raise _MisfitError(f"{place}.{key}: only UDP is classified; set protocol = 'udp'")
    for prefix in match.destination_prefixes:
        try:
            ipaddress.ip_network(prefix)
        except ValueError as error:
            raise _MisfitError(f"{place}.destination_prefixes: {error}; write 203.0.113.0/24") from error


def _check_assumptions(rule: Rule, place: str) -> None:
    known = {*rule.__struct_fields__, *rule.match.__struct_fields__, *rule.effect.__struct_fields__}
    unknown = [key for key in rule.assumptions if key not in known]
    if unknown:
        names = ", ".join(sorted(known))
        raise _MisfitError(f"{place}: {unknown[0]!r} is no key of this rule; allowed are {names}")
