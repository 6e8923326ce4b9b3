"""Mean colours of the skin, and of the wall behind it, in one frame of a clip."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.contracts import ROIS
from detectors.landmarks import bounding_box
from detectors.pixels import Box, Pixels, around
from detectors.topology import FOREHEAD, LEFT_CHEEK, RIGHT_CHEEK

_CLEARANCE = 1.4
"""The background keeps clear of a box this many times the face's: of hair, ears and neck."""

_SUBPIXEL_BITS = 6


class Regions:
    """The regions of one clip, which has one background.

    Args:
        least: pixels below which a region of skin counts as not visible.
    """

    def __init__(self, least: int) -> None:
        self._least = least
        self._background: Box | None = None

    def means(self, pixels: Pixels, landmarks: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """Average the regions of one frame.

        Args:
            pixels: uint8 RGB (H, W, 3).
            landmarks: float32 (478, 3) in its pixels, or None where there is no face.

        Returns:
            float32 (4, 3), 0..255, in the order of :data:`detectors.contracts.ROIS`; NaN where a
            region is not visible.
        """
        if landmarks is None:
            return np.full((len(ROIS), 3), np.nan, np.float32)
        colours = [
            _mean_inside(pixels, landmarks[list(region), :2], self._least)
            for region in (FOREHEAD, RIGHT_CHEEK, LEFT_CHEEK)
        ]
        size = (pixels.shape[1], pixels.shape[0])
        near = around(bounding_box(landmarks), _CLEARANCE, size)
        if self._background is None:
            self._background = _furthest_place(near, size)
        colours.append(_mean_outside(pixels, self._background, near))
        return np.stack(colours)


def _furthest_place(near: Box, size: tuple[int, int]) -> Box | None:
    """The place for the background region, in pixels, or None if the face leaves none."""
    width, height = size
    places = [
        (x * width, y * height, (x + 0.1) * width, (y + 0.2) * height)
        for x in (0.01, 0.89)
        for y in (0.02, 0.3)
    ]
    clear = [(max(_gaps(place, near)), place) for place in places if max(_gaps(place, near)) > 0]
    return max(clear)[1] if clear else None


def _gaps(a: Box, b: Box) -> tuple[float, float]:
    """Distances between two boxes along x and y; both negative where they overlap."""
    return max(a[0] - b[2], b[0] - a[2]), max(a[1] - b[3], b[1] - a[3])


def _mean_outside(pixels: Pixels, place: Box | None, near: Box) -> NDArray[np.float32]:
    if place is None or max(_gaps(place, near)) <= 0:
        return np.full(3, np.nan, np.float32)
    x0, y0, x1, y1 = (round(side) for side in place)
    return np.array(cv2.mean(pixels[y0:y1, x0:x1])[:3], np.float32)


def _mean_inside(pixels: Pixels, outline: NDArray[np.float32], least: int) -> NDArray[np.float32]:
    """Mean colour inside the convex hull of ``outline``; NaN if not all of it is in the frame.

    Pixels on the edge count by the part that is inside, or else the jitter of the landmarks
    would move whole rows of pixels in and out.
    """
    height, width = pixels.shape[:2]
    low = np.floor(outline.min(axis=0)).astype(int)
    high = np.ceil(outline.max(axis=0)).astype(int) + 1
    if (low < 0).any() or (high > (width, height)).any():
        return np.full(3, np.nan, np.float32)
    mask = np.zeros((high - low)[::-1], np.uint8)
    hull = cv2.convexHull(np.rint((outline - low - 0.5) * 2**_SUBPIXEL_BITS).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, (255,), cv2.LINE_AA, _SUBPIXEL_BITS)
    weights = mask.astype(np.float32) / 255
    total = weights.sum()
    if total < least:
        return np.full(3, np.nan, np.float32)
    region = pixels[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    return np.asarray(np.tensordot(weights, region, axes=2) / total, np.float32)
