"""The decision core: which packets of which flows pass, when, and by which rule.

Pure: time is an argument, every random choice follows from the seed. There is one stream per (seed, protocol,
flow index, direction, rule), and flows are numbered per protocol in the order of their first packets, so the
same seed loses the same packets behind a relay, in network namespaces and on the virtual clock.
"""

import hashlib
import ipaddress
import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Final, Literal, NamedTuple

from callprobe.censor.classes import classify, covered_by
from callprobe.censor.effects import DROPPED, Act, make_act, make_copies
from callprobe.censor.policy import RESIDUAL_S, Duplicate, Kill, Policy, Rule

Address = tuple[str, int]
Way = Literal["up", "down"]

IDLE_S: Final = RESIDUAL_S + 180.0
"""A flow without packets for so long, and not condemned, is forgotten, s."""
SWEEP_S: Final = 60.0
"""How often idle flows are looked for, s."""
MAX_FLOWS: Final = 100_000
"""Above this the flow opened first is forgotten, so that a flood cannot fill the memory."""
_ALWAYS: Final = 1 << 62


class FlowTuple(NamedTuple):
    """A five-tuple as the censor sees it; the client is the end that sent first."""

    protocol: str
    client: Address
    server: Address


class Decision(NamedTuple):
    """What becomes of one packet."""

    release_ns: tuple[int, ...]
    """Empty = dropped; one entry = passed, perhaps later; two = duplicated."""
    rule_id: str | None
    """The rule that dropped, or else the last that delayed or duplicated."""
    flow_index: int
    """Number of the flow within its protocol, from 0."""
    packet_class: str | None
    """None where no rule needed to know."""


class _Step(NamedTuple):
    """One rule, ready for the packets of a flow in one direction."""

    rule_id: str
    classes: frozenset[str] | None
    until_packet: int
    act: Act


class _Copier(NamedTuple):
    rule_id: str
    classes: frozenset[str] | None
    until_packet: int
    gap_ns: Callable[[], int | None]


class _Plan(NamedTuple):
    steps: tuple[_Step, ...]
    copiers: tuple[_Copier, ...]


class _Compiled(NamedTuple):
    """A rule with its classes spread out and its prefixes parsed."""

    rule: Rule
    packet: frozenset[str] | None
    classified: frozenset[str] | None
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    until_packet: int


class _Flow:
    """What the censor remembers of a five-tuple."""

    __slots__ = (
        "actors",
        "dead_down_ns",
        "dead_rule_id",
        "dead_up_ns",
        "down",
        "index",
        "last_ns",
        "packets",
        "phase",
        "shown",
        "up",
        "watch_until",
    )

    def __init__(self, index: int, now_ns: int) -> None:
        self.index = index
        self.last_ns = now_ns
        self.packets = 0
        self.shown: dict[str, int] = {}
        self.actors: dict[tuple[str, Way, object], Act | Callable[[], int | None]] = {}
        self.phase = -1
        self.up = self.down = _Plan((), ())
        self.watch_until = 0
        self.dead_up_ns = self.dead_down_ns = 0
        self.dead_rule_id: str | None = None

    def condemn(self, rule_id: str, kill: Kill, now_ns: int) -> None:
        until_ns = now_ns + round(kill.duration_s * 1e9)
        self.dead_rule_id = rule_id
        if kill.direction != "down":
            self.dead_up_ns = until_ns
        if kill.direction != "up":
            self.dead_down_ns = until_ns

    def acquit(self) -> None:
        """Forget the flow's past, as a middlebox does whose entry has run out; its number stays."""
        self.dead_up_ns = self.dead_down_ns = self.packets = 0
        self.dead_rule_id = None
        self.shown.clear()
        self.phase = -1


class Censor:
    """A policy at work; ``seed`` replaces the policy's own, ``start_ns`` is when its first phase begins."""

    def __init__(self, policy: Policy, *, seed: int | None = None, start_ns: int = 0) -> None:
        self.policy = policy
        self.seed = policy.seed if seed is None else seed
        self._starts_ns = [start_ns + round(phase.at_s * 1e9) for phase in policy.phases]
        self._rules = [tuple(_compile(rule) for rule in phase.rules) for phase in policy.phases]
        self._flows: dict[FlowTuple, _Flow] = {}
        self._opened: Counter[str] = Counter()
        self._next_sweep_ns = start_ns
        self._phase, self._from_ns, self._until_ns = 0, 0, 0
        self._enter_phase(start_ns)

    def decide(self, now_ns: int, direction: Way, flow: FlowTuple, payload: bytes, size: int) -> Decision:
        """Judge one packet that arrives at ``now_ns``; ``size`` is that of the IP packet, bytes."""
        if not self._from_ns <= now_ns < self._until_ns:
            self._enter_phase(now_ns)
        state = self._flows.get(flow) or self._open(now_ns, flow)
        state.last_ns = now_ns
        if state.dead_rule_id is not None:
            if now_ns < (state.dead_up_ns if direction == "up" else state.dead_down_ns):
                return Decision((), state.dead_rule_id, state.index, None)
            if now_ns >= state.dead_up_ns and now_ns >= state.dead_down_ns:
                state.acquit()
        state.packets += 1
        if state.phase != self._phase:
            self._plan(state, flow)
        packet_class = None
        if state.packets <= state.watch_until and flow.protocol == "udp":
            packet_class = classify(payload)
            if packet_class not in state.shown:
                state.shown[packet_class] = state.packets
                self._plan(state, flow)
        return _follow(state, direction, now_ns, size, packet_class)

    @property
    def open_flows(self) -> int:
        """Number of flows remembered."""
        return len(self._flows)

    def _enter_phase(self, now_ns: int) -> None:
        """Find the phase of ``now_ns``; before the first, the first holds."""
        self._phase = index = max(0, bisect_right(self._starts_ns, now_ns) - 1)
        self._from_ns = self._starts_ns[index] if index else -_ALWAYS
        following = index + 1
        self._until_ns = self._starts_ns[following] if following < len(self._starts_ns) else _ALWAYS

    def _open(self, now_ns: int, flow: FlowTuple) -> _Flow:
        if now_ns >= self._next_sweep_ns:
            self._sweep(now_ns)
        if len(self._flows) >= MAX_FLOWS:
            del self._flows[next(iter(self._flows))]
        state = self._flows[flow] = _Flow(self._opened[flow.protocol], now_ns)
        self._opened[flow.protocol] += 1
        return state

    def _sweep(self, now_ns: int) -> None:
        self._next_sweep_ns = now_ns + round(SWEEP_S * 1e9)
        idle_since_ns = now_ns - round(IDLE_S * 1e9)
        self._flows = {
            flow: state
            for flow, state in self._flows.items()
            if max(state.last_ns - idle_since_ns, state.dead_up_ns - now_ns, state.dead_down_ns - now_ns) > 0
        }

    def _plan(self, state: _Flow, flow: FlowTuple) -> None:
        """Work out which rules can touch the flow from now on, as far as what it has shown tells."""
        state.phase = self._phase
        rules = [
            rule
            for rule in self._rules[self._phase]
            if _concerns(rule, flow) and self._is_drawn(rule.rule, state, flow)
        ]
        waiting = [rule for rule in rules if rule.classified and not _recognised(rule, state)]
        ready = [rule for rule in rules if rule not in waiting]
        by_class = [rule.until_packet for rule in ready if rule.packet]
        state.watch_until = max([*by_class, *(rule.until_packet for rule in waiting)], default=0)
        state.up = self._plan_way("up", ready, state, flow)
        state.down = self._plan_way("down", ready, state, flow)

    def _is_drawn(self, rule: Rule, state: _Flow, flow: FlowTuple) -> bool:
        if rule.probability >= 1.0:
            return True
        draw = _digest(self.seed, flow.protocol, state.index, "both", rule.id)
        return draw < rule.probability * 2.0**64

    def _plan_way(self, way: Way, rules: list[_Compiled], state: _Flow, flow: FlowTuple) -> _Plan:
        steps: list[_Step] = []
        copiers: list[_Copier] = []
        for compiled in rules:
            rule = compiled.rule
            if rule.match.direction not in {way, "both"}:
                continue
            until = _ALWAYS if compiled.classified else compiled.until_packet
            actor = self._actor(rule, way, state, flow)
            if isinstance(rule.effect, Duplicate):
                copiers.append(_Copier(rule.id, compiled.packet, until, actor))  # type: ignore[arg-type]
            else:
                steps.append(_Step(rule.id, compiled.packet, until, actor))  # type: ignore[arg-type]
        return _Plan(tuple(steps), tuple(copiers))

    def _actor(self, rule: Rule, way: Way, state: _Flow, flow: FlowTuple) -> Act | Callable[[], int | None]:
        key = (rule.id, way, rule.effect)
        if key not in state.actors:
            state.actors[key] = self._make_actor(rule, way, state, flow)
        return state.actors[key]

    def _make_actor(
        self, rule: Rule, way: Way, state: _Flow, flow: FlowTuple
    ) -> Act | Callable[[], int | None]:
        effect = rule.effect
        if isinstance(effect, Kill):
            return _killer(state, rule.id, effect, way)
        random = Random(_digest(self.seed, flow.protocol, state.index, way, rule.id))
        return make_copies(effect, random) if isinstance(effect, Duplicate) else make_act(effect, random)


def _follow(state: _Flow, way: Way, now_ns: int, size: int, packet_class: str | None) -> Decision:
    """Take a packet through the steps of its direction."""
    plan = state.up if way == "up" else state.down
    packets = state.packets
    due_ns = now_ns
    rule_id = None
    for step_id, classes, until_packet, act in plan.steps:
        if packets > until_packet or (classes is not None and packet_class not in classes):
            continue
        hold_ns = act(now_ns, size)
        if hold_ns == DROPPED:
            return Decision((), step_id, state.index, packet_class)
        if hold_ns:
            due_ns += hold_ns
            rule_id = step_id
    if not plan.copiers:
        return Decision((due_ns,), rule_id, state.index, packet_class)
    return _copy(plan.copiers, state, due_ns, rule_id, packet_class)


def _copy(
    copiers: tuple[_Copier, ...], state: _Flow, due_ns: int, rule_id: str | None, packet_class: str | None
) -> Decision:
    """Let the first rule that wants to send a second copy do so."""
    for copier_id, classes, until_packet, gap_ns in copiers:
        if state.packets > until_packet or (classes is not None and packet_class not in classes):
            continue
        gap = gap_ns()
        if gap is not None:
            return Decision((due_ns, due_ns + gap), copier_id, state.index, packet_class)
    return Decision((due_ns,), rule_id, state.index, packet_class)


def _killer(state: _Flow, rule_id: str, kill: Kill, way: Way) -> Act:
    """Return the actor that condemns the flow; it drops the packet at hand if its direction dies too."""
    answer = DROPPED if kill.direction in {way, "both"} else 0

    def act(now_ns: int, _size: int) -> int:
        state.condemn(rule_id, kill, now_ns)
        return answer

    return act


def _compile(rule: Rule) -> _Compiled:
    match = rule.match
    return _Compiled(
        rule=rule,
        packet=frozenset().union(*map(covered_by, match.packet)) if match.packet else None,
        classified=frozenset().union(*map(covered_by, match.classified)) if match.classified else None,
        networks=tuple(map(ipaddress.ip_network, match.destination_prefixes)),
        until_packet=match.first_packets or _ALWAYS,
    )


def _concerns(compiled: _Compiled, flow: FlowTuple) -> bool:
    """Say whether a rule can ever touch the flow, by protocol, port and address."""
    match = compiled.rule.match
    host, port = flow.server
    if match.protocol not in {flow.protocol, "any"}:
        return False
    if match.destination_ports and port not in match.destination_ports:
        return False
    if not compiled.networks:
        return True
    address = ipaddress.ip_address(host)
    return any(address in network for network in compiled.networks)


def _recognised(compiled: _Compiled, state: _Flow) -> bool:
    """Say whether the flow has shown one of the rule's classes early enough."""
    assert compiled.classified is not None
    first = min((state.shown.get(name, math.inf) for name in compiled.classified), default=math.inf)
    return first <= compiled.until_packet


def _digest(seed: int, protocol: str, index: int, way: str, rule_id: str) -> int:
    """Return 64 bits that depend on nothing else, the same on every machine and in every process."""
    key = f"{seed}|{protocol}|{index}|{way}|{rule_id}".encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big")
