"""Where patches were searched for a grid of pixels, and what their spectrum shows, as pictures."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from detectors.interference import ANNULUS, CHANCE, PATCH, Patch, Spectrum, log_spectrum, patches
from detectors.pixels import Pixels, grey, shrink

SIDE = 2 * PATCH
"""Height and width of a picture, in pixels."""

CERTAIN = 8.0
"""Peak at which a patch is drawn in full red."""

MARK = (255, 64, 32)

MAP_TITLE = (
    "Where a regular grid was looked for, and found the more the redder the frame: the grid of a "
    "screen is there all over"
)
SPECTRUM_TITLE = (
    "Spectrum of the strongest patch, searched between the blue circles: a screen leaves bright "
    "points away from the axes; the strongest found is in red, and may be chance where it is dim"
)


@dataclass(frozen=True, slots=True, eq=False)
class Interference:
    """Both pictures.

    Attributes:
        map: uint8 RGB (side, side, 3), the patches of the telling scale in the darkened picture;
            a patch's frame is the redder the higher its peak.
        spectrum: uint8 RGB (side, side, 3) of the strongest patch, frequency zero in its centre;
            two circles bound the annulus and small ones mark the peak.
    """

    map: Pixels
    spectrum: Pixels


def draw_interference(pixels: Pixels, side: int = SIDE) -> Interference | None:
    """Draw what :mod:`detectors.interference` sees in a picture.

    Args:
        pixels: uint8 RGB (H, W, 3).
        side: of both pictures, in pixels.

    Returns:
        None for a picture that is too small.
    """
    level = grey(pixels)
    found = patches(level)
    if not found:
        return None
    strongest = max(found, key=lambda patch: patch.peak)
    shown = [patch for patch in found if patch.scale == strongest.scale]
    x, y, width = strongest.x, strongest.y, strongest.side
    spectrum = log_spectrum(level[y : y + width, x : x + width])
    return Interference(_draw_map(pixels, shown, side), _draw_spectrum(spectrum, strongest, side))


def _draw_map(pixels: Pixels, found: list[Patch], side: int) -> Pixels:
    small, scale = shrink(pixels, side)
    canvas = np.zeros((side, side, 3), np.uint8)
    dimmed = np.repeat(grey(small)[..., None] // 2, 3, axis=2)
    canvas[: len(small), : small.shape[1]] = dimmed
    for patch in sorted(found, key=lambda patch: patch.peak):  # the strongest on top
        strength = float(np.clip((patch.peak - CHANCE) / (CERTAIN - CHANCE), 0.0, 1.0))
        corner = (round(patch.x * scale), round(patch.y * scale))
        opposite = (
            round((patch.x + patch.side) * scale) - 1,
            round((patch.y + patch.side) * scale) - 1,
        )
        colour = tuple(round(96 + strength * (part - 96)) for part in MARK)
        cv2.rectangle(canvas, corner, opposite, colour, 1 + round(2 * strength))
    return canvas


def _draw_spectrum(spectrum: Spectrum, patch: Patch, side: int) -> Pixels:
    # The other half plane is the same, turned by half a turn.
    turned = np.roll(spectrum[::-1, ::-1], 1, axis=0)[:, :-1]
    whole = np.hstack((turned, spectrum[:, :-1]))
    low, high = float(whole.min()), float(whole.max())
    bright = ((whole - low) * (255 / max(high - low, 1.0))).astype(np.uint8)
    drawn = cv2.resize(bright, (side, side), interpolation=cv2.INTER_NEAREST)
    canvas = np.asarray(cv2.cvtColor(drawn, cv2.COLOR_GRAY2RGB), np.uint8)
    centre = np.array((side // 2, side // 2))
    for radius in ANNULUS:
        cv2.circle(canvas, (side // 2, side // 2), round(radius * side), (64, 160, 255), 1)
    for sign in (1, -1):
        x, y = np.rint(centre + sign * side * np.array(patch.frequency)).astype(int)
        cv2.circle(canvas, (int(x), int(y)), 8, MARK, 2)
    return canvas
