"""What a head is worth, and what it really measures: four controls.

A head that tells generated faces from photographs may have learned the generator, or the camera,
the encoder, or what is in the picture. So every figure is taken with

- a *real source left out*: the photographs it is tested on come from a source it has not seen;
- a *generator left out*: so do the generated faces;
- *real against real*: two sources of photographs, which it should not tell apart;
- *blur*: the same faces without their detail, which should leave it nothing to go by.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.fingerprint import Head

FOLDS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Faces as features.

    Attributes:
        features: float64 (N, F).
        blurred: float64 (N, F), of the same faces without their detail.
        real: bool (N,).
        sources: str (N,).
        subjects: str (N,); no subject is in two folds.
    """

    features: NDArray[np.float64]
    blurred: NDArray[np.float64]
    real: NDArray[np.bool_]
    sources: NDArray[np.str_]
    subjects: NDArray[np.str_]

    def names(self, real: bool) -> list[str]:
        """The sources of one class, in order of their names."""
        return sorted(set(self.sources[self.real == real].tolist()))

    def folds(self, seed: int) -> NDArray[np.int64]:
        """A fold for each face, (N,), the same for all faces of a subject."""
        names, member = np.unique(self.subjects, return_inverse=True)
        turn = np.random.default_rng(seed).permutation(len(names)) % FOLDS
        return np.asarray(turn[member], np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two sources compared: who of which should score higher.

    Attributes:
        control: ``known``, ``left_out``, ``real``, ``blur``, or ``apart`` for generated faces
            that are compared and not counted among the others.
        upper, lower: names of the sources.
        rows, columns: int, indices of the faces of ``upper`` and ``lower``.
        wins: float64 (rows, columns), 1 where upper scores above lower, 0.5 where equal.
    """

    control: str
    upper: str
    lower: str
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    wins: NDArray[np.float64]

    @property
    def name(self) -> str:
        """The control and both sources."""
        return f"{self.control}: {self.upper} above {self.lower}"

    def auc(self, weights: NDArray[np.float64]) -> float:
        """Share of the pairs that are won; NaN where one source has no weight.

        Args:
            weights: of all faces.
        """
        above, below = weights[self.rows], weights[self.columns]
        whole = above.sum() * below.sum()
        return float(above @ self.wins @ below / whole) if whole > 0 else np.nan


Trainer = Callable[[NDArray[np.bool_]], Head]
"""Fits a head on the faces that are chosen, bool (N,)."""


def compare(
    table: Table,
    trainable: Mapping[str, bool],
    seed: int,
    train: Trainer,
    apart: Collection[str] = (),
) -> list[Pair]:
    """Fit heads with sources left out, and compare what they say of those.

    Args:
        table: the faces.
        trainable: for each source whether heads may be fitted on it. Every source is tested on.
        seed: of the folds.
        train: fits a head.
        apart: generated faces that are no generator of their own; never trained on.
    """
    folds = table.folds(seed)
    may = np.array([trainable[name] and name not in apart for name in table.sources])
    generators = [name for name in table.names(real=False) if name not in apart]
    photographs = table.names(real=True)
    pairs: list[Pair] = []
    for absent in photographs:
        if not any(trainable[name] for name in photographs if name != absent):
            continue
        allowed = may & (table.sources != absent)
        heads = [train(allowed & (folds != fold)) for fold in range(FOLDS)]
        pairs += [
            _pair(table, heads, folds, control, absent, fake)
            for control in ("known", "blur")
            for fake in generators
            if trainable[fake]
        ]
        pairs += [_pair(table, heads, folds, "apart", absent, fake) for fake in sorted(apart)]
        pairs += [
            _pair(table, heads, folds, "real", absent, other)
            for other in photographs
            if other != absent
        ]
        for fake in generators:
            others = allowed & (table.sources != fake)
            if not (~table.real & others).any():
                continue
            head = train(others)
            pairs.append(_pair(table, [head] * FOLDS, folds, "left_out", absent, fake))
    return pairs


def _pair(
    table: Table,
    heads: list[Head],
    folds: NDArray[np.int64],
    control: str,
    upper: str,
    lower: str,
) -> Pair:
    """Compare ``upper``, which no head has seen, with ``lower``, each by the head of its fold."""
    features = table.blurred if control == "blur" else table.features
    rows, columns = (np.flatnonzero(table.sources == name) for name in (upper, lower))
    said = np.array([head.log_odds(features) for head in heads])  # (folds, N)
    theirs = said[folds[columns], columns]
    ours = said[folds[columns]][:, rows].T
    wins = (ours > theirs) + 0.5 * (ours == theirs)
    return Pair(control, upper, lower, rows, columns, wins)
