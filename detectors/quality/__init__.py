"""How good a selfie is: raw measures, for the policy's gate to judge.

The first three are the reference's (eKYC-facial, "Image Quality Assessment"), as it takes them;
the others follow ISO/IEC 29794-5 and its reference implementation OFIQ in what landmarks and
pixels can give without a network.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.landmarks import Face
from detectors.pixels import Pixels
from detectors.quality.compression import measure_compression
from detectors.quality.eyes import measure_eyes
from detectors.quality.focus import measure_focus
from detectors.quality.frame import measure_frame
from detectors.quality.geometry import measure_geometry
from detectors.quality.light import measure_light
from detectors.quality.patch import cut_patch

__all__ = ["measure_face", "measure_frame"]


def measure_face(pixels: Pixels, face: Face, pose: NDArray[np.float32]) -> dict[str, float]:
    """Measure a face; what cannot be measured is left out.

    Args:
        pixels: uint8 RGB (H, W, 3), upright, at full size.
        face: its landmarks in pixels of ``pixels``.
        pose: of :func:`detectors.pose.head_pose`.
    """
    height, width = pixels.shape[:2]
    measures = measure_geometry(face, pose, (width, height))
    measures |= measure_compression(pixels, face.box)
    patch = cut_patch(pixels, face)
    if patch is not None:
        measures |= measure_light(patch) | measure_focus(patch) | measure_eyes(patch)
    return {name: value for name, value in measures.items() if np.isfinite(value)}
