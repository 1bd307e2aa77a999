"""The decision core: stickiness, phases, streams of randomness, bounded memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.censor import core
from callprobe.censor.core import Censor, Decision, FlowTuple, Way
from callprobe.censor.policy import parse_policy
from callprobe.censor.truth import TruthLog
from helpers.policies import policy, policy_text, rule

S = 1_000_000_000
PLAIN = bytes(160)
PING = bytes.fromhex("5cf39375beee0adbedeb3c096f7d66c8 ffffffffffffffffffffffff feffffff 000000000000007b")
RELAY_PING = bytes.fromhex("080100002112a44270758b44c723a74ed1934a3b")
BINDING = bytes.fromhex("000100002112a44270758b44c723a74ed1934a3b")
KILL = 'kind = "kill"'
DROP_ALL = 'kind = "drop"\nratio = 1.0'
HALF = 'kind = "drop"\nratio = 0.5'


def flow(port: int = 4000, server: tuple[str, int] = ("192.0.2.1", 3478), protocol: str = "udp") -> FlowTuple:
    """Return a five-tuple of a client's port."""
    return FlowTuple(protocol, ("198.51.100.7", port), server)


def passes(censor: Censor, now_ns: int, payload: bytes = PLAIN, way: Way = "up", port: int = 4000) -> bool:
    """Say whether a packet passes."""
    return bool(censor.decide(now_ns, way, flow(port), payload, len(payload) + 28).release_ns)


def test_no_rule_passes_at_once() -> None:
    """An empty policy releases each packet when it comes and looks at nothing."""
    decision = Censor(policy()).decide(5, "up", flow(), PING, 68)

    assert decision == Decision((5,), None, 0, None)


def test_kill_takes_the_packet_and_all_that_follow() -> None:
    """A condemned flow is silent in both directions until the residual time is over; others go on."""
    censor = Censor(policy(rule("k", KILL, match='packet = ["reflector-ping"]')))

    assert passes(censor, 0)
    assert not passes(censor, 1, PING)
    assert not passes(censor, 2)
    assert not passes(censor, 419 * S, way="down")
    assert passes(censor, 3, port=4001)
    assert passes(censor, 421 * S)
    assert not passes(censor, 422 * S, PING)


def test_kill_of_one_direction_spares_the_other() -> None:
    """With direction down, what the client sends still passes, the matching packet included."""
    censor = Censor(policy(rule("k", KILL + '\ndirection = "down"', match='packet = ["stun-request"]')))

    assert passes(censor, 0, BINDING)
    assert passes(censor, 1)
    assert not passes(censor, 2, way="down")


def test_first_packets_limits_the_look() -> None:
    """A rule on the first packet is fooled by a decoy in front."""
    censor = Censor(policy(rule("k", KILL, match='packet = ["stun-request"]\nfirst_packets = 1')))

    assert not passes(censor, 0, BINDING, port=1)
    assert passes(censor, 0, port=2)
    assert passes(censor, 1, BINDING, port=2)


@pytest.mark.parametrize(("shown_at", "is_hit"), [(2, True), (5, False)])
def test_classified_flow_stays_classified(shown_at: int, *, is_hit: bool) -> None:
    """Within the window one packet of the class, in either direction, is enough for the rest of the flow."""
    match = 'direction = "up"\nclassified = ["whatsapp-call"]\nfirst_packets = 4'
    censor = Censor(policy(rule("d", DROP_ALL, match=match)))
    before = [passes(censor, number) for number in range(1, shown_at)]
    passes(censor, shown_at, RELAY_PING, way="down")

    assert all(before)
    assert passes(censor, 10) is not is_hit
    assert passes(censor, 11, way="down")


@pytest.mark.parametrize(
    ("match", "hit", "missed"),
    [
        ('destination_prefixes = ["192.0.2.0/24"]', ("192.0.2.9", 1), ("203.0.113.9", 1)),
        ('destination_prefixes = ["2001:db8::/32"]', ("2001:db8::1", 1), ("192.0.2.9", 1)),
        ("destination_ports = [596, 1400]", ("192.0.2.9", 1400), ("192.0.2.9", 3478)),
    ],
)
def test_rule_acts_on_its_destinations(match: str, hit: tuple[str, int], missed: tuple[str, int]) -> None:
    """Prefixes and ports are those of the server."""
    censor = Censor(policy(rule("d", DROP_ALL, match=match)))

    assert censor.decide(0, "up", flow(server=hit), PLAIN, 188).rule_id == "d"
    assert censor.decide(0, "up", flow(server=missed), PLAIN, 188).release_ns == (0,)


def test_tcp_is_untouched_unless_a_rule_says_so() -> None:
    """A rule without protocol is about UDP."""
    silent, loud = (
        Censor(policy(rule("d", DROP_ALL))),
        Censor(policy(rule("d", DROP_ALL, match='protocol = "any"'))),
    )

    assert silent.decide(0, "up", flow(protocol="tcp"), b"", 40).release_ns == (0,)
    assert loud.decide(0, "up", flow(protocol="tcp"), b"", 40).release_ns == ()


def test_first_drop_wins_and_delays_add() -> None:
    """A packet that two rules hold waits for both; the log names the rule that dropped."""
    slow = 'kind = "delay"\ndelay_ms = 10'
    censor = Censor(policy(rule("a", slow), rule("b", slow), rule("c", KILL, match='packet = ["stun"]')))

    assert censor.decide(0, "up", flow(), PLAIN, 188) == Decision((20_000_000,), "b", 0, "other")
    assert censor.decide(1, "up", flow(), BINDING, 48) == Decision((), "c", 0, "stun-request")


def test_duplicate_is_released_twice() -> None:
    """A doubled packet has two release times."""
    censor = Censor(policy(rule("d", 'kind = "duplicate"\nratio = 1.0\ngap_ms = 2')))

    assert censor.decide(7, "up", flow(), PLAIN, 188) == Decision((7, 2_000_007), "d", 0, None)


def test_phases_switch_at_their_time() -> None:
    """A rule is in force from its phase's start to the next, to the nanosecond, also for running flows."""
    text = policy_text() + "[[phases]]\nat_s = 3.0\n" + rule("d", DROP_ALL) + "[[phases]]\nat_s = 4.5\n"
    censor = Censor(parse_policy(text, "x"), start_ns=100 * S)
    times = [0, 100 * S, 103 * S - 1, 103 * S, 104 * S + S // 2 - 1, 104 * S + S // 2]

    assert [passes(censor, time) for time in times] == [True, True, True, False, False, True]
    assert passes(censor, 103 * S - 1)


def test_condemned_flow_outlives_its_phase() -> None:
    """Switching a rule off does not free the flows that it condemned."""
    text = policy_text(rule("k", KILL)) + "[[phases]]\nat_s = 1.0\n"
    censor = Censor(parse_policy(text, "x"))

    assert not passes(censor, 0)
    assert not passes(censor, 2 * S)
    assert passes(censor, 2 * S, port=9)


def test_probability_is_drawn_once_per_flow() -> None:
    """A rule with probability 0.75 hits three flows in four, and each of them always."""
    censor = Censor(policy(rule("d", DROP_ALL, probability=0.75)))
    fates = [[passes(censor, number, port=port) for number in range(5)] for port in range(400)]

    assert all(len(set(fate)) == 1 for fate in fates)
    assert sum(not fate[0] for fate in fates) == pytest.approx(300, abs=27)


def survivors(censor: Censor, ports: list[int], packets: int = 200) -> dict[int, list[int]]:
    """Return which packets of interleaved flows pass, by port."""
    passed: dict[int, list[int]] = {port: [] for port in ports}
    for number in range(packets):
        for port in ports:
            if passes(censor, number, port=port):
                passed[port].append(number)
    return passed


def test_same_seed_same_fate() -> None:
    """Equal seeds lose equal packets, other seeds others; the seed given replaces the policy's."""
    rules = policy(rule("d", HALF), seed=4)
    one, two = survivors(Censor(rules), [1, 2]), survivors(Censor(rules), [1, 2])

    assert one == two
    assert one != survivors(Censor(rules, seed=5), [1, 2])


def test_flows_do_not_disturb_each_other() -> None:
    """A flow's fate depends on its number within its protocol, not on what else goes on."""
    rules = policy(rule("d", HALF))
    alone = survivors(Censor(rules), [1])[1]
    mixed = Censor(rules)
    mixed.decide(0, "up", flow(9, protocol="tcp"), b"", 40)

    assert survivors(mixed, [1, 2, 3])[1] == alone


def test_directions_have_streams_of_their_own() -> None:
    """What goes down does not change what happens to what goes up."""
    rules = policy(rule("d", HALF))
    one_way, both_ways = Censor(rules), Censor(rules)
    alone = [passes(one_way, number) for number in range(100)]
    mixed = []
    for number in range(100):
        mixed.append(passes(both_ways, number))
        passes(both_ways, number, way="down")

    assert mixed == alone


def test_idle_flows_are_forgotten() -> None:
    """A flow that has been silent for long gives its memory back; a condemned one stays."""
    censor = Censor(policy(rule("k", KILL + "\nduration_s = 5000", match='packet = ["reflector-ping"]')))
    passes(censor, 0, PING, port=1)
    for port in range(2, 500):
        passes(censor, 0, port=port)
    passes(censor, 1000 * S, port=1000)

    assert censor.open_flows == 2
    assert not passes(censor, 1001 * S, port=1)


def test_flood_of_flows_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many flows come at once, only so many are remembered."""
    monkeypatch.setattr(core, "MAX_FLOWS", 50)
    censor = Censor(policy())
    for port in range(500):
        passes(censor, port, port=port)

    assert censor.open_flows == 50


PACKETS = st.lists(
    st.tuples(
        st.integers(0, 10**9),
        st.sampled_from(["up", "down"]),
        st.integers(1, 4),
        st.sampled_from([PLAIN, PING, RELAY_PING, BINDING, b""]),
    ),
    max_size=60,
)
EFFECTS = st.sampled_from(
    [
        KILL,
        HALF,
        'kind = "gilbert"\nloss_ratio = 0.3\nburst_packets = 2',
        'kind = "delay"\ndelay_ms = 5\njitter_ms = 9',
        'kind = "duplicate"\nratio = 0.5',
        'kind = "rate"\nkbit_s = 64\nburst_bytes = 500',
    ]
)
MATCHES = st.sampled_from(["", 'packet = ["stun"]', 'classified = ["reflector"]', 'direction = "down"'])


@given(PACKETS, st.lists(st.tuples(EFFECTS, MATCHES), max_size=4), st.integers(0, 2**63))
def test_no_packet_is_unaccounted_for(
    packets: list[tuple[int, Way, int, bytes]], rules: list[tuple[str, str]], seed: int
) -> None:
    """Whatever the policy: in = passed + dropped, passed + copies = released, and nothing leaves early."""
    texts = [rule(f"r{index}", effect, match=match) for index, (effect, match) in enumerate(rules)]
    censor, truth = Censor(policy(*texts), seed=seed), TruthLog()
    for now_ns, way, port, payload in packets:
        decision = censor.decide(now_ns, way, flow(port), payload, len(payload) + 28)
        number = truth.record(now_ns, way, flow(port), len(payload) + 28, decision)
        for due_ns in decision.release_ns:
            truth.released(number, due_ns, due_ns)
    summary = truth.summary()

    assert (summary.arrived, summary.held, summary.conserved) == (len(packets), 0, True)
    assert all(due_ns >= row.t_ns for row in truth.rows for due_ns in row.due_ns)
