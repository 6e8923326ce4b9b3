"""The reference's fusion: weights renormalised over the signals that are there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from detectors.contracts import LOST, Status
from fusion.verdict import Signal


@dataclass(frozen=True, slots=True)
class Weighed:
    """Signals fused.

    Attributes:
        score: weighted mean in [0, 1], or None when nothing could be counted.
        weights: normalised weight of each counted signal; they sum to 1.
        coverage: share of the whole weight that the counted signals carry, 0..1.
        floor: what ``score`` would be if every signal that was lost had scored 0; the score that
            a whole look would have given is not below it.
    """

    score: float | None
    weights: Mapping[str, float]
    coverage: float
    floor: float


def weigh(signals: Iterable[Signal], weights: Mapping[str, float]) -> Weighed:
    """Fuse ``signals`` by the mean of their scores, weighted by relative importance.

    ``weights`` need not sum to 1 (the reference's sum to 1.15): they are normalised over the
    signals that are ``ok``. A signal without a weight, or with weight 0, is on record only.
    """
    weighted = [
        (signal, weights[signal.name]) for signal in signals if weights.get(signal.name, 0.0) > 0.0
    ]
    counted = {
        signal.name: (signal.score, weight)
        for signal, weight in weighted
        if signal.status is Status.OK and signal.score is not None
    }
    if not counted:
        return Weighed(None, {}, 0.0, 0.0)
    earned = sum(score * weight for score, weight in counted.values())
    total = sum(weight for _, weight in counted.values())
    # Summed in the order of a whole look: rounding cannot put the floor above its score.
    looked_for = sum(
        weight for signal, weight in weighted if signal.name in counted or signal.status in LOST
    )
    return Weighed(
        score=earned / total,
        weights={name: weight / total for name, (_, weight) in counted.items()},
        coverage=total / sum(weights.values()),
        floor=earned / looked_for,
    )
