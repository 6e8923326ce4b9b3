"""A linear head: logistic regression on standardised features, with sources of equal weight."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from detectors.fingerprint import Head

PRIOR = 3.0
"""Variance of the log-odds that the regularisation expects, over all features together.

The same for heads of few and of many features; there are about as many of those as of faces."""


def fit(
    features: NDArray[np.float64],
    real: NDArray[np.bool_],
    sources: NDArray[np.str_],
) -> Head:
    """Fit a head in which both classes, and within a class all sources, weigh the same.

    Otherwise the source with most images would say what a photograph is.

    Args:
        features: (N, F).
        real: (N,), both values present.
        sources: (N,), names.

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
    model = LogisticRegression(C=PRIOR / features.shape[1], max_iter=1000)
    model.fit(scaler.transform(features), real, sample_weight=weights)
    slopes = model.coef_[0] / scaler.scale_
    return Head(slopes, float(model.intercept_[0] - slopes @ scaler.mean_))
