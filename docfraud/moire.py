"""Is the document a photograph of a screen? The measures are those of :mod:`detectors.moire`."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from detectors.contracts import Measurement, Measures, Score
from detectors.interference_pictures import MAP_TITLE, SPECTRUM_TITLE, draw_interference
from detectors.moire import MoireMapping, measure_moire, score_moire
from docfraud.contracts import Check, Page


class Moire(Check[MoireMapping]):
    """The spectrum of the whole page, patch by patch at several scales.

    Measures: those of :func:`detectors.moire.measure_moire`.
    """

    name: ClassVar[str] = "moire"
    mapping: ClassVar[type] = MoireMapping
    panels: ClassVar[tuple[tuple[str, str], ...]] = (
        ("map", MAP_TITLE),
        ("spectrum", SPECTRUM_TITLE),
    )

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
            uint8 RGB (400, 800, 3), or None for a page that is too small; see
            :class:`detectors.interference_pictures.Interference`.
        """
        drawn = draw_interference(page.pixels)
        return None if drawn is None else np.hstack((drawn.map, drawn.spectrum))
