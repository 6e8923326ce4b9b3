"""The face as the measures of pixels see it: grey, cut out, and of a common size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.landmarks import Face
from detectors.pixels import Pixels, fill_hull, grey, shrink, visible

FACE_PX = 200.0
"""Width of the face above which it is reduced: 80 to 100 px between the eyes, where skin, lids and
lashes still show, a fine grain does not, and every measure takes well below a millisecond."""

MIN_ZONE_PX = 12
"""Pixels below which a zone says nothing: it is hidden behind the edge of the frame, or tiny."""


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """The visible part of a face's box.

    Attributes:
        level: uint8 (h, w), grey (BT.601), at most :data:`FACE_PX` to the width of the face.
        points: float64 (478, 2), landmarks in pixels of ``level``.
    """

    level: Pixels
    points: NDArray[np.float64]

    def zone(self, indices: tuple[int, ...]) -> NDArray[np.bool_]:
        """Mask (h, w) of the convex hull of landmarks."""
        mask = np.zeros(self.level.shape, np.uint8)
        fill_hull(mask, self.points[list(indices)].astype(np.float32), 1)
        return mask.view(np.bool_)

    def levels(self, zone: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Grey levels of a zone, (n,); empty where too few are in sight."""
        found = self.level[zone]
        return found if len(found) >= MIN_ZONE_PX else found[:0]


def cut_patch(pixels: Pixels, face: Face) -> Patch | None:
    """Cut a face out of its frame.

    Args:
        pixels: uint8 RGB (H, W, 3), upright, at full size.
        face: landmarks in its pixels.

    Returns:
        The patch, or None where next to nothing of the face is in the frame.
    """
    height, width = pixels.shape[:2]
    box = visible(face.box, (width, height))
    x0, y0, x1, y1 = math.floor(box[0]), math.floor(box[1]), math.ceil(box[2]), math.ceil(box[3])
    if x1 - x0 < MIN_ZONE_PX or y1 - y0 < MIN_ZONE_PX:
        return None
    cut = grey(pixels[y0:y1, x0:x1])
    scale = FACE_PX / (face.box[2] - face.box[0])
    if scale < 1.0:
        cut, scale = shrink(cut, max(round(max(cut.shape) * scale), 1))
    else:
        scale = 1.0
    points = (face.landmarks[:, :2].astype(np.float64) - (x0, y0)) * scale
    return Patch(np.ascontiguousarray(cut), points)
