"""Can the eyes be seen, or are sunglasses, hair or a hand before them?

The rule: a bare eye always shows something nearly as light as the cheek below it, the sclera or
the skin of the lids; behind dark glass nothing is. The lightest part of each eye's socket is
therefore compared with the same person's cheek on the same side, so that neither the colour of
the skin nor the light matters; and ordinary glasses, whose rims are dark and whose lenses are
not, change little. Mirrors, light tints and fair hair pass: they are as light as skin.
"""

from __future__ import annotations

import numpy as np

from detectors.quality.patch import Patch
from detectors.topology import (
    LEFT_CHEEK,
    LEFT_EYE_CONTOUR,
    LEFT_EYE_SOCKET,
    RIGHT_CHEEK,
    RIGHT_EYE_CONTOUR,
    RIGHT_EYE_SOCKET,
)

SIDES = (
    (RIGHT_EYE_SOCKET, RIGHT_EYE_CONTOUR, RIGHT_CHEEK),
    (LEFT_EYE_SOCKET, LEFT_EYE_CONTOUR, LEFT_CHEEK),
)

LIGHTEST = 95.0
"""Percentile of a socket that stands for its lightest part; a glint covers less than the rest."""


def measure_eyes(patch: Patch) -> dict[str, float]:
    """Measure how light the eyes are against the cheeks.

    Returns:
        ``lighter_eye`` and ``darker_eye``: 95th percentile of the grey levels of the socket, lids
        included, by the median of the cheek below it; a pure number, at least 0, near 1 for a
        bare eye. The lighter one is dark only when both eyes are covered.
    """
    ratios = []
    for socket, lids, cheek in SIDES:
        eye = patch.levels(patch.zone(socket) | patch.zone(lids))
        skin = patch.levels(patch.zone(cheek))
        if len(eye) and len(skin):
            lightest = float(np.percentile(eye, LIGHTEST))
            ratios.append(lightest / max(float(np.median(skin)), 1.0))
    return {"lighter_eye": max(ratios), "darker_eye": min(ratios)} if ratios else {}
