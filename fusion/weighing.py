"""The reference's fusion: weights renormalised over the signals that are there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from detectors.contracts import Status
from fusion.verdict import Signal


@dataclass(frozen=True, slots=True)
class Weighed:
    """Signals fused.

    Attributes:
        score: weighted mean in [0, 1], or None when nothing could be counted.
        weights: normalised weight of each counted signal; they sum to 1.
        coverage: share of the whole weight that the counted signals carry, 0..1.
    """

    score: float | None
    weights: Mapping[str, float]
    coverage: float


def weigh(signals: Iterable[Signal], weights: Mapping[str, float]) -> Weighed:
    """Fuse ``signals`` by the mean of their scores, weighted by relative importance.

    ``weights`` need not sum to 1 (the reference's sum to 1.15): they are normalised over the
    signals that are ``ok``. A signal without a weight, or with weight 0, is on record only.
    """
    counted = {
        signal.name: (signal.score, weights[signal.name])
        for signal in signals
        if signal.status is Status.OK
        and signal.score is not None
        and weights.get(signal.name, 0.0) > 0.0
    }
    total = sum(weight for _, weight in counted.values())
    if not counted:
        return Weighed(None, {}, 0.0)
    return Weighed(
        score=sum(score * weight for score, weight in counted.values()) / total,
        weights={name: weight / total for name, (_, weight) in counted.items()},
        coverage=total / sum(weights.values()),
    )
