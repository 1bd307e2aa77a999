"""Short policies for tests."""

from callprobe.censor.policy import Policy, parse_policy

RULE = """
[[phases.rules]]
id = "{id}"
evidence = "a test"
certainty = "assumed"
{keys}
"""


def rule(name: str, effect: str, *, match: str = "", probability: float = 1.0) -> str:
    """Return the TOML of a rule; ``effect`` and ``match`` are lines of their tables."""
    head = RULE.format(id=name, keys=f"probability = {probability}")
    return f"{head}[phases.rules.match]\n{match}\n[phases.rules.effect]\n{effect}\n"


def policy_text(*rules: str, seed: int = 1) -> str:
    """Return the TOML of a policy of one phase."""
    head = f'schema = 1\nname = "test"\nseed = {seed}\n[[phases]]\nat_s = 0.0\n'
    return head + "".join(rules)


def policy(*rules: str, seed: int = 1) -> Policy:
    """Return a policy of one phase."""
    return parse_policy(policy_text(*rules, seed=seed), "test.toml")
