"""What a verdict rule is."""

from typing import Literal

import msgspec

from callresults.verdict import VerdictName


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule: under its condition, its verdict. Rules are tried in order; the first that holds decides."""

    id: str
    """Public contract: stands in published records, never re-used with another meaning."""
    condition: str
    """Name of the condition, see ``callresults.rules.pair.CONDITIONS``."""
    verdict: VerdictName
    """What it concludes."""
    sentence: str
    """The conclusion in words, for people."""
    evidence: str
    """The fields of the records that it rests on."""
    reasons: tuple[str, ...] = ()
    """Short codes that go with every verdict of this rule."""
    mechanism: Literal["failure", "cut", "loss"] | None = None
    """What tells how the target was hindered: its failing stage, its cut, or its loss pattern."""
    compares: bool = False
    """Whether it rests on the paired comparison of losses, so that its power is worth stating."""
