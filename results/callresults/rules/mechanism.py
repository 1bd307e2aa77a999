"""How an arm was hindered, as far as its record can tell; None means *cannot tell*."""

from collections.abc import Iterator, Sequence
from typing import Final

from callresults.metrics.direction import DirectionMetrics
from callresults.nettests.call import CallKeys
from callresults.nettests.service import ServiceKeys
from callresults.observation import Stage
from callresults.rules.table import PAIR_THRESHOLDS

STAGE_MECHANISMS: Final = {
    "resolve": "name-resolution",
    "relay_allocation": "handshake-block",
    "relay_ping": "handshake-block",
    "stun_binding": "handshake-block",
    "turn_allocation": "handshake-block",
    "ice_connectivity": "handshake-block",
    "dtls_handshake": "handshake-block",
    "tcp_connect": "tcp-block",
    "tls_handshake": "tls-block",
    "http_response": "no-response",
}
"""What a failure of each set-up stage beside a working control means; a stage left out tells nothing."""


def failure_mechanism(keys: CallKeys | ServiceKeys, failing: Stage) -> str | None:
    """Return the mechanism of an arm that failed while a control worked."""
    if failing.name == "media_first_packet" and isinstance(keys, CallKeys):
        return _silent_directions(keys.metrics_up, keys.metrics_down)
    return STAGE_MECHANISMS.get(failing.name)


def _silent_directions(up: DirectionMetrics | None, down: DirectionMetrics | None) -> str | None:
    if up is None or down is None:
        return None
    silent = sum(metrics.packets_received == 0 for metrics in (up, down))
    return {1: "one-directional", 2: "no-media"}.get(silent)


def cut_directions(keys: CallKeys) -> tuple[str, ...]:
    """Return the directions (``up``, ``down``) whose packets came at first and then no more to the end."""
    up = [(second.sent_up, second.received_up) for second in keys.series]
    down = [(second.sent_down, second.received_down) for second in keys.series]
    return tuple(name for name, counts in (("up", up), ("down", down)) if _ends_silent(counts))


def _ends_silent(counts: Sequence[tuple[int | None, int | None]]) -> bool:
    received = [back for sent, back in counts if sent is None or sent > 0]
    tail = received[-PAIR_THRESHOLDS.cut_silence_s :]
    return (
        len(received) > PAIR_THRESHOLDS.cut_silence_s
        and all(back == 0 for back in tail)
        and any(back for back in received)
    )


def loss_mechanism(keys: CallKeys) -> str | None:
    """Return ``bursty-loss`` or ``random-loss`` by BurstR (G.107) of the direction that lost more."""
    worst = max(_lossy(keys), key=lambda metrics: metrics.loss_ratio or 0.0, default=None)
    if worst is None or worst.burst_r is None:
        return None
    if worst.burst_r >= PAIR_THRESHOLDS.bursty_burst_r:
        return "bursty-loss"
    return "random-loss" if worst.burst_r <= PAIR_THRESHOLDS.random_burst_r else None


def _lossy(keys: CallKeys) -> Iterator[DirectionMetrics]:
    for metrics in (keys.metrics_up, keys.metrics_down):
        if metrics is not None and metrics.packets_lost >= PAIR_THRESHOLDS.mechanism_losses:
            yield metrics
