"""Landmarks in every frame of a clip, measured in no more of them than needed.

To find landmarks costs more than all else that is done with a frame. While a face is still they
are measured in one frame of a few, and interpolated between. That takes looking ahead: frames
wait until the next measured one says whether the face has moved, and if it has, they are measured
too. Traces taken from interpolated landmarks would drift under motion.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.landmarks import Tracker, bounding_box
from detectors.pixels import Pixels
from detectors.topology import FACE_OVAL, LEFT_EYE_CONTOUR, LIPS, RIGHT_EYE_CONTOUR

_PARTS = [list(part) for part in (FACE_OVAL, RIGHT_EYE_CONTOUR, LEFT_EYE_CONTOUR, LIPS)]


class FrameLike(Protocol):
    """A decoded frame: seconds from the first one, and uint8 RGB (H, W, 3), upright."""

    @property
    def time(self) -> float: ...  # noqa: D102

    @property
    def pixels(self) -> Pixels: ...  # noqa: D102


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A frame and the face in it.

    Attributes:
        time: seconds from the first frame.
        pixels: uint8 RGB (H, W, 3).
        landmarks: float32 (478, 3) in its pixels, or None where no face was found.
        measured: whether the landmarks come from this frame, not from its neighbours.
    """

    time: float
    pixels: Pixels
    landmarks: NDArray[np.float32] | None
    measured: bool = True


class Follower:
    """Follows one face through one clip.

    Args:
        tracker: measures landmarks; it sees frames in the order of time while the face moves.
        stride: in a still face one frame of so many is measured, and so many wait at most; 1
            measures them all.
        stride_s: longest time between two measured frames, in seconds.
        still_pct: how far, in % of the face's width, its outline, an eye or the mouth may have
            moved since the measured frame before, on average over its landmarks.
    """

    def __init__(self, tracker: Tracker, stride: int, stride_s: float, still_pct: float) -> None:
        self._tracker = tracker
        self._stride = stride
        self._stride_s = stride_s
        self._still_pct = still_pct
        self._size: tuple[int, ...] | None = None
        self._last: Seen | None = None
        self._moving = False

    def follow(self, frames: Iterable[FrameLike]) -> Iterator[Seen]:
        """Take frames one by one and yield each of them, in order, up to ``stride`` - 1 later.

        Frames of another size than the first count as faceless.
        """
        waiting: list[FrameLike] = []
        for frame in frames:
            waiting.append(frame)
            if self._due(waiting):
                yield from self._look(waiting)
                waiting = []
        if waiting:
            yield from self._look(waiting)

    def _due(self, waiting: list[FrameLike]) -> bool:
        last = self._last
        return (
            last is None
            or last.landmarks is None
            or len(waiting) >= self._stride
            or waiting[-1].time - last.time >= self._stride_s
        )

    def _look(self, waiting: list[FrameLike]) -> list[Seen]:
        """Find the face in the frames that waited; the newest one is always measured."""
        if self._moving:
            seen = [self._measure(frame) for frame in waiting]
        else:
            newest = self._measure(waiting[-1])
            moved = self._moved(newest)
            seen = [
                self._measure(frame) if moved else self._interpolate(frame, newest)
                for frame in waiting[:-1]
            ]
            seen.append(newest)
        self._moving = self._moved(seen[-1])
        self._last = seen[-1]
        return seen

    def _measure(self, frame: FrameLike) -> Seen:
        self._size = self._size or frame.pixels.shape
        fits = frame.pixels.shape == self._size
        return Seen(frame.time, frame.pixels, self._tracker.follow(frame.pixels) if fits else None)

    def _moved(self, newest: Seen) -> bool:
        """Whether the face is not where the last measured frame had it."""
        if self._last is None:
            return False
        before, now = self._last.landmarks, newest.landmarks
        if before is None or now is None:
            return True
        x0, _, x1, _ = bounding_box(before)
        distance = np.linalg.norm((now - before)[:, :2], axis=1)
        furthest = max(distance[part].mean() for part in _PARTS)
        return bool(100 * furthest > self._still_pct * (x1 - x0))

    def _interpolate(self, frame: FrameLike, newest: Seen) -> Seen:
        last = self._last
        if last is None or last.landmarks is None or newest.landmarks is None:
            raise ValueError("only a face that is seen before and after can be interpolated")
        part = np.float32((frame.time - last.time) / (newest.time - last.time))
        landmarks = last.landmarks + part * (newest.landmarks - last.landmarks)
        return Seen(frame.time, frame.pixels, landmarks, measured=False)
