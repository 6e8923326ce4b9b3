"""Is the document a photograph of a screen? The measures are those of :mod:`detectors.moire`."""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.contracts import Measurement, Measures, Score
from detectors.interference import ANNULUS, CHANCE, PATCH, Patch, Spectrum, log_spectrum, patches
from detectors.moire import MoireMapping, measure_moire, score_moire
from detectors.pixels import Pixels, grey, shrink
from docfraud.contracts import Check, Page

SIDE = 2 * PATCH
"""Height of the picture that is drawn, and width of each of its two halves."""

CERTAIN = 8.0
"""Peak at which a patch is drawn in full red."""

MARK = (255, 64, 32)


class Moire(Check[MoireMapping]):
    """The spectrum of the whole page, patch by patch at several scales.

    Measures: those of :func:`detectors.moire.measure_moire`.
    """

    name: ClassVar[str] = "moire"
    mapping: ClassVar[type] = MoireMapping

    def measure(self, page: Page) -> Measurement:
        """Measure the page."""
        return measure_moire(page.pixels)

    @staticmethod
    def score(measures: Measures, mapping: MoireMapping) -> Score:
        """Map the spectrum to a score."""
        return score_moire(measures, mapping)

    def picture(self, page: Page) -> NDArray[np.uint8] | None:
        """Draw the patches of the telling scale, and beside them the spectrum of the strongest.

        Returns:
            uint8 RGB (512, 1024, 3), or None for a page that is too small. A patch's frame is the
            redder the higher its peak; in the spectrum, whose centre is frequency zero, two
            circles bound the annulus and small ones mark the peak.
        """
        level = grey(page.pixels)
        found = patches(level)
        if not found:
            return None
        strongest = max(found, key=lambda patch: patch.peak)
        shown = [patch for patch in found if patch.scale == strongest.scale]
        x, y, side = strongest.x, strongest.y, strongest.side
        spectrum = log_spectrum(level[y : y + side, x : x + side])
        return np.hstack((_draw_map(page.pixels, shown), _draw_spectrum(spectrum, strongest)))


def _draw_map(pixels: Pixels, found: list[Patch]) -> Pixels:
    small, scale = shrink(pixels, SIDE)
    canvas = np.zeros((SIDE, SIDE, 3), np.uint8)
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


def _draw_spectrum(spectrum: Spectrum, patch: Patch) -> Pixels:
    # The other half plane is the same, turned by half a turn.
    turned = np.roll(spectrum[::-1, ::-1], 1, axis=0)[:, :-1]
    whole = np.hstack((turned, spectrum[:, :-1]))
    low, high = float(whole.min()), float(whole.max())
    bright = ((whole - low) * (255 / max(high - low, 1.0))).astype(np.uint8)
    drawn = cv2.resize(bright, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    canvas = np.asarray(cv2.cvtColor(drawn, cv2.COLOR_GRAY2RGB), np.uint8)
    centre = np.array((SIDE // 2, SIDE // 2))
    for radius in ANNULUS:
        cv2.circle(canvas, (SIDE // 2, SIDE // 2), round(radius * SIDE), (64, 160, 255), 1)
    for sign in (1, -1):
        x, y = np.rint(centre + sign * SIDE * np.array(patch.frequency)).astype(int)
        cv2.circle(canvas, (int(x), int(y)), 8, MARK, 2)
    return canvas
