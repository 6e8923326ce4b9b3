"""Error rates of a score, in the terms of ISO/IEC 30107-3, and the distance of two texts.

A score is high for bona fide. At a threshold, whatever scores it or more is accepted:

- APCER, attack presentation classification error rate: the share of attacks that are accepted;
- BPCER, bona fide presentation classification error rate: the share of bona fide presentations
  that are rejected.

Every rate here can be weighted, so that :mod:`evaluation.intervals` can draw subjects again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rapidfuzz.distance import Levenshtein
from scipy.integrate import trapezoid

ROUNDING = 1e-12
"""Rates are quotients of counts: equal ones may differ in the last bit."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Both error rates at every threshold that makes a difference.

    Attributes:
        thresholds: float64 (K,), rising: every distinct score, then infinity, which accepts
            nothing.
        apcer: float64 (K,), falling from 1 to 0; NaN without attacks.
        bpcer: float64 (K,), rising from 0 to 1; NaN without bona fide presentations.
    """

    thresholds: NDArray[np.float64]
    apcer: NDArray[np.float64]
    bpcer: NDArray[np.float64]

    @property
    def auc(self) -> float:
        """Probability that a bona fide presentation scores above an attack, ties counting half.

        The area under the ROC curve by trapezoids, which is the Mann-Whitney statistic. NaN where
        one class is missing.
        """
        return float(trapezoid(self.bpcer - 1, self.apcer)) if self._known else np.nan

    @property
    def eer(self) -> float:
        """The equal error rate, where APCER meets BPCER, between two thresholds if need be."""
        if not self._known:
            return np.nan
        gap = self.bpcer - self.apcer  # from -1 or 0 up to 1
        at = int(np.argmax(gap >= 0))
        if at == 0 or gap[at] == 0:
            return float(self.bpcer[at] + self.apcer[at]) / 2
        share = -gap[at - 1] / (gap[at] - gap[at - 1])
        return float(self.apcer[at - 1] + share * (self.apcer[at] - self.apcer[at - 1]))

    @property
    def eer_threshold(self) -> float:
        """The threshold at which APCER and BPCER are nearest, halfway between two scores.

        The lower one where two are equally near. NaN where one class is missing.
        """
        if not self._known:
            return np.nan
        gap = np.abs(self.bpcer - self.apcer)
        return self._between(int(np.flatnonzero(gap <= gap.min() + ROUNDING)[0]))

    def apcer_at_bpcer(self, limit: float) -> float:
        """The lowest APCER at a threshold whose BPCER is at most ``limit``."""
        return float(self.apcer[self._at_bpcer(limit)]) if self._known else np.nan

    def threshold_at_bpcer(self, limit: float) -> float:
        """The highest threshold whose BPCER is at most ``limit``; NaN without both classes."""
        return float(self.thresholds[self._at_bpcer(limit)]) if self._known else np.nan

    def _at_bpcer(self, limit: float) -> int:
        return int(np.flatnonzero(self.bpcer <= limit)[-1])

    @property
    def best_threshold(self) -> float:
        """The threshold of the best balanced accuracy, halfway between two scores.

        The middle one where several are equally good. NaN where one class is missing.
        """
        if not self._known:
            return np.nan
        wrong = self.apcer + self.bpcer
        best = np.flatnonzero(wrong <= wrong.min() + ROUNDING)
        return self._between(int(best[(len(best) - 1) // 2]))

    def _between(self, at: int) -> float:
        """A threshold that decides as ``thresholds[at]`` does, halfway to the score below."""
        lower, upper = self.thresholds[max(at - 1, 0)], self.thresholds[at]
        if np.isinf(upper):  # to reject everything takes a threshold above the highest score
            return float(np.nextafter(lower, np.inf))
        return float((lower + upper) / 2)

    @property
    def _known(self) -> bool:
        return not (np.isnan(self.apcer[0]) or np.isnan(self.bpcer[0]))


def curve(scores: ArrayLike, bona_fide: ArrayLike, weights: ArrayLike | None = None) -> Curve:
    """Work out both error rates at every threshold.

    Args:
        scores: finite, (N,), high for bona fide.
        bona_fide: bool (N,).
        weights: how much each item counts, (N,), 0 or more; all the same by default.
    """
    values, which = np.unique(np.asarray(scores, float), return_inverse=True)
    bona_fide = np.asarray(bona_fide, bool)
    counts = np.ones(len(bona_fide)) if weights is None else np.asarray(weights, float)
    below = [
        np.concatenate(([0.0], np.cumsum(np.bincount(which, counts * kind, len(values)))))
        for kind in (bona_fide, ~bona_fide)
    ]
    with np.errstate(invalid="ignore"):
        rejected_bona_fide, rejected_attacks = (sums / sums[-1] for sums in below)
    return Curve(np.append(values, np.inf), 1 - rejected_attacks, rejected_bona_fide)


@dataclass(frozen=True, slots=True)
class Errors:
    """The error rates of some decisions; NaN where there is nothing to decide about."""

    apcer: float
    bpcer: float

    @property
    def balanced_accuracy(self) -> float:
        """Mean of the shares of both classes that are decided rightly."""
        return 1 - self.hter

    @property
    def hter(self) -> float:
        """Half total error rate: the mean of APCER and BPCER."""
        return (self.apcer + self.bpcer) / 2


def errors(accepted: ArrayLike, bona_fide: ArrayLike, weights: ArrayLike | None = None) -> Errors:
    """Count what was decided wrongly.

    Args:
        accepted: bool (N,), the decisions.
        bona_fide: bool (N,), the truth.
        weights: how much each item counts, (N,).
    """
    accepted, bona_fide = np.asarray(accepted, bool), np.asarray(bona_fide, bool)
    counts = np.ones(len(bona_fide)) if weights is None else np.asarray(weights, float)
    return Errors(share(accepted, counts * ~bona_fide), share(~accepted, counts * bona_fide))


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often each class was decided which way; to detect is to reject an attack.

    The words are those of a detector of attacks: an attack that is rejected is a hit. All rates
    are NaN where they are not defined, which scikit-learn calls 0.

    Attributes:
        hits: attacks that are rejected.
        misses: attacks that are accepted.
        false_alarms: bona fide presentations that are rejected.
        passes: bona fide presentations that are accepted.
    """

    hits: float
    misses: float
    false_alarms: float
    passes: float

    @property
    def turned(self) -> Confusion:
        """The same with bona fide presentations as what is to be detected."""
        return Confusion(self.passes, self.false_alarms, self.misses, self.hits)

    @property
    def support(self) -> float:
        """How many there are of what is to be detected."""
        return self.hits + self.misses

    @property
    def accuracy(self) -> float:
        """Share of all that is decided rightly."""
        whole = self.hits + self.misses + self.false_alarms + self.passes
        return _quotient(self.hits + self.passes, whole)

    @property
    def precision(self) -> float:
        """Share of what is rejected that is an attack."""
        return _quotient(self.hits, self.hits + self.false_alarms)

    @property
    def recall(self) -> float:
        """Share of attacks that are rejected, 1 - APCER."""
        return _quotient(self.hits, self.support)

    @property
    def specificity(self) -> float:
        """Share of bona fide presentations that are accepted, 1 - BPCER."""
        return _quotient(self.passes, self.passes + self.false_alarms)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return _quotient(2 * self.hits, 2 * self.hits + self.misses + self.false_alarms)

    @property
    def mcc(self) -> float:
        """Matthews (1975): the correlation of decisions and truth, from -1 to 1; chance is 0."""
        rejected, accepted = self.hits + self.false_alarms, self.misses + self.passes
        product = rejected * accepted * self.support * (self.passes + self.false_alarms)
        return _quotient(
            self.hits * self.passes - self.misses * self.false_alarms, math.sqrt(product)
        )


def confusion(
    accepted: ArrayLike, bona_fide: ArrayLike, weights: ArrayLike | None = None
) -> Confusion:
    """Count the decisions of both classes; see :func:`errors`."""
    accepted, bona_fide = np.asarray(accepted, bool), np.asarray(bona_fide, bool)
    counts = np.ones(len(bona_fide)) if weights is None else np.asarray(weights, float)
    rejected, attack = ~accepted, ~bona_fide
    groups = (attack & rejected, attack & accepted, bona_fide & rejected, bona_fide & accepted)
    return Confusion(*(float(counts[group].sum()) for group in groups))


def _quotient(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan


def share(hits: ArrayLike, weights: ArrayLike) -> float:
    """The weighted share of ``hits``; NaN where the weights add up to 0."""
    weights = np.asarray(weights, float)
    whole = weights.sum()
    return float((np.asarray(hits, float) * weights).sum() / whole) if whole > 0 else np.nan


def edit_distance(read: str, truth: str) -> int:
    """Fewest characters to insert, delete or substitute to turn ``read`` into ``truth``."""
    return int(Levenshtein.distance(read, truth))
