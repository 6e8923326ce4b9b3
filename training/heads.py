"""A linear head: logistic regression on standardised features, with sources of equal weight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from training.features import Vector

STRENGTH = 0.01
"""Inverse of the regularisation. Small: there are about as many features as faces."""


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """Log-odds of a photograph, linear in the features.

    Attributes:
        weights: float64 (F,), of the features as they are.
        intercept: added.
    """

    weights: Vector
    intercept: float

    def log_odds(self, features: NDArray[np.float64]) -> Vector:
        """Natural log-odds of a photograph, (N,), for features (N, F); above 0 for genuine."""
        return np.asarray(features @ self.weights + self.intercept, np.float64)


def fit(
    features: NDArray[np.float64],
    real: NDArray[np.bool_],
    sources: NDArray[np.str_],
    strength: float = STRENGTH,
) -> Head:
    """Fit a head in which both classes, and within a class all sources, weigh the same.

    Otherwise the source with most images would say what a photograph is.

    Args:
        features: (N, F).
        real: (N,), both values present.
        sources: (N,), names.
        strength: inverse of the regularisation.

    Raises:
        ValueError: a class is missing.
    """
    scaler = StandardScaler().fit(features)
    weights = np.zeros(len(real))
    for kind in (True, False):
        names = np.unique(sources[real == kind])
        for name in names:
            of_it = (sources == name) & (real == kind)
            weights[of_it] = len(real) / (2 * len(names) * of_it.sum())
    model = LogisticRegression(C=strength, max_iter=1000)
    model.fit(scaler.transform(features), real, sample_weight=weights)
    slopes = model.coef_[0] / scaler.scale_
    return Head(slopes, float(model.intercept_[0] - slopes @ scaler.mean_))
