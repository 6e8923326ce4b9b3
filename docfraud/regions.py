"""Where on a page could a matrix code stand?

A cheap look before an expensive one: PDF417, QR, Aztec and Data Matrix are the same to it, an area
that is full of strong edges. Text is that too, in lines; most of it is told apart by the gaps
between them and by the directions of its edges, which in a code all lie along one right-angled
cross.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

ANALYSIS_PX = 2048
"""Longest side at which edges are sought; a larger page is reduced to it."""

CELLS = 96
"""Cells along the longest side of a page, in which edges are counted. A smaller code than three
cells a side, 32 pixels of 1024, is not found."""

MIN_ACTIVITY = 5.0
"""Mean step between neighbours, in grey levels, below which a cell is even paper or noise."""

STRONG = 0.33
"""Part of the page's strongest activity (99th percentile) from which a cell may be of a code. From
0.4 on, the wide bars of PDF417 part a code from its ends."""

REGIONS = 6
"""Regions that are looked at closely, the largest."""

MIN_CROSS = 0.1
"""``cross`` below which it does not rank: that of text, and of codes whose modules have two pixels
or are blurred."""

MARGIN = 1.5
"""Cells that are added on each side, for the quiet zone and the code's own ragged border."""


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a page that a code may fill.

    Attributes:
        box: x0, y0, x1, y1 in pixels of the page, with a margin.
        angle: degrees, in [-45, 45], by which the code's sides are turned from the page's, positive
            where they fall to the right.
        cross: 0..1, how far its edges lie along one right-angled cross: 1 for a code without blur
            and noise, 0 for foliage.
    """

    box: tuple[int, int, int, int]
    angle: float
    cross: float

    @property
    def area(self) -> int:
        """Of the box, in pixels of the page."""
        x0, y0, x1, y1 = self.box
        return (x1 - x0) * (y1 - y0)

    def holds(self, x: float, y: float) -> bool:
        """Is a point of the page in the box?"""
        x0, y0, x1, y1 = self.box
        return x0 <= x < x1 and y0 <= y < y1


def find_regions(grey: NDArray[np.uint8]) -> list[Region]:
    """Find the regions of a page, those most like a code first: the large and regular ones.

    Args:
        grey: uint8 (H, W).

    Returns:
        At most :data:`REGIONS`.
    """
    height, width = grey.shape
    activity = _activity(grey)
    cell = max(height, width) / max(activity.shape)
    strong = max(MIN_ACTIVITY, STRONG * float(np.percentile(activity, 99)))
    # Opened by three cells: what is thinner is a line of text or of a pattern.
    full = cv2.morphologyEx(
        (activity > strong).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)
    )
    found, _, stats, _ = cv2.connectedComponentsWithStats(full, connectivity=4)
    largest = sorted(stats[1:found].tolist(), key=lambda row: -row[cv2.CC_STAT_AREA])[:REGIONS]
    regions = []
    for left, top, across, down, _ in largest:
        x0, y0 = max(0, int((left - MARGIN) * cell)), max(0, int((top - MARGIN) * cell))
        x1 = min(width, int((left + across + MARGIN) * cell))
        y1 = min(height, int((top + down + MARGIN) * cell))
        regions.append(Region((x0, y0, x1, y1), *directions(grey[y0:y1, x0:x1])))
    return sorted(regions, key=lambda region: -max(region.cross, MIN_CROSS) * region.area)


def _activity(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The larger of the horizontal and vertical step, its mean over 3 x 3 cells: float32."""
    scale = ANALYSIS_PX / max(grey.shape)
    if scale < 1:
        reduced = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        grey = np.asarray(reduced, np.uint8)
    here = grey[:-1, :-1]
    steps = cv2.max(cv2.absdiff(grey[:-1, 1:], here), cv2.absdiff(grey[1:, :-1], here))
    scale = min(1.0, CELLS / max(steps.shape))
    size = [max(1, round(side * scale)) for side in steps.shape]
    cells = cv2.resize(steps, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return cv2.blur(cells, (3, 3)).astype(np.float32)


def directions(view: NDArray[np.uint8]) -> tuple[float, float]:
    """Measure how ``view`` is turned, as ``angle`` and ``cross`` of :class:`Region`.

    A structure tensor of fourfold symmetry: with the gradient as a complex number g, the angle of
    the sum of g⁴ / |g|² is four times that of the edges, whichever of the four sides they are of.

    Args:
        view: uint8 (h, w).
    """
    smooth = cv2.GaussianBlur(view, (0, 0), 0.7)
    across = cv2.Scharr(smooth, cv2.CV_32F, 1, 0)
    down = cv2.Scharr(smooth, cv2.CV_32F, 0, 1)
    gradient = (across + 1j * down)[1:-1, 1:-1]
    power = np.abs(gradient) ** 2
    total = float(power.sum())
    if total == 0:
        return 0.0, 0.0
    fourfold = complex((gradient**4 / np.maximum(power, 1.0)).sum())
    return float(np.degrees(np.angle(fourfold)) / 4), abs(fourfold) / total
