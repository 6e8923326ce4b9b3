"""Reduce a clip to traces, so that only a few frames are ever in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors.continuity import Continuity
from detectors.contracts import BLENDSHAPES, LANDMARKS, Clip
from detectors.following import Follower, FrameLike, Seen
from detectors.landmarks import Landmarker, Tracker, bounding_box
from detectors.regions import Regions
from detectors.stills import StillKeeper, StillSettings
from detectors.tracks import PointTracker, TrackSettings


@dataclass(frozen=True, slots=True)
class ClipSettings:
    """How a clip is traced.

    Attributes:
        irises: track lids, lips and irises closely too, for about 1 ms more a frame; blendshapes
            need it.
        stride: in a still face landmarks and points are measured in one frame of so many, and
            landmarks interpolated between; 1 measures them in every frame. So many frames and one
            more are in memory at most.
        stride_s: longest time between two measured frames, in seconds; slow clips have no frames
            to spare.
        still_pct: a face is still while from one measured frame to the next neither its outline
            nor an eye or the mouth moves further, in % of the face's width. Noise moves them by
            0.1 to 0.6, a blink the eye by 1.5 to 3.
        blendshapes_hz: how often a second blendshapes are computed, at most, from landmarks that
            were measured; 1 ms each. Rows between are NaN, never interpolated. A blink lasts
            0.1 to 0.4 s: at 10 Hz one to four rows show it, and not its exact height or length.
        min_found: share of the frames that must show a face.
        min_region_px: pixels below which a region of skin counts as not visible.
        tracks: how points are followed by optical flow.
        stills: which pictures are kept.
    """

    irises: bool = True
    stride: int = 3
    stride_s: float = 0.12
    still_pct: float = 1.0
    blendshapes_hz: float = 10.0
    min_found: float = 0.5
    min_region_px: int = 16
    tracks: TrackSettings = field(default_factory=TrackSettings)
    stills: StillSettings = field(default_factory=StillSettings)


def trace_clip(
    frames: Iterable[FrameLike],
    landmarker: Landmarker,
    settings: ClipSettings | None = None,
    keeper: StillKeeper | None = None,
) -> Clip | None:
    """Follow the face through a clip.

    Colours are means of the 8-bit gamma-encoded R, G, B, which is what the pulse literature and
    the reference use. The background region is chosen once, in the first frame with a face: of
    four places along the upper edge and the sides, the one furthest from the face; it is NaN in
    frames where the face comes near it.

    Args:
        frames: consumed one by one. Frames of another size than the first count as faceless.
        landmarker: gives blendshapes.
        settings: how.
        keeper: is shown every frame as well, and keeps a few.

    Returns:
        The traces; or None if fewer than ``min_found`` of the frames show a face. Rows of
        ``blendshapes`` are NaN in frames where they were not computed.

    Raises:
        Exception: whatever iterating over ``frames`` raises.
    """
    settings = settings or ClipSettings()
    traces = _Traces(settings, landmarker)
    with Tracker(settings.irises) as tracker:
        follower = Follower(tracker, settings.stride, settings.stride_s, settings.still_pct)
        for seen in follower.follow(frames):
            traces.add(seen)
            if keeper is not None:
                keeper.add(seen)
    return traces.clip()


class _Traces:
    def __init__(self, settings: ClipSettings, landmarker: Landmarker) -> None:
        self._settings = settings
        self._landmarker = landmarker
        self._gives_blendshapes = settings.irises and settings.blendshapes_hz > 0
        self._regions = Regions(settings.min_region_px)
        self._points = PointTracker(settings.tracks)
        self._continuity = Continuity()
        self._size: tuple[int, int] | None = None
        self._blendshapes_due = -np.inf
        self._times: list[float] = []
        self._colours: list[NDArray[np.float32]] = []
        self._landmarks: list[NDArray[np.float32]] = []
        self._blendshapes: list[NDArray[np.float32]] = []

    def add(self, seen: Seen) -> None:
        self._size = self._size or (seen.pixels.shape[1], seen.pixels.shape[0])
        self._times.append(seen.time)
        self._continuity.add(seen.time, seen.pixels)
        self._landmarks.append(_NOWHERE if seen.landmarks is None else seen.landmarks)
        self._colours.append(self._regions.means(seen.pixels, seen.landmarks))
        self._blendshapes.append(self._shapes(seen))
        if seen.measured:
            self._points.add(seen.time, seen.pixels, seen.landmarks)

    def clip(self) -> Clip | None:
        found = sum(row is not _NOWHERE for row in self._landmarks)
        if self._size is None or found < self._settings.min_found * len(self._times):
            return None
        return Clip(
            times=np.array(self._times, np.float64),
            roi_rgb=np.stack(self._colours),
            boxes=np.array([bounding_box(row) for row in self._landmarks], np.float32),
            landmarks=np.stack(self._landmarks),
            blendshapes=np.stack(self._blendshapes) if self._gives_blendshapes else None,
            tracks=tuple(self._points.windows),
            frame_size=self._size,
            continuity=self._continuity.measures(),
        )

    def _shapes(self, seen: Seen) -> NDArray[np.float32]:
        due = self._gives_blendshapes and seen.measured and seen.time >= self._blendshapes_due
        if not due or seen.landmarks is None:
            return _UNKNOWN
        # A tick early is better than a frame late.
        self._blendshapes_due = seen.time + 1 / self._settings.blendshapes_hz - 1e-3
        return self._landmarker.blendshapes(seen.landmarks)


_NOWHERE = np.full((LANDMARKS, 3), np.nan, np.float32)
_UNKNOWN = np.full(BLENDSHAPES, np.nan, np.float32)
