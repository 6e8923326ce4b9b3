"""Does the face move against what is behind it?

A head sways by some percent of its width within a second or two, and the wall behind it does not.
In a photograph face and background are one: on a stand nothing moves, in the hand both move alike.
A screen that replays a video sways as the face in the video did: it passes.

The background's motion between two stills is the similarity transform that most of its corners
follow (Lucas-Kanade and RANSAC), which allows for a camera that is held in the hand; the face's is
the one that its landmarks follow, which as a whole are far steadier than each of them. Idea: Anjos
and Marcel 2011, "Counter-Measures to Photo Attacks in Face Recognition", with colour differences
in place of tracks.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.contracts import Still
from detectors.landmarks import bounding_box
from detectors.pixels import around, grey
from detectors.topology import FACE_OVAL

CORNERS = 120
QUALITY = 0.02
SPACING = 5
"""Of corners, relative to the best one, and in pixels of a still."""

CLEAR = 1.7
"""Side, in sides of the face's box, of the part in which no background is looked for: hair, neck
and shoulders move with the head."""

MIN_CORNERS = 8
"""Fewer corners of the background that agree say nothing about it."""

RETURN_PX = 0.5
"""How far, in pixels, following a corner back may miss."""

OUTLIER_PX = 1.0
"""How far, in pixels, a corner may be from where the background's motion takes it."""


def sway_pct(stills: Sequence[Still]) -> list[float]:
    """How far the face moved against the background from the first still to each later one.

    Args:
        stills: in order of time.

    Returns:
        For every one in which the background could be followed, the distance of the landmarks,
        root mean square, in % of the face's width.
    """
    moved = (_sway(stills[0], later) for later in stills[1:])
    return [value for value in moved if value is not None]


def _sway(first: Still, last: Still) -> float | None:
    camera = _background(first, last)
    if camera is None:
        return None
    start, end = (_outline(still) for still in (first, last))
    expected = start @ camera[:, :2].T + camera[:, 2]
    # What the landmarks have in common: each of them alone jitters by half a percent.
    face, _ = cv2.estimateAffinePartial2D(expected, end, method=cv2.LMEDS)
    if face is None:
        return None
    moved = expected @ face[:, :2].T + face[:, 2] - expected
    distance = np.sqrt((moved**2).sum(axis=1).mean())
    return float(100 * distance / np.ptp(start[:, 0]))


def _outline(still: Still) -> NDArray[np.float64]:
    return still.landmarks[list(FACE_OVAL), :2].astype(np.float64)


def _background(first: Still, last: Still) -> NDArray[np.float64] | None:
    """The similarity transform, (2, 3), that the background follows, or None."""
    before, after = grey(first.pixels), grey(last.pixels)
    mask = np.full(before.shape, 255, np.uint8)
    for still in (first, last):
        size = (mask.shape[1], mask.shape[0])
        x0, y0, x1, _ = around(bounding_box(still.landmarks), CLEAR, size)
        mask[y0:, x0:x1] = 0  # down to the lower edge: shoulders
    corners = cv2.goodFeaturesToTrack(before, CORNERS, QUALITY, SPACING, mask=mask)
    if corners is None or len(corners) < MIN_CORNERS:
        return None
    there, found, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, None)  # type: ignore[call-overload]
    back, again, _ = cv2.calcOpticalFlowPyrLK(after, before, there, None)  # type: ignore[call-overload]
    missed = np.linalg.norm((back - corners)[:, 0], axis=1)
    kept = (found[:, 0] == 1) & (again[:, 0] == 1) & (missed < RETURN_PX)
    if kept.sum() < MIN_CORNERS:
        return None
    motion, agree = cv2.estimateAffinePartial2D(
        corners[kept], there[kept], ransacReprojThreshold=OUTLIER_PX
    )
    if motion is None or agree.sum() < MIN_CORNERS:
        return None
    return np.asarray(motion, np.float64)
