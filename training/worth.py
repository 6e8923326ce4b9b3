"""What a head's answer is worth as evidence, across sources that it was not fitted on.

The cost of a log-likelihood ratio is that of Brümmer and du Preez 2006, in bits: 0 for an oracle, 1
for saying nothing, above 1 for misleading. An answer is capped where it would begin to mislead
about the worst source: then a camera that nobody thought of loses little by it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

CAPS = np.round(np.arange(0.0, 3.001, 0.05), 2)
"""Natural log-likelihood ratios that are tried."""

MISLED = 1.01
"""Cost, in bits, that no pair may exceed: a hundredth more than that of saying nothing."""


@dataclass(frozen=True, slots=True)
class Worth:
    """How log-odds become a log-likelihood ratio: ``clip(slope * z + offset, -cap, cap)``.

    Attributes:
        slope, offset: fitted on all sources.
        cap: the largest at which no pair of a left-out source and a left-out generator costs more
            than :data:`MISLED`.
        cost: mean of those pairs at the cap, in bits.
        worst: of the pair that costs most there.
        worst_pair: its photographs and its generator.
    """

    slope: float
    offset: float
    cap: float
    cost: float
    worst: float
    worst_pair: tuple[str, str]


def cost(real: NDArray[np.float64], fake: NDArray[np.float64]) -> float:
    """Cost of natural log-likelihood ratios of photographs and of generated faces, in bits."""
    return float((np.logaddexp(0, -real).mean() + np.logaddexp(0, fake).mean()) / (2 * np.log(2)))


def straight(
    said: NDArray[np.float64], real: NDArray[np.bool_], sources: NDArray[np.str_]
) -> tuple[float, float]:
    """Fit slope and offset (Platt 1999), with sources of equal weight within their class."""
    weights = np.zeros(len(said))
    for kind in (True, False):
        names = np.unique(sources[real == kind])
        for name in names:
            of_it = (sources == name) & (real == kind)
            weights[of_it] = len(said) / (2 * len(names) * of_it.sum())
    model = LogisticRegression(C=np.inf).fit(said[:, None], real, sample_weight=weights)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def worth(said: NDArray[np.float64], real: NDArray[np.bool_], sources: NDArray[np.str_]) -> Worth:
    """Find what an answer earns.

    Args:
        said: log-odds (N,) of faces that the head was not fitted on.
        real: bool (N,).
        sources: str (N,); two or more of each class.
    """
    answers = {}
    for camera in np.unique(sources[real]):
        for generator in np.unique(sources[~real]):
            out = (sources == camera) | (sources == generator)
            slope, offset = straight(said[~out], real[~out], sources[~out])
            answers[camera, generator] = tuple(
                slope * said[sources == name] + offset for name in (camera, generator)
            )
    costs = {
        cap: {pair: cost(*(np.clip(a, -cap, cap) for a in both)) for pair, both in answers.items()}
        for cap in CAPS.tolist()
    }
    cap = max(cap for cap, found in costs.items() if max(found.values()) <= MISLED)
    found = costs[cap]
    pair = max(found, key=lambda name: found[name])
    slope, offset = straight(said, real, sources)
    mean = float(np.mean(list(found.values())))
    return Worth(slope, offset, cap, mean, found[pair], (str(pair[0]), str(pair[1])))
