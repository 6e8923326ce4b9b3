"""Reduce a clip to traces, frame by frame, so that no more than two frames are ever in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.contracts import BLENDSHAPES, LANDMARKS, ROIS, Clip
from detectors.landmarks import Landmarker, Tracker, bounding_box
from detectors.pixels import Box, Pixels, around, shrink
from detectors.topology import FOREHEAD, LEFT_CHEEK, RIGHT_CHEEK
from detectors.tracks import PointTracker, TrackSettings


class FrameLike(Protocol):
    """A decoded frame: seconds from the first one, and uint8 RGB (H, W, 3), upright."""

    @property
    def time(self) -> float: ...  # noqa: D102

    @property
    def pixels(self) -> Pixels: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class ClipSettings:
    """How a clip is traced.

    Attributes:
        irises: track lids, lips and irises closely too, for about 1 ms more a frame.
        blendshapes_hz: how often a second blendshapes are computed, at most; the model for them
            costs 10 ms, three times the tracking. Rows between are NaN, never interpolated. A
            blink lasts 0.1 to 0.4 s.
        min_found: share of the frames that must show a face.
        min_region_px: pixels below which a region of skin counts as not visible.
        tracks: how points are followed by optical flow.
    """

    irises: bool = True
    blendshapes_hz: float = 10.0
    min_found: float = 0.5
    min_region_px: int = 16
    tracks: TrackSettings = field(default_factory=TrackSettings)


def trace_clip(
    frames: Iterable[FrameLike], landmarker: Landmarker, settings: ClipSettings | None = None
) -> Clip | None:
    """Follow the face through a clip.

    Colours are means of the 8-bit gamma-encoded R, G, B, which is what the pulse literature and
    the reference use. The background region is chosen once, in the first frame with a face: of
    four places along the upper edge and the sides, the one furthest from the face; it is NaN in
    frames where the face comes near it.

    Args:
        frames: consumed one by one. Frames of another size than the first count as faceless.
        landmarker: gives blendshapes, where it can.
        settings: how.

    Returns:
        The traces; or None if fewer than ``min_found`` of the frames show a face. Rows of
        ``blendshapes`` are NaN in frames where they were not computed.

    Raises:
        Exception: whatever iterating over ``frames`` raises.
    """
    settings = settings or ClipSettings()
    with Tracker(settings.irises) as tracker:
        traces = _Traces(settings, tracker, landmarker)
        for frame in frames:
            traces.add(frame.time, frame.pixels)
    return traces.clip()


class _Traces:
    def __init__(self, settings: ClipSettings, tracker: Tracker, landmarker: Landmarker) -> None:
        self._settings = settings
        self._tracker = tracker
        self._landmarker = landmarker
        self._size: tuple[int, int] | None = None
        self._points = PointTracker(settings.tracks)
        self._background: Box | None = None
        self._blendshapes_due = -np.inf
        self._times: list[float] = []
        self._colours: list[NDArray[np.float32]] = []
        self._landmarks: list[NDArray[np.float32]] = []
        self._blendshapes: list[NDArray[np.float32]] = []

    def add(self, time: float, pixels: Pixels) -> None:
        height, width = pixels.shape[:2]
        self._size = self._size or (width, height)
        self._times.append(time)
        landmarks = self._tracker.follow(pixels) if self._size == (width, height) else None
        self._points.add(time, pixels, landmarks)
        if landmarks is None:
            self._landmarks.append(np.full((LANDMARKS, 3), np.nan, np.float32))
            self._colours.append(np.full((len(ROIS), 3), np.nan, np.float32))
            self._blendshapes.append(np.full(BLENDSHAPES, np.nan, np.float32))
        else:
            self._landmarks.append(landmarks)
            self._colours.append(self._mean_colours(pixels, landmarks))
            self._blendshapes.append(self._shapes(time, pixels, landmarks))

    def clip(self) -> Clip | None:
        found = [row for row in self._landmarks if np.isfinite(row[0, 0])]
        if self._size is None or len(found) < self._settings.min_found * len(self._times):
            return None
        gives = self._landmarker.gives_blendshapes and self._settings.blendshapes_hz > 0
        return Clip(
            times=np.array(self._times, np.float64),
            roi_rgb=np.stack(self._colours),
            boxes=np.array([bounding_box(row) for row in self._landmarks], np.float32),
            landmarks=np.stack(self._landmarks),
            blendshapes=np.stack(self._blendshapes) if gives else None,
            tracks=tuple(self._points.windows),
            frame_size=self._size,
        )

    def _mean_colours(self, pixels: Pixels, landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
        least = self._settings.min_region_px
        colours = [
            _mean_inside(pixels, landmarks[list(region), :2], least)
            for region in (FOREHEAD, RIGHT_CHEEK, LEFT_CHEEK)
        ]
        height, width = pixels.shape[:2]
        near = around(bounding_box(landmarks), _CLEARANCE, (width, height))
        if self._background is None:
            self._background = _furthest_place(near, (width, height))
        colours.append(_mean_outside(pixels, self._background, near))
        return np.stack(colours)

    def _shapes(
        self, time: float, pixels: Pixels, landmarks: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        shapes = np.full(BLENDSHAPES, np.nan, np.float32)
        hz = self._settings.blendshapes_hz
        if not self._landmarker.gives_blendshapes or hz <= 0 or time < self._blendshapes_due:
            return shapes
        self._blendshapes_due = time + 1 / hz - 1e-3  # a tick early is better than a frame late
        x0, y0, x1, y1 = around(bounding_box(landmarks), 3.0, (pixels.shape[1], pixels.shape[0]))
        faces = self._landmarker.find(shrink(pixels[y0:y1, x0:x1], _BLENDSHAPES_SIDE)[0])
        found = max(faces, key=lambda other: other.box[2] - other.box[0], default=None)
        return shapes if found is None or found.blendshapes is None else found.blendshapes


_BLENDSHAPES_SIDE = 640
"""Longest side, in pixels, of the crop from which blendshapes are computed."""

_CLEARANCE = 1.4
"""The background keeps clear of a box this many times the face's: of hair, ears and neck."""


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


_SUBPIXEL_BITS = 6
