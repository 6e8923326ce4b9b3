"""What several frames of a clip say together.

The reference's video mode: ten frames at even distances, at least three of them with a face, a mean
in which a sure answer counts for more, and a flag where the frames disagree. It names neither the
weights nor the limit of the flag; both are chosen here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FRAMES = 10
MIN_FACES = 3

HIGH_VARIANCE = 0.05
"""Of the probabilities of the frames. Where half of them say .95 and half .5 it is .051; it is .25
at most."""


@dataclass(frozen=True, slots=True)
class Vote:
    """The answer of a clip.

    Attributes:
        real: probability of a real face, 0..1.
        faces: frames that had a face.
        variance: of their probabilities, 0..0.25.
    """

    real: float
    faces: int
    variance: float

    @property
    def high_variance(self) -> bool:
        """Whether the frames disagree so far that somebody should look."""
        return self.variance > HIGH_VARIANCE


def vote(real: Sequence[float]) -> Vote:
    """Let frames vote.

    Args:
        real: probability of a real face in each frame with a face, 0..1; one or more. Each counts
            by the probability of what it says, max(p, 1 - p).
    """
    probabilities = np.asarray(real, np.float64)
    weights = np.maximum(probabilities, 1 - probabilities)
    mean = float(np.average(probabilities, weights=weights))
    return Vote(mean, len(probabilities), float(probabilities.var()))
