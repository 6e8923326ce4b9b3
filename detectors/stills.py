"""A few small pictures of a clip, for detectors that look at pixels.

All show the same part of the frame, in the same scale, so that what moves between two of them can
be told from what stands still. How long a clip lasts is not known while it is read: once there are
too many, every other one is let go and the time between two is doubled.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.contracts import Still
from detectors.following import Seen
from detectors.landmarks import bounding_box
from detectors.pixels import around


@dataclass(frozen=True, slots=True)
class StillSettings:
    """Which pictures are kept, and how large.

    Attributes:
        most: pictures at most; a clip that is long enough leaves more than half as many.
        every_s: seconds between the first two.
        surroundings: side of the part that is cut out, in sides of the face's box; networks for
            liveness look at four.
        face_px: wider faces are reduced to this width: a picture has up to 0.4 MB.
    """

    most: int = 6
    every_s: float = 0.25
    surroundings: float = 4.0
    face_px: int = 80


class StillKeeper:
    """Keeps pictures of one clip, evenly over its time; feed it every frame in order."""

    def __init__(self, settings: StillSettings | None = None) -> None:
        self._settings = settings or StillSettings()
        self._every_s = self._settings.every_s
        self._kept: list[Still] = []
        self._region: tuple[int, int, int, int] | None = None
        self._scale = 1.0

    @property
    def stills(self) -> tuple[Still, ...]:
        """What was kept, in order of time."""
        return tuple(self._kept)

    def add(self, seen: Seen) -> None:
        """Take the next frame; one whose landmarks were not measured is passed over."""
        if seen.landmarks is None or not seen.measured or not self._due(seen.time):
            return
        still = self._cut(seen, seen.landmarks)
        if still is None:
            return
        self._kept.append(still)
        if len(self._kept) > self._settings.most:
            del self._kept[1::2]
            self._every_s *= 2

    def _due(self, time: float) -> bool:
        # A tick early is better than a frame late.
        return not self._kept or time >= self._kept[-1].time + self._every_s - 1e-3

    def _cut(self, seen: Seen, landmarks: NDArray[np.float32]) -> Still | None:
        """Cut the clip's part out of a frame; None where the face has left it."""
        box = bounding_box(landmarks)
        if self._region is None:
            size = (seen.pixels.shape[1], seen.pixels.shape[0])
            self._region = around(box, self._settings.surroundings, size)
            self._scale = min(self._settings.face_px / (box[2] - box[0]), 1.0)
        x0, y0, x1, y1 = self._region
        centre = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        if not (x0 <= centre[0] < x1 and y0 <= centre[1] < y1):
            return None
        part = seen.pixels[y0:y1, x0:x1]
        size = (max(round((x1 - x0) * self._scale), 1), max(round((y1 - y0) * self._scale), 1))
        small = np.array(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
        small.setflags(write=False)
        moved = (landmarks - np.array([x0, y0, 0], np.float32)) * np.float32(self._scale)
        return Still(seen.time, small, moved)
