"""Policies: what is read, and how what is wrong is named."""

from pathlib import Path

import pytest

from callprobe.censor.policy import Drop, Gilbert, PolicyError, load_policy, parse_policy
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
