"""Delay variation by RFC 5481: PDV against the smallest delay, IPDV between neighbours (RFC 3393)."""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise


def packet_delay_variation(transits: Iterable[int]) -> list[int]:
    """Return PDV(i) = D(i) - D_min of the packets that arrived (RFC 5481 section 4.2), ascending."""
    ascending = sorted(transits)
    return [transit - ascending[0] for transit in ascending]


def inter_packet_delay_variation(transits: Iterable[int | None]) -> list[int]:
    """Return signed IPDV(i) = D(i) - D(i-1) over packets in the order of sending; None = lost.

    Undefined, and left out, where either neighbour is lost (RFC 3393 section 2.2).
    """
    return [
        after - before for before, after in pairwise(transits) if before is not None and after is not None
    ]


def percentile(ascending: Sequence[float], share: float) -> float | None:
    """Return the smallest value that at least ``share`` (0..1] of the sample does not exceed.

    The empirical distribution's percentile of RFC 2330 section 11.3: never a value that was not measured.
    None for an empty sample.
    """
    if not ascending:
        return None
    return ascending[max(math.ceil(share * len(ascending)) - 1, 0)]
