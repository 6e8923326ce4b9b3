"""Has compression eaten the face?"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.pixels import Box, Pixels, around, grey

SIDE = 512
"""Longest side of what is looked at, in pixels of the frame at full size: blocks have eight."""

BLOCK = 8


def measure_compression(pixels: Pixels, box: Box) -> dict[str, float]:
    """Look for the blocks of JPEG and video codecs in the middle of a face.

    Args:
        pixels: uint8 RGB (H, W, 3), at full size.
        box: of the face in its pixels.

    Returns:
        ``blockiness``: mean step between neighbouring pixels across the edges of 8×8 blocks, by
        the median of the steps inside them; the larger of rows and columns; 1 without blocks. The
        edges may lie anywhere: turning and cropping move them.
    """
    height, width = pixels.shape[:2]
    side = max(box[2] - box[0], box[3] - box[1])
    x0, y0, x1, y1 = around(box, min(1.0, SIDE / side), (width, height))
    if min(x1 - x0, y1 - y0) < 4 * BLOCK:
        return {}
    level = grey(pixels[y0:y1, x0:x1])
    across = cv2.absdiff(level[:, 1:], level[:, :-1]).mean(axis=0)
    down = cv2.absdiff(level[1:], level[:-1]).mean(axis=1)
    return {"blockiness": max(_blockiness(across), _blockiness(down))}


def _blockiness(steps: NDArray[np.float64]) -> float:
    """Mean step at the phase of 8 that stands out most, by the median of all phases."""
    whole = steps[: len(steps) // BLOCK * BLOCK].reshape(-1, BLOCK).mean(axis=0)
    usual = float(np.median(whole))
    return float(whole.max()) / usual if usual > 0 else 1.0
