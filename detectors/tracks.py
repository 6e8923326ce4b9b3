"""Points on a face followed by optical flow, one window of a clip after the other.

Corners (Shi and Tomasi) are followed from frame to frame by pyramidal Lucas-Kanade and dropped as
soon as following them back does not return to where they were. Landmarks would not do: a model
puts those of a photograph where those of a head would be.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.contracts import TrackWindow
from detectors.landmarks import bounding_box
from detectors.pixels import Pixels, around, fill_hull, grey
from detectors.topology import FACE_OVAL, LEFT_EYE_CONTOUR, LIPS, RIGHT_EYE_CONTOUR


@dataclass(frozen=True, slots=True)
class TrackSettings:
    """How points are followed.

    Attributes:
        window_s: seconds from the first to the last frame of a window.
        corners: how many points are looked for.
        min_points: a window that ends with fewer is not reported.
        face_px: wider faces are reduced to this width, which bounds the cost.
        surroundings: side of the region that is searched, in sides of the face's box at the
            start of the window; a point that leaves it is lost.
        corner_quality: of a corner, relative to the best one in the face.
        spacing: least distance between two corners, in widths of the face.
        patch: side of the patches that are compared, in widths of the face.
        return_px: how far, in pixels, following a point back may miss.
    """

    window_s: float = 1.0
    corners: int = 150
    min_points: int = 30
    face_px: int = 160
    surroundings: float = 1.8
    corner_quality: float = 0.005
    spacing: float = 0.03
    patch: float = 0.08
    return_px: float = 0.5


class PointTracker:
    """Follows points through one clip; feed it every frame in order."""

    def __init__(self, settings: TrackSettings) -> None:
        self.windows: list[TrackWindow] = []
        self._settings = settings
        self._open: _Window | None = None

    def add(self, time: float, pixels: Pixels, landmarks: NDArray[np.float32] | None) -> None:
        """Take the next frame.

        Args:
            time: seconds.
            pixels: uint8 RGB (H, W, 3), of the same size in every frame with landmarks.
            landmarks: float32 (478, 3) in its pixels; None ends the window unreported.
        """
        if landmarks is None:
            self._open = None
            return
        if self._open is not None:
            self._open.follow(pixels)
            if time - self._open.time >= self._settings.window_s:
                self._close(self._open, time, landmarks)
        if self._open is None:
            self._open = _Window(time, pixels, landmarks, self._settings)

    def _close(self, window: _Window, time: float, landmarks: NDArray[np.float32]) -> None:
        self._open = None
        points = window.points()
        if points.shape[1] >= self._settings.min_points:
            times = np.array([window.time, time])
            self.windows.append(TrackWindow(times, points, np.stack([window.landmarks, landmarks])))


class _Window:
    """The points of one window, in a fixed region around the face as it was at the start."""

    def __init__(
        self, time: float, pixels: Pixels, landmarks: NDArray[np.float32], settings: TrackSettings
    ) -> None:
        self.time = time
        self.landmarks = landmarks
        self._settings = settings
        box = bounding_box(landmarks)
        self._region = around(box, settings.surroundings, (pixels.shape[1], pixels.shape[0]))
        x0, y0 = self._region[:2]
        width = min(box[2] - box[0], float(settings.face_px))
        self._scale = width / (box[2] - box[0])
        self._patch = max(round(settings.patch * width), 9) | 1
        self._grey = self._look(pixels)
        inside = (landmarks[:, :2] - np.array([x0, y0], np.float32)) * np.float32(self._scale)
        corners = cv2.goodFeaturesToTrack(
            self._grey,
            settings.corners,
            settings.corner_quality,
            max(settings.spacing * width, 2.0),
            mask=_rigid_part(self._grey, inside),
        )
        found = np.empty((0, 2)) if corners is None else np.asarray(corners)[:, 0]
        self._first = self._last = found.astype(np.float32)

    def follow(self, pixels: Pixels) -> None:
        if not len(self._last):
            return
        new = self._look(pixels)
        there, found = _flow(self._grey, new, self._last, self._patch)
        back, found_back = _flow(new, self._grey, there, self._patch)
        missed = np.linalg.norm(back - self._last, axis=1)
        kept = found & found_back & (missed <= self._settings.return_px)
        self._first, self._last, self._grey = self._first[kept], there[kept], new

    def points(self) -> NDArray[np.float32]:
        """float32 (2, N, 2): the points at the start and now, in pixels of the frame."""
        origin = np.array(self._region[:2], np.float32)
        return np.stack([self._first, self._last]) / np.float32(self._scale) + origin

    def _look(self, pixels: Pixels) -> Pixels:
        x0, y0, x1, y1 = self._region
        return _reduced(grey(pixels[y0:y1, x0:x1]), self._scale)


def _reduced(image: Pixels, scale: float) -> Pixels:
    """Reduce by a whole number first, which is quick to average, and interpolate the rest."""
    if (whole := int(1 / scale)) > 1:
        rows, columns = (side // whole for side in image.shape)
        even = image[: rows * whole, : columns * whole]
        image = np.asarray(
            cv2.resize(even, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8
        )
    rest = scale * whole
    return np.asarray(cv2.resize(image, None, fx=rest, fy=rest), np.uint8) if rest < 1 else image


_LEVELS = 2
"""Of the pyramid, halvings: points are found up to four half patches from where they were."""


def _flow(
    old: Pixels, new: Pixels, points: NDArray[np.float32], side: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Follow points (N, 2) from one image to the next; also says which were found."""
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        old, new, points, np.empty_like(points), winSize=(side, side), maxLevel=_LEVELS
    )
    return np.asarray(there, np.float32), np.asarray(found)[:, 0] == 1


def _rigid_part(grey: Pixels, landmarks: NDArray[np.float32]) -> Pixels:
    """A mask of the face without eyes and lips, which move by themselves, and without its rim.

    Flow at the rim follows the edge against the background instead of the skin.
    """
    mask = np.zeros(grey.shape, np.uint8)
    points = landmarks[:, :2]
    fill_hull(mask, _scaled(points[list(FACE_OVAL)], 0.92), 255)
    for part in (RIGHT_EYE_CONTOUR, LEFT_EYE_CONTOUR, LIPS):
        fill_hull(mask, _scaled(points[list(part)], 1.2), 0)
    return mask


def _scaled(outline: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    centre = outline.mean(axis=0, dtype=np.float32)
    return np.asarray(centre + factor * (outline - centre), np.float32)
