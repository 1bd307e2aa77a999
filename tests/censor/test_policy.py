"""Policies: what is read, and how what is wrong is named."""

import re
from pathlib import Path
from random import Random

import pytest

from callprobe.censor.effects import make_act
from callprobe.censor.policy import Delay, Drop, Gilbert, PolicyError, load_policy, parse_policy
from helpers.policies import policy, policy_text, rule
from helpers.repository import ROOT

CENSORS = sorted((ROOT / "scenarios" / "censors").glob("*.toml"))
DROP = 'kind = "drop"\nratio = 0.5'


def test_rule_is_read_with_its_defaults() -> None:
    """A rule without a match concerns every UDP packet, in both directions."""
    read = policy(rule("half", DROP)).phases[0].rules[0]

    assert read.effect == Drop(ratio=0.5)
    assert (read.match.protocol, read.match.direction, read.probability) == ("udp", "both", 1.0)


@pytest.mark.parametrize("path", CENSORS, ids=lambda path: path.stem)
def test_every_policy_of_the_project_loads(path: Path) -> None:
    """Each file is valid, is named as its file, and marks what nobody measured."""
    loaded = load_policy(path)
    rules = [one for phase in loaded.phases for one in phase.rules]

    assert loaded.name == path.stem
    assert all(one.assumptions or one.certainty == "certain" for one in rules)
    assert all("probability" in one.assumptions for one in rules if one.probability < 1)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("schema = ", ["x.toml", "TOML"]),
        ("schema = 2\nname = 'a'\nseed = 1\nphases = []", ["schema", "allowed are 1"]),
        (policy_text(rule("a", 'kind = "burn"')), ["phases[0].rules[0].effect", "burn", "kill", "gilbert"]),
        (policy_text(rule("a", 'kind = "drop"\nratio = 1.5')), ["rules[0].effect.ratio", "1.0"]),
        (policy_text(rule("a", DROP, match='packet = ["sip"]')), ["match.packet", "'sip'", "whatsapp-call"]),
        (policy_text(rule("a", DROP, match='direction = "in"')), ["match.direction", "up, down, both"]),
        (policy_text(rule("a", DROP, match="ports = [1]")), ["rules[0].match", "ports", "destination_ports"]),
        (
            policy_text(rule("a", DROP, match='destination_prefixes = ["10.0.0.1/8"]')),
            ["destination_prefixes", "10.0.0.1/8", "203.0.113.0/24"],
        ),
        (policy_text(rule("a", DROP), rule("a", DROP)), ["phases[0].rules[1].id", "'a'", "twice"]),
        (
            policy_text(rule("a", DROP, match='protocol = "tcp"\npacket = ["stun"]')),
            ["match.packet", "only UDP", "udp"],
        ),
        (
            policy_text(rule("a", 'kind = "gilbert"\nloss_ratio = 0.2')),
            ["effect", "burst_packets", "burst_ms"],
        ),
        (
            policy_text(rule("a", 'kind = "gilbert"\nloss_ratio = 0.9\nburst_packets = 2.0')),
            ["effect", "longer bursts"],
        ),
        (policy_text() + "[[phases]]\nat_s = 0.0\n", ["at_s", "rise"]),
        (
            policy_text(
                rule("a", DROP).replace("[phases.rules.match]", 'assumptions = ["x"]\n[phases.rules.match]')
            ),
            ["assumptions", "'x'", "ratio"],
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(text: str, names: list[str]) -> None:
    """The message names the file, the key, the reason and what is allowed."""
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, "x.toml")

    assert "\n" not in str(caught.value)
    assert all(part in str(caught.value) for part in ["x.toml", *names])


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_unreadable_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    """A missing file, or one that is no text, is a PolicyError like any other."""
    path = tmp_path / "policy.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(PolicyError, match=r"policy\.toml"):
        load_policy(path)


def test_gilbert_by_figures_and_by_probabilities_agree() -> None:
    """7.4 % in bursts of 4 is p = 0.02 and r = 0.25."""
    by_chain = Gilbert(p=0.02, r=0.25)
    by_figures = Gilbert(loss_ratio=by_chain.bad_share, burst_packets=4.0)

    assert by_figures.bad_share == pytest.approx(0.02 / 0.27)


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "-1.0", "1e300"])
@pytest.mark.parametrize(
    ("effect", "key"),
    [
        ('kind = "delay"\ndelay_ms = {}', "delay_ms"),
        ('kind = "delay"\ndelay_ms = 1.0\njitter_ms = {}', "jitter_ms"),
        ('kind = "duplicate"\nratio = 0.5\ngap_ms = {}', "gap_ms"),
        ('kind = "kill"\nduration_s = {}', "duration_s"),
        ('kind = "drop"\nratio = {}', "ratio"),
        ('kind = "rate"\nkbit_s = {}', "kbit_s"),
        ('kind = "gilbert"\nloss_ratio = 0.1\nburst_ms = {}', "burst_ms"),
        ('kind = "gilbert"\nloss_ratio = 0.1\nburst_packets = {}', "burst_packets"),
        ('kind = "gilbert"\nloss_ratio = {}\nburst_ms = 100.0', "loss_ratio"),
        ('kind = "gilbert"\np = {}\nr = 0.5', ".p:"),
    ],
)
def test_no_figure_is_boundless(effect: str, key: str, value: str) -> None:
    """What no clock can count, or is no number, is refused before a packet meets it."""
    with pytest.raises(PolicyError, match=re.escape(key)):
        policy(rule("a", effect.format(value)))


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("at_s = 0.0", "at_s = nan", "phases[0].at_s"),
        ("at_s = 0.0", "at_s = 1e8", "phases[0].at_s"),
        ("probability = 1.0", "probability = nan", "rules[0].probability"),
        ("seed = 1", f"seed = 0x{'f' * 5000}", "seed"),
    ],
)
def test_no_other_figure_is_boundless_either(old: str, new: str, key: str) -> None:
    """Times, shares and the seed."""
    with pytest.raises(PolicyError, match=re.escape(key)):
        parse_policy(policy_text(rule("a", DROP)).replace(old, new), "x.toml")


def test_a_share_of_loss_at_its_limit_is_a_sentence() -> None:
    """Where rounding leaves no good state, there is nothing to divide by."""
    effect = 'kind = "gilbert"\nloss_ratio = 0.29999999999999993\ng0 = 0.1\nh = 0.3\nburst_packets = 2.0'
    with pytest.raises(PolicyError, match=r"rules\[0\]\.effect"):
        policy(rule("a", effect))


@pytest.mark.parametrize("effect", ["delay_ms = 600000.0\njitter_ms = 600000.0", "delay_ms = 0.0"])
def test_the_bounds_themselves_are_taken_and_can_be_counted(effect: str) -> None:
    """The longest delay of a policy is a whole number of nanoseconds to the relay."""
    delay = policy(rule("a", f'kind = "delay"\n{effect}')).phases[0].rules[0].effect

    assert isinstance(delay, Delay)
    assert 0 <= make_act(delay, Random(1))(0, 100) <= 1_200_000_000_000
