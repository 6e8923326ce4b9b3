"""Do the frames of a clip follow each other as a camera's do?

No two frames of a sensor are alike to the last bit: its noise is new every time. A feed that
injects one picture again and again, or plays a recording in a loop, repeats frames exactly.

A frame that equals the one *before* is common all the same: webcams in the dark deliver every
frame twice, and encoders skip what hardly changed. One that equals an *earlier* frame after others
came between does not happen by itself. Only exact repetition is seen: a loop that is encoded anew,
with noise added, is not.
"""

from __future__ import annotations

import zlib

import numpy as np

from detectors.pixels import Pixels

STEP = 4
"""Every so many rows and columns are compared: noise makes each of the samples new."""


class Continuity:
    """Watches the frames of one clip; feed it each of them in order."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._known: set[int] = set()
        self._last: int | None = None
        self._repeated = self._returned = 0

    def add(self, time: float, pixels: Pixels) -> None:
        """Take the next frame.

        Args:
            time: seconds.
            pixels: uint8 RGB (H, W, 3).
        """
        # A checksum tells frames apart by chance often enough: an error in four thousand million.
        seen = zlib.crc32(pixels[::STEP, ::STEP].tobytes())
        self._times.append(time)
        self._repeated += seen == self._last
        self._returned += seen != self._last and seen in self._known
        self._known.add(seen)
        self._last = seen

    def measures(self) -> dict[str, float]:
        """Say what was seen; nothing of fewer than two frames.

        Returns:
            ``clip_repeated``: share of the frames, without the first, that equal the one before,
            0..1. ``clip_returned``: share of them that equal an earlier one instead, 0..1.
            ``clip_unevenness``: standard deviation of the intervals between frames over their
            mean; 0 for times that a program made up, and for many that a camera wrote.
        """
        steps = len(self._times) - 1
        if steps < 1:
            return {}
        intervals = np.diff(self._times)
        return {
            "clip_repeated": self._repeated / steps,
            "clip_returned": self._returned / steps,
            "clip_unevenness": float(intervals.std() / intervals.mean()),
        }
