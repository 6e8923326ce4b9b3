"""How sure a figure is: every one that is reported comes with an interval of 95%."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEVEL = 0.95
ROUNDS = 1000

MIN_SUBJECTS = 2
"""With fewer there is nothing to draw again, and items are drawn instead."""

Weights = NDArray[np.float64]
"""How often each item was drawn, float64 (N,)."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure and how sure it is.

    Attributes:
        value: None where it is not defined, such as an AUC without attacks.
        low, high: bounds of the interval of 95%; None where it is not defined.
        n: items that it rests on.
        method: how the interval was found.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    method: str

    def flat(self, name: str) -> dict[str, float]:
        """The figure and its bounds as entries of a headline; what is not defined is not in it."""
        bounds = {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}
        return {key: number for key, number in bounds.items() if number is not None}

    def __str__(self) -> str:
        if self.value is None:
            return "—"
        if self.low is None or self.high is None:
            return f"{self.value:.3f}"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def proportion(hits: int, of: int, method: Literal["exact", "wilson"] = "exact") -> Figure:
    """The share of ``hits`` with an interval that takes items for independent.

    Where several items are of one subject it is too narrow.

    Args:
        hits: successes.
        of: trials.
        method: ``exact`` for Clopper and Pearson (1934), which never covers less than it says, or
            ``wilson`` for Wilson's score interval (1927), which does so on average.
    """
    name = {"exact": "Clopper-Pearson", "wilson": "Wilson"}[method]
    if not of:
        return Figure(None, None, None, 0, name)
    bounds = stats.binomtest(hits, of).proportion_ci(LEVEL, method=method)
    return Figure(hits / of, float(bounds.low), float(bounds.high), of, name)


def bootstrap(
    statistic: Callable[[Weights], Mapping[str, float]],
    subjects: Sequence[str] | NDArray[np.str_],
    *,
    seed: int,
    rounds: int = ROUNDS,
) -> dict[str, Figure]:
    """Bound some statistics by drawing subjects, with all of their items, again.

    Items of one subject resemble each other, so that an interval over items would be too narrow.
    Percentile bootstrap; rounds in which a statistic is not defined, because a class was not
    drawn, do not count for it. With a handful of subjects the interval is still too narrow, and
    with one there is nothing to draw: then items are drawn, and ``method`` says so.

    Args:
        statistic: of the weights of all items; NaN where it is not defined.
        subjects: of each item; an item with an empty one is a subject of its own.
        seed: of the draws.
        rounds: how often is drawn.
    """
    names = [subject or f"\0{at}" for at, subject in enumerate(subjects)]
    by = "subjects"
    if len(set(names)) < MIN_SUBJECTS:
        names, by = [str(at) for at in range(len(names))], "items"
    found = statistic(np.ones(len(names)))
    if not names:
        return {name: Figure(None, None, None, 0, "none") for name in found}
    known, member = np.unique(names, return_inverse=True)
    drawn = np.random.default_rng(seed).multinomial(
        len(known), np.full(len(known), 1 / len(known)), rounds
    )
    replicates = [statistic(draw[member].astype(float)) for draw in drawn]
    method = f"bootstrap of {len(known)} {by}, {rounds} rounds, seed {seed}"
    figures = {}
    for name, value in found.items():
        values = np.array([replicate[name] for replicate in replicates])
        values = values[np.isfinite(values)]
        bounds = np.quantile(values, ((1 - LEVEL) / 2, (1 + LEVEL) / 2)) if len(values) else ()
        low, high = map(float, bounds) if len(bounds) else (None, None)
        defined = math.isfinite(value)
        figures[name] = Figure(value if defined else None, low, high, len(names), method)
    return figures
