"""What attacks are made from and what they make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.clips import Frame

Pixels = NDArray[np.uint8]
Light = NDArray[np.float32]
"""Linear RGB (h, w, 3), 1.0 for white paper in full light; or a part of each pixel, (h, w)."""


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A bona fide picture of a face.

    Attributes:
        pixels: uint8 RGB (H, W, 3).
        points: float32 (478, 2), its landmarks in pixels.
    """

    pixels: Pixels
    points: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A bona fide clip of a face.

    Attributes:
        frames: in order of time, of one size.
        points: float32 (478, 2), the landmarks in the first frame, in pixels.
    """

    frames: tuple[Frame, ...]
    points: NDArray[np.float32]

    @property
    def portrait(self) -> Portrait:
        """The first frame."""
        return Portrait(self.frames[0].pixels, self.points)


Still = Callable[[Portrait, int], Pixels]
"""From a portrait and a seed to the picture that the camera of the attacked system delivers."""

Clip = Callable[[Recording, int], tuple[Frame, ...]]
"""The same of a clip."""
