"""What a camera loses of a face that it sees in a picture: colours, and detail.

A print or a screen has its own primaries, its own white and its own noise. The camera that looks at
it adds another tone curve and another lens. What comes out has more distinct colours than skin has
(the dither and the subpixels of the picture, and a brighter image), hues that spread further, and
less of the finest detail. None of it is sure: bright light, make-up and a cheap camera do the same
to a live face, and one of four collectors has it the wrong way round (docs/SIGNALS.md). So it only
supports, within a cap that the policy sets.

Sources: Wen, Han and Jain 2015, "Face Spoof Detection with Image Distortion Analysis", for colour
diversity and chromatic moments; Crete et al. 2007, "The blur effect", for blurring once more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.contracts import Measures
from detectors.pixels import Box, Pixels, grey, visible

SIDE = 96
"""Width in pixels to which a wider face is reduced, so that detail means the same in all frames."""

SAMPLES = 2000
"""Pixels whose colours are counted, evenly over the box: the count must not depend on its size."""

BITS = 5
"""Of each channel that make two colours distinct."""

BLUR_PX = 1.5
"""Standard deviation of the blur that takes the finest detail away."""

_TINY = 0.1
"""Grey levels a pixel; keeps an even face from being all noise."""

NAMES = ("colours", "hue_spread_deg", "fine_detail")


@dataclass(frozen=True, slots=True)
class ColourFormula:
    """Log-odds of a live face from :func:`measure_colours`.

    The four numbers are a logistic regression (classes of equal weight, L2 penalty with C = 0.3 on
    standard scores) on half of Idiap Replay-Attack, ``devel`` (15 people, 120 live frames and 599
    attacks), with 46 photographs of celebrities as live faces of other cameras beside them, so
    that no webcam of 2012 is taken for all cameras. ``python -m benchmarks.liveness`` judges them
    on everything else.

    Attributes:
        bias: log-odds where all else is 0.
        colours: for each distinct colour per pixel.
        hue_spread: for each natural logarithm of 1 + the hue's spread in degrees.
        fine_detail: for all of the detail being fine.
    """

    bias: float = 12.1
    colours: float = -33.5
    hue_spread: float = -3.2
    fine_detail: float = 17.9

    def log_odds(self, measures: Measures, cap: float) -> float:
        """Log-odds of a live face, at most ``cap`` either way; 0 where nothing was measured."""
        if not all(name in measures for name in NAMES):
            return 0.0
        z = (
            self.bias
            + self.colours * measures["colours"]
            + self.hue_spread * math.log1p(measures["hue_spread_deg"])
            + self.fine_detail * measures["fine_detail"]
        )
        return float(np.clip(z, -cap, cap))


def measure_colours(frame: Pixels, box: Box) -> dict[str, float]:
    """Measure the colours and the detail in the box of a face.

    Args:
        frame: uint8 RGB (H, W, 3).
        box: of the face in ``frame``, its centre inside of it.

    Returns:
        ``colours``, distinct colours of 5 bits a channel per pixel looked at, 0 to 1;
        ``hue_spread_deg``, the standard deviation of the hue about red, 0 to 180 degrees;
        ``fine_detail``, the share of the horizontal gradient that a blur of 1.5 pixels takes
        away, 0 to 1.
    """
    x0, y0, x1, y1 = (round(side) for side in visible(box, (frame.shape[1], frame.shape[0])))
    face = frame[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    scale = SIDE / face.shape[1]
    if scale < 1:
        size = (SIDE, max(round(face.shape[0] * scale), 1))
        face = np.asarray(cv2.resize(face, size, interpolation=cv2.INTER_AREA), np.uint8)
    every = face.reshape(-1, 3)
    sampled = every[np.linspace(0, len(every) - 1, SAMPLES).astype(np.intp)]
    coarse = (sampled >> (8 - BITS)).astype(np.int32) @ (1, 1 << BITS, 1 << 2 * BITS)
    hue = cv2.cvtColor(face, cv2.COLOR_RGB2HSV)[..., 0].astype(np.float32) * 2
    level = grey(face).astype(np.float32)
    soft = np.asarray(cv2.GaussianBlur(level, (0, 0), BLUR_PX), np.float32)
    return {
        "colours": len(np.unique(coarse)) / SAMPLES,
        "hue_spread_deg": float(((hue + 180) % 360).std()),  # red, the hue of skin, in the middle
        "fine_detail": 1 - _gradient(soft) / (_gradient(level) + _TINY),
    }


def _gradient(level: NDArray[np.float32]) -> float:
    """Mean absolute difference of horizontal neighbours, in grey levels."""
    return float(np.abs(np.diff(level, axis=1)).mean()) if level.shape[1] > 1 else 0.0
