"""Where patches were searched for a grid of pixels, and what their spectrum shows, as pictures."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from detectors.interference import ANNULUS, CHANCE, Patch, Spectrum, log_spectrum, patches
from detectors.pictures import BLUE, MAX_SIDE, RED
from detectors.pixels import Pixels, grey, shrink

SIDE = MAX_SIDE
"""Height and width of a picture, in pixels."""

SHADES = 15
"""Grey levels of a drawn spectrum: more would show noise and make the file large."""

CERTAIN = 8.0
"""Peak at which a patch is drawn in full red."""

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
        map: uint8 RGB (400, 400, 3), the patches of the telling scale in the darkened picture;
            a patch's frame is the redder the higher its peak.
        spectrum: uint8 RGB (400, 400, 3) of the strongest patch, frequency zero in its centre;
            two circles bound the annulus and small ones mark the peak.
    """

    map: Pixels
    spectrum: Pixels


def draw_interference(pixels: Pixels) -> Interference | None:
    """Draw what :mod:`detectors.interference` sees in a picture.

    Args:
        pixels: uint8 RGB (H, W, 3).

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
    return Interference(_draw_map(pixels, shown), _draw_spectrum(spectrum, strongest))


def _draw_map(pixels: Pixels, found: list[Patch]) -> Pixels:
    small, scale = shrink(pixels, SIDE)
    canvas = np.zeros((400, 400, 3), np.uint8)
    dimmed = np.repeat(grey(small)[..., None] // 8 * np.uint8(4), 3, axis=2)
    canvas[: len(small), : small.shape[1]] = dimmed
    for patch in sorted(found, key=lambda patch: patch.peak):  # the strongest on top
        strength = float(np.clip((patch.peak - CHANCE) / (CERTAIN - CHANCE), 0.0, 1.0))
        corner = (round(patch.x * scale), round(patch.y * scale))
        opposite = (
            round((patch.x + patch.side) * scale) - 1,
            round((patch.y + patch.side) * scale) - 1,
        )
        colour = tuple(round(96 + strength * (part - 96)) for part in RED)
        cv2.rectangle(canvas, corner, opposite, colour, 1 + round(2 * strength))
    return canvas


def _draw_spectrum(spectrum: Spectrum, patch: Patch) -> Pixels:
    # The other half plane is the same, turned by half a turn.
    turned = np.roll(spectrum[::-1, ::-1], 1, axis=0)[:, :-1]
    whole = np.hstack((turned, spectrum[:, :-1]))
    low, high = float(whole.min()), float(whole.max())
    bright = ((whole - low) * (SHADES / max(high - low, 1.0))).astype(np.uint8) * np.uint8(
        255 // SHADES
    )
    drawn = cv2.resize(bright, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    canvas = np.asarray(cv2.cvtColor(drawn, cv2.COLOR_GRAY2RGB), np.uint8)
    centre = np.array((SIDE // 2, SIDE // 2))
    for radius in ANNULUS:
        cv2.circle(canvas, (SIDE // 2, SIDE // 2), round(radius * SIDE), BLUE, 1)
    for sign in (1, -1):
        x, y = np.rint(centre + sign * SIDE * np.array(patch.frequency)).astype(int)
        cv2.circle(canvas, (int(x), int(y)), 8, RED, 2)
    return canvas
