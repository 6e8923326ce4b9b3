"""What a trained network is worth on people whom it has not seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from evaluation.intervals import Figure, Weights, bootstrap, proportion
from evaluation.metrics import confusion, errors
from evaluation.scores import Sample
from training.errors import TrainingError
from training.presentations import Presentation

CLASSIFICATION = ("accuracy", "precision", "recall", "f1")
"""What the liveness classifier reports, of :class:`evaluation.metrics.Confusion`."""


@dataclass(frozen=True, slots=True)
class Worth:
    """Figures of the test part, with intervals by subject.

    Attributes:
        threshold: log-odds of a bona fide presentation from which one is accepted, chosen on the
            DET curve of the validation part.
        figures: ``auc``, ``eer``, ``apcer`` and ``bpcer`` at a score of 0.5, and both with
            ``_chosen`` at the threshold; and of attacks being detected there, those of
            :data:`CLASSIFICATION`.
        missed: by species, the share of attacks that are accepted at the threshold.
    """

    threshold: float
    figures: Mapping[str, Figure]
    missed: Mapping[str, Figure]


def sample(presentations: Sequence[Presentation], log_odds: NDArray[np.float64]) -> Sample:
    """Scores from 0 to 1 beside labels and subjects."""
    return Sample(
        np.asarray(expit(log_odds), np.float64),
        np.array([one.genuine for one in presentations], bool),
        np.array([one.identity for one in presentations], str),
    )


def chosen(validation: Sample, most_bpcer: float) -> float:
    """The score with the fewest missed attacks of those that reject at most so many live faces.

    It lies where the DET curve of the validation part has that BPCER.

    Raises:
        TrainingError: every score is the same.
    """
    if np.ptp(validation.scores) == 0:
        raise TrainingError("the network answers the same for every picture; it has learnt nothing")
    return validation.curve().threshold_at_bpcer(most_bpcer)


def measure(
    presentations: Sequence[Presentation], tested: Sample, threshold: float, seed: int
) -> Worth:
    """Measure on the test part, or on another source.

    Args:
        presentations: of it.
        tested: their scores.
        threshold: a score.
        seed: of the draws behind the intervals.
    """

    def statistics(weights: Weights) -> dict[str, float]:
        curve = tested.curve(weights)
        at_half = errors(tested.scores >= 0.5, tested.bona_fide, weights)
        words = confusion(tested.scores >= threshold, tested.bona_fide, weights)
        at_chosen = errors(tested.scores >= threshold, tested.bona_fide, weights)
        return {
            "auc": curve.auc,
            "eer": curve.eer,
            "apcer": at_half.apcer,
            "bpcer": at_half.bpcer,
            "apcer_chosen": at_chosen.apcer,
            "bpcer_chosen": at_chosen.bpcer,
            **{name: getattr(words, name) for name in CLASSIFICATION},
        }

    species: dict[str, list[bool]] = {}
    for one, score in zip(presentations, tested.scores.tolist(), strict=True):
        if not one.genuine:
            species.setdefault(one.kind, []).append(score >= threshold)
    return Worth(
        threshold=log_odds_of(threshold),
        figures=bootstrap(statistics, tested.subjects, seed=seed),
        missed={name: proportion(sum(own), len(own)) for name, own in sorted(species.items())},
    )


def log_odds_of(score: float) -> float:
    """The log-odds of a score, as a policy's ``own_shift`` and ``shift`` take them.

    A score of 0 or 1, which rounding makes of large ones, counts as the nearest one that is not.
    """
    inside = float(np.clip(score, np.finfo(float).tiny, 1 - np.finfo(float).epsneg))
    return math.log(inside / (1 - inside))
