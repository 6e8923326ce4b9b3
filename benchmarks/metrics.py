"""How far two groups of scores lie apart, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Interval = tuple[float, float]

REPLICATES = 2000
LEVEL = (2.5, 97.5)
"""Percentiles of the bootstrap that bound the interval: 95%."""


def auc(real: ArrayLike, attack: ArrayLike) -> float:
    """Probability that a real score is above an attack's, ties counting half (Mann-Whitney).

    Args:
        real: scores of genuine captures, at least one.
        attack: scores of attacks, at least one.

    Returns:
        1 where every real score is higher, 0.5 at chance, 0 where every one is lower.
    """
    real, attack = np.asarray(real), np.asarray(attack)
    above = stats.mannwhitneyu(real, attack, method="asymptotic").statistic
    return float(above / (real.size * attack.size))


def auc_interval(
    real: ArrayLike,
    attack: ArrayLike,
    real_subjects: Sequence[str],
    attack_subjects: Sequence[str],
    seed: int = 0,
) -> Interval:
    """Bound :func:`auc` by drawing subjects, not captures, again (95%, percentile bootstrap).

    Captures of one person resemble each other, so that an interval over captures would be too
    narrow. A person in both groups is drawn into both at once.

    Args:
        real: scores of genuine captures.
        attack: scores of attacks.
        real_subjects: the person of each real score.
        attack_subjects: the person of each attack score.
        seed: of the draws.
    """
    real, attack = np.asarray(real, float)[:, None], np.asarray(attack, float)
    of_real, of_attack = _memberships(real_subjects, attack_subjects)
    wins = of_real.T @ ((real > attack) + 0.5 * (real == attack)) @ of_attack
    drawn = _draws(of_real.shape[1], seed)
    won = np.einsum("ri,ij,rj->r", drawn, wins, drawn, optimize=True)
    return _bounds(won, (drawn @ of_real.sum(axis=0)) * (drawn @ of_attack.sum(axis=0)))


def share_interval(hits: Sequence[bool], subjects: Sequence[str], seed: int = 0) -> Interval:
    """Bound the share of ``hits`` by drawing subjects again; see :func:`auc_interval`."""
    members, _ = _memberships(subjects, ())
    drawn = _draws(members.shape[1], seed)
    return _bounds(drawn @ (members.T @ np.asarray(hits, float)), drawn @ members.sum(axis=0))


def _memberships(*groups: Sequence[str]) -> list[NDArray[np.float64]]:
    """For each group, which row belongs to which subject: float64 (rows, subjects), 0 or 1."""
    known = sorted(set().union(*groups))
    rows = dict(zip(known, np.eye(len(known)), strict=True))
    return [np.array([rows[s] for s in group]).reshape(-1, len(known)) for group in groups]


def _draws(subjects: int, seed: int) -> NDArray[np.float64]:
    """How often each subject was drawn in each replicate: float64 (replicates, subjects)."""
    even = np.full(subjects, 1 / subjects)
    return np.random.default_rng(seed).multinomial(subjects, even, REPLICATES).astype(float)


def _bounds(above: NDArray[np.float64], below: NDArray[np.float64]) -> Interval:
    """Percentiles of a quotient over the replicates that drew someone to divide by."""
    low, high = np.percentile(above[below > 0] / below[below > 0], LEVEL)
    return float(low), float(high)
