"""Equally bad lines: whatever a line loses of all arms alike is nobody's block."""

from collections import Counter

import pytest

from callresults.observation import first_failing
from callresults.rules.pairs import judge
from helpers.lines import TELEGRAM, WEBRTC, WHATSAPP, Look, pair_on
from helpers.synthetic import gilbert_loss, random_loss

PAIRS = 200
HIGHEST_SHARE = 0.013


@pytest.mark.parametrize("look", [TELEGRAM, WHATSAPP, WEBRTC], ids=["telegram", "whatsapp", "webrtc"])
@pytest.mark.parametrize("loss_ratio", [0.1, 0.3, 0.5])
def test_a_line_that_loses_of_all_alike_is_hardly_ever_called_censored(loss_ratio: float, look: Look) -> None:
    """``blocked`` or ``degraded`` in at most 1.3 % of 200 seeded pairs, ``down`` in none."""
    media = random_loss(loss_ratio)
    pairs = [pair_on(loss_ratio, media, look, seed, duration_s=6.0) for seed in range(PAIRS)]
    verdicts = Counter(judge(target, [control]).verdict for target, control in pairs)

    assert verdicts["blocked"] + verdicts["degraded"] + verdicts["generic-udp"] <= HIGHEST_SHARE * PAIRS
    assert verdicts["down"] == 0


def test_the_simulated_line_does_fail_set_ups() -> None:
    """Else the test above would show nothing: half of all packets lost fails many an echo and set-up."""
    pairs = [pair_on(0.5, random_loss(0.5), WHATSAPP, seed, duration_s=0.2) for seed in range(PAIRS)]
    failing = Counter(stage.name for target, _ in pairs if (stage := first_failing(target.stages)))
    lost_echoes = sum(target.stages[0].outcome == "failed" for target, _ in pairs)

    assert set(failing) == {"relay_allocation", "udp_open"}
    assert failing.total() > 0.2 * PAIRS
    assert lost_echoes > 0.15 * PAIRS


def test_nor_is_a_line_that_loses_in_bursts() -> None:
    media = gilbert_loss(0.3, 5)
    pairs = [pair_on(0.3, media, WHATSAPP, seed, duration_s=6.0) for seed in range(PAIRS)]
    verdicts = Counter(judge(target, [control]).verdict for target, control in pairs)

    assert verdicts["blocked"] + verdicts["degraded"] + verdicts["down"] <= HIGHEST_SHARE * PAIRS
