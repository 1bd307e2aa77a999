"""Paired blocks: what target and controls lost in the same second and direction."""

import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from callresults.nettests.call import CallKeys, Second
from callresults.rules.permutation import Block

MAX_BLOCKS_PER_DIRECTION: Final = 20
"""Longer series are compared in blocks of several seconds each."""
RUNS_PER_BLOCK: Final = 4
"""A block lasts at least so many mean loss runs, or one run would count in two blocks."""


class PairedBlocks(NamedTuple):
    """Blocks of a target and its controls, and how many packets an arm sent in one on average."""

    blocks: list[Block]
    packets_per_block: float


class _Count(NamedTuple):
    sent: int | None
    received: int | None


class _Block(NamedTuple):
    lost: Block
    sent: int


def paired_blocks(arms: Sequence[CallKeys]) -> PairedBlocks:
    """Return the seconds that a target (the first) and its controls lived through, each direction a block.

    A second whose received counts are unknown in any arm is left out. Where only the sent counts are
    unknown, the arm that received most stands for what each sent: all follow one schedule. Blocks last a
    second, or several where losses come in long runs or the series is long.
    """
    n_seconds = min((len(arm.series) for arm in arms), default=0)
    step = max(
        math.ceil(n_seconds / MAX_BLOCKS_PER_DIRECTION), math.ceil(RUNS_PER_BLOCK * _mean_run_s(arms)), 1
    )
    seconds = list(zip(*(arm.series[:n_seconds] for arm in arms), strict=True))
    found = [
        *_merged([_block([_up(row) for row in rows]) for rows in seconds], step),
        *_merged([_block([_down(row) for row in rows]) for rows in seconds], step),
    ]
    mean = sum(block.sent for block in found) / len(found) if found else 0.0
    return PairedBlocks([block.lost for block in found], mean)


def _mean_run_s(arms: Sequence[CallKeys]) -> float:
    """Return the mean duration of a loss run over all arms alike, so that it favours none; 0 without loss."""
    runs = lost_s = 0.0
    for arm in arms:
        for metrics in (arm.metrics_up, arm.metrics_down):
            if metrics is not None and metrics.loss_run_packets_mean:
                runs += metrics.packets_lost / metrics.loss_run_packets_mean
                lost_s += metrics.packets_lost * arm.media_duration_s / metrics.packets_sent
    return lost_s / runs if runs else 0.0


def _up(second: Second) -> _Count:
    return _Count(second.sent_up, second.received_up)


def _down(second: Second) -> _Count:
    return _Count(second.sent_down, second.received_down)


def _block(counts: Sequence[_Count]) -> _Block | None:
    """Return what the arms lost in a second, or None where a count is unknown or an arm sent nothing.

    Losses of arms that sent more or less than the target are scaled to what the target sent.
    """
    received = [count.received for count in counts if count.received is not None]
    known = [count.sent for count in counts if count.sent is not None]
    if len(received) < len(counts):
        return None
    sent = known if len(known) == len(counts) else [max(received)] * len(counts)
    if not all(sent):
        return None
    lost = (round(max(out - back, 0) * sent[0] / out) for out, back in zip(sent, received, strict=True))
    return _Block(tuple(lost), sent[0])


def _merged(seconds: Sequence[_Block | None], step: int) -> Iterator[_Block]:
    """Yield the sums of each ``step`` seconds, seconds without a block left out."""
    for start in range(0, len(seconds), step):
        some = [block for block in seconds[start : start + step] if block is not None]
        if some:
            lost = tuple(map(sum, zip(*(block.lost for block in some), strict=True)))
            yield _Block(lost, sum(block.sent for block in some))
