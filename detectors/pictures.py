"""What measures were taken from, for people: plots and images.

They may show the face, and are made only for a caller who asks; nothing of them is kept.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from detectors.pixels import Pixels, shrink

MAX_POINTS = 400
"""Points of a plot: a screen shows no more."""

MAX_SIDE = 400
"""Pixels a side of an image that goes with a verdict."""

COLOURS = 32
"""Colours of such an image: in full colour, that of a face would be four times as large."""

RED, BLUE = (255, 64, 32), (64, 160, 255)
"""What was found, and where it was looked for. They stand apart for readers who do not see red and
green, and survive the reduction of colours however thin their lines are."""


@dataclass(frozen=True, slots=True, eq=False)
class Plot:
    """One curve.

    Attributes:
        name: a stable snake_case word, unique among the pictures of a signal.
        title: what a reviewer sees here, in one sentence.
        x_label, y_label: what the axes are, with the unit.
        x: float64 (N,), increasing, finite.
        y: float64 (N,), finite.
        marks: positions on x that are worth a line, by their labels.

    Raises:
        ValueError: ``x`` and ``y`` are not two finite rows of one length.
    """

    name: str
    title: str
    x_label: str
    y_label: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    marks: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.x.ndim != 1 or self.x.shape != self.y.shape:
            raise ValueError(f"a plot of {self.x.shape} against {self.y.shape}")
        if not (np.isfinite(self.x).all() and np.isfinite(self.y).all()):
            raise ValueError("a plot of what is not finite")

    def thinned(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return x and y, interpolated at :data:`MAX_POINTS` even places where there are more."""
        if len(self.x) <= MAX_POINTS:
            return self.x, self.y
        even = np.linspace(self.x[0], self.x[-1], MAX_POINTS)
        return even, np.interp(even, self.x, self.y)


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """One image.

    Attributes:
        name: a stable snake_case word, unique among the pictures of a signal.
        title: what a reviewer sees here, in one sentence.
        pixels: uint8 RGB (H, W, 3), of any size.

    Raises:
        ValueError: ``pixels`` are something else, or none.
    """

    name: str
    title: str
    pixels: Pixels

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if self.pixels.dtype != np.uint8 or len(shape) != 3 or shape[2] != 3 or 0 in shape:
            raise ValueError(f"an image of {self.pixels.dtype} {shape}")


Picture = Plot | Image


def png(pixels: Pixels) -> bytes:
    """Encode an RGB image, uint8 (H, W, 3)."""
    _, encoded = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return bytes(encoded.tobytes())


def small_png(pixels: Pixels) -> bytes:
    """Encode an RGB image, uint8 (H, W, 3), in few pixels and colours."""
    small, _ = shrink(pixels, MAX_SIDE)
    image = PIL.Image.fromarray(small)
    common = image.quantize(COLOURS - 2).getpalette() or []
    palette = PIL.Image.new("P", (1, 1))
    palette.putpalette([*common[: 3 * (COLOURS - 2)], *RED, *BLUE])
    reduced = image.quantize(palette=palette, dither=PIL.Image.Dither.NONE)
    file = io.BytesIO()
    reduced.save(file, "PNG", optimize=True)
    return file.getvalue()
