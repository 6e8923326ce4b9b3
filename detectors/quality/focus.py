"""Is the face in focus, whatever its background is?"""

from __future__ import annotations

import cv2
import numpy as np

from detectors.quality.patch import Patch
from detectors.topology import FACE_OVAL

MIN_VARIANCE = 1.0
"""Squared grey levels: below, the face is one even patch and has no edges to be sharp."""


def measure_focus(patch: Patch) -> dict[str, float]:
    """Measure the sharpness of a face.

    Returns:
        ``face_sharpness``: mean square of the Laplacian by the variance of the grey levels, both
        inside the outline of the face reduced to 200 px; a pure number, at least 0. The quotient
        does not change with the contrast, so that neither a dark skin nor a dim light counts as
        blur, as it does with the Laplacian alone.
    """
    inside = patch.zone(FACE_OVAL)
    if not inside.any():
        return {}
    variance = float(np.var(patch.level[inside], dtype=np.float64))
    if variance < MIN_VARIANCE:
        return {"face_sharpness": 0.0}
    edges = cv2.Laplacian(patch.level, cv2.CV_32F, ksize=1)[inside]
    return {"face_sharpness": float(np.mean(np.square(edges), dtype=np.float64)) / variance}
