"""Published systems on the same images, without asking their networks twice.

The networks of both are members of the signal ``liveness``, which puts the answer of each on
record; what is published is how they were combined. They answer every face, also where our signal
abstains.

- *Silent-Face pair*: Silent-Face-Anti-Spoofing (Minivision AI, 2020), the mean of the probabilities
  of MiniFASNetV2 at 2.7 and MiniFASNetV1SE at 4.0 times the face.
- *MiniFASNetV2-SE*: face-antispoof-onnx (J. R. Olazo, 2025), at 1.5 times the face. Its terms allow
  research only, so that it is here only where these are accepted.
- *their mean*: of the probabilities of the two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from detectors.contracts import Measurement, logistic

PAIR, ONE = ("v2_2_7", "v1se_4_0"), ("v2se_1_5",)
PEERS: Mapping[str, tuple[tuple[str, ...], ...]] = MappingProxyType(
    {"Silent-Face pair": (PAIR,), "MiniFASNetV2-SE": (ONE,), "their mean": (PAIR, ONE)}
)
"""The systems that each is the mean of, and the networks that each of those is the mean of."""

THRESHOLD = 0.5
"""What all of them are published with."""


def peer_scores(found: Sequence[Measurement]) -> dict[str, list[float]]:
    """Score images as the published systems do.

    Args:
        found: what ``liveness`` measured on each image.

    Returns:
        P(live) by the name of the system, NaN where there was no face; only systems that answered
        at all.
    """
    scores = {
        name: [_score(one.measures, systems) for one in found] for name, systems in PEERS.items()
    }
    return {name: of for name, of in scores.items() if any(map(math.isfinite, of))}


def _score(measures: Mapping[str, float], systems: tuple[tuple[str, ...], ...]) -> float:
    if any(network not in measures for networks in systems for network in networks):
        return math.nan
    answers = [_mean([logistic(measures[network]) for network in of]) for of in systems]
    return _mean(answers)


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)
