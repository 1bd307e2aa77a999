"""The numbers that the pair rules use, in one place."""

import msgspec


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """Thresholds of the pair rules."""

    p_value: float = 0.005
    """Highest p of the permutation test that counts as a difference.

    Blocks of a flow with long loss runs are not quite independent of each other, so the measured rate of
    false alarms is up to twice the nominal one: this keeps it at 1 %.
    """
    excess_loss_ratio: float = 0.05
    """Smallest loss above the controls' that counts as harm."""
    visible_effect_ratio: float = 0.20
    """``ok`` needs a comparison that would have shown this much extra loss with 80 % power."""
    cut_silence_s: int = 2
    """So many last seconds without one packet, after some arrived, are a cut."""
    bursty_burst_r: float = 1.5
    """BurstR from which loss is called bursty."""
    random_burst_r: float = 1.25
    """BurstR up to which loss is called random; between the two the data cannot tell."""
    mechanism_losses: int = 20
    """Fewest lost packets from which BurstR says anything."""


PAIR_THRESHOLDS = Thresholds()
