"""The middle of a face at the scale at which fine detail is compared, and what is counted there."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.pixels import Pixels

EYES_PX = (68.0, 130.0)
"""Distances of the eyes, in pixels, between which faces are compared."""

SIDE = 1.7
"""Side of the square in distances of the eyes: eyebrows to mouth, hardly any hair."""

LOWER = 0.35
"""Its centre below the middle of the eyes, in their distance."""

RIGHT_IRIS, LEFT_IRIS = 468, 473


def eye_distance(points: NDArray[np.floating]) -> float:
    """Distance of the centres of the irises, in the points' pixels.

    Args:
        points: (478, 2 or more), landmarks.
    """
    return float(np.hypot(*(points[RIGHT_IRIS, :2] - points[LEFT_IRIS, :2])))


def face_patch(pixels: Pixels, points: NDArray[np.floating]) -> Pixels:
    """Cut out the middle of a face, moved to lie inside the image.

    Args:
        pixels: uint8 RGB (H, W, 3).
        points: (478, 2 or more), landmarks in its pixels.

    Returns:
        uint8 RGB (N, N, 3), a view.
    """
    right, left = points[RIGHT_IRIS, :2], points[LEFT_IRIS, :2]
    across = left - right
    if across[0] < 0:  # a mirrored landmark order must not put the square on the forehead
        across = -across
    down = np.array([-across[1], across[0]])
    centre = (right + left) / 2 + LOWER * down
    height, width = pixels.shape[:2]
    side = min(round(SIDE * float(np.hypot(*across))), height, width)
    x, y = np.clip(np.rint(centre - side / 2), 0, (width - side, height - side)).astype(int)
    return pixels[y : y + side, x : x + side]
