"""Is the face itself lit well, and from both sides alike?"""

from __future__ import annotations

import numpy as np

from detectors.quality.patch import Patch
from detectors.topology import FACE_OVAL, FOREHEAD, LEFT_CHEEK, RIGHT_CHEEK

DARK, BRIGHT = 26, 247
"""Grey levels below and from which a pixel is lost: those of ISO/IEC 29794-5 for luminance."""


def measure_light(patch: Patch) -> dict[str, float]:
    """Measure the light on a face.

    Returns:
        ``face_brightness`` mean grey level of the skin of forehead and cheeks, 0..255;
        ``face_dark`` and ``face_bright`` shares of the face below 26 and from 247, 0..1;
        ``light_ratio`` mean grey of the darker cheek by that of the lighter, 0..1.
    """
    measures: dict[str, float] = {}
    face = patch.levels(patch.zone(FACE_OVAL))
    if len(face):
        measures["face_dark"] = float(np.mean(face < DARK))
        measures["face_bright"] = float(np.mean(face >= BRIGHT))
    zones = [patch.levels(patch.zone(zone)) for zone in (RIGHT_CHEEK, LEFT_CHEEK, FOREHEAD)]
    if all(map(len, zones)):
        right, left, forehead = (float(zone.mean()) for zone in zones)
        measures["face_brightness"] = (right + left + forehead) / 3
        measures["light_ratio"] = min(right, left) / max(right, left, 1.0)
    return measures
