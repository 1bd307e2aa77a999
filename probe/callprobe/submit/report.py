"""What became of an upload, as data."""

from typing import Self

import msgspec


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why one measurement, or a bundle of them, was not delivered."""

    what: str
    """A measurement id, or ``file:line``."""
    error: str
    """One sentence."""


class UploadReport(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of measurements, and the first problems."""

    delivered: int = 0
    """Newly stored by the collector."""
    already_there: int = 0
    """The collector had them already: delivered before, by a run that was cut short."""
    refused: int = 0
    """The collector examined them and will not have them as they are."""
    left: int = 0
    """Not answered for: network or collector failed. They can be sent again."""
    problems: tuple[Problem, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the collector has everything."""
        return not (self.refused or self.left)

    def plus(self, other: Self) -> "UploadReport":
        """Return the sum of two reports, keeping at most ``MOST_PROBLEMS`` problems."""
        return UploadReport(
            delivered=self.delivered + other.delivered,
            already_there=self.already_there + other.already_there,
            refused=self.refused + other.refused,
            left=self.left + other.left,
            problems=(self.problems + other.problems)[:MOST_PROBLEMS],
        )


MOST_PROBLEMS = 20
"""A history of ten thousand refused lines needs no ten thousand sentences."""
