"""Is the face in a picture that was photographed again: on a print, or on a screen?

Each measure is a trace of the thing that is shown to the camera, none of a network: colours that a
print or a screen adds and detail that the second lens takes away (:mod:`detectors.chroma`), the
grid of its dots or pixels, alone or as moiré (:mod:`detectors.interference`), and, in a clip, a
face that does not move against what is behind it (:mod:`detectors.sway`). What surrounds a picture,
its border and the hand that holds it (:mod:`detectors.surroundings`), and glare are recorded for
people: rooms have straight lines, faces have glare, and people have hands as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.chroma import ColourFormula, measure_colours
from detectors.contracts import (
    Detector,
    FaceBundle,
    Measurement,
    Measures,
    Score,
    Status,
    logistic,
)
from detectors.interference import Patch, consistency, patches, prominence, texture
from detectors.interference_pictures import MAP_TITLE, SPECTRUM_TITLE, draw_interference
from detectors.moire import MIN_TEXTURE
from detectors.pictures import Image, Picture
from detectors.pixels import Box, Pixels, fill_hull, grey
from detectors.surroundings import border_levels, skin_around
from detectors.sway import sway_pct
from detectors.topology import FACE_OVAL, LEFT_EYE_CONTOUR, LIPS, RIGHT_EYE_CONTOUR

MIN_BOX = 40.0
"""Shorter side of the face's box in pixels of the reduced frame, below which nothing is judged."""

GLARE = 230
"""Level that all three channels of a pixel reach in a reflection."""


@dataclass(frozen=True, slots=True)
class RecaptureMapping:
    """From traces to a score: the sigmoid of the sum of their log-odds, each within its own cap.

    Those of the grid are z = bias + prominence * prominence + consistency * consistency + texture *
    texture, negated: the logistic regression of :class:`detectors.moire.MoireMapping`, which was
    fitted to photographs of screens and of things, none of them of a face. Those of the sway rise
    with its logarithm, and are 0 at ``sway_pct``.

    Attributes:
        colour: log-odds from colours and detail.
        colour_cap: that they count for at most, either way.
        bias, prominence, consistency, texture: of the grid.
        grid_cap: log-odds that a grid takes away at most.
        no_grid_cap: that its absence adds at most: most screens are too fine for the camera.
        sway_pct: sway, in % of the face's width, that says nothing.
        sway_slope: log-odds for each natural logarithm of the sway.
        still_cap: log-odds that a face which does not sway takes away at most.
        sway_cap: that one which does adds at most: a video sways as well.
        shift: log-odds at which the sum is undecided.
    """

    colour: ColourFormula = field(default_factory=ColourFormula)
    colour_cap: float = 3.0
    bias: float = -5.60
    prominence: float = 1.01
    consistency: float = 3.06
    texture: float = -0.66
    grid_cap: float = 3.0
    no_grid_cap: float = 0.5
    sway_pct: float = 0.55
    sway_slope: float = 3.0
    still_cap: float = 2.0
    sway_cap: float = 0.5
    shift: float = 0.0


class Recapture(Detector[RecaptureMapping]):
    """Traces of a print or a screen in the selfie, and of a picture that stands still in the clip.

    Abstains where the face has too few pixels (``face_too_small``).

    Measures:
        colours, hue_spread_deg, fine_detail: of :func:`detectors.chroma.measure_colours`.
        prominence, consistency, texture: of the grid, as :func:`detectors.moire.measure_moire` has
            them; only of a crop of at least 256 pixels a side that is not even.
        grid_period_px, grid_angle_deg: of the strongest peak: pixels of the crop from line to line,
            and 0 to 45 degrees off the axes. A halftone is often at 45, a screen near 0.
        glare: share of the face's skin in which all channels reach 230, 0 to 1.
        border_levels: grey levels of the second strongest straight border around the face.
        skin_around: share of its surroundings that has the colour of its skin, 0 to 1; only where
            it has surroundings.
        sway_pct: the face's motion against the background from the first still of the clip to
            another, in % of its width, the largest of all; only where it could be followed.
    """

    name: ClassVar[str] = "recapture"
    needs: ClassVar[tuple[str, ...]] = ("crop", "frame", "landmarks", "stills")
    mapping: ClassVar[type] = RecaptureMapping

    def measure(self, bundle: FaceBundle) -> Measurement:
        """Look for every trace."""
        height, width = bundle.frame.shape[:2]
        points = bundle.in_frame * (width, height)
        (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
        box = float(x0), float(y0), float(x1), float(y1)
        measures = {"box_px": min(x1 - x0, y1 - y0)}
        if measures["box_px"] < MIN_BOX:
            return Measurement(measures, Status.ABSTAINED, ("face_too_small",))
        measures |= measure_colours(bundle.frame, box)
        measures |= _grid(patches(grey(bundle.crop)))
        measures |= _surroundings(bundle.frame, points, box)
        if moved := sway_pct(bundle.stills):
            measures["sway_pct"] = max(moved)
        return Measurement({name: float(value) for name, value in measures.items()})

    def pictures(self, bundle: FaceBundle) -> Sequence[Picture]:
        """Draw the patches of the telling scale, and the spectrum of the strongest."""
        drawn = draw_interference(bundle.crop)
        if drawn is None:
            return ()
        return (
            Image("map", MAP_TITLE, drawn.map),
            Image("spectrum", SPECTRUM_TITLE, drawn.spectrum),
        )

    @staticmethod
    def score(measures: Measures, mapping: RecaptureMapping) -> Score:
        """Add up the log-odds; the components are the probabilities of each trace alone."""
        parts = _parts(measures, mapping)
        words = {"grid": "grid_of_pixels", "sway": "still_face"}
        reasons = tuple(word for name, word in words.items() if parts.get(name, 0.0) < -1.0)
        components = {name: logistic(value) for name, value in parts.items()}
        return Score(logistic(Recapture.log_odds(measures, mapping)), components, reasons)

    @staticmethod
    def log_odds(measures: Measures, mapping: RecaptureMapping) -> float:
        """Log-odds of a live face."""
        return sum(_parts(measures, mapping).values()) - mapping.shift


def _parts(measures: Measures, mapping: RecaptureMapping) -> dict[str, float]:
    """Log-odds of a live face from every trace that was measured."""
    parts = {"colour": mapping.colour.log_odds(measures, mapping.colour_cap)}
    if "prominence" in measures:
        grid = mapping.bias + sum(
            getattr(mapping, name) * measures[name]
            for name in ("prominence", "consistency", "texture")
        )
        parts["grid"] = float(np.clip(-grid, -mapping.grid_cap, mapping.no_grid_cap))
    if "sway_pct" in measures:
        sway = mapping.sway_slope * math.log(max(measures["sway_pct"], 1e-6) / mapping.sway_pct)
        parts["sway"] = float(np.clip(sway, -mapping.still_cap, mapping.sway_cap))
    return parts


def _grid(found: Sequence[Patch]) -> dict[str, float]:
    if not found or max(patch.texture for patch in found) < MIN_TEXTURE:
        return {}
    strongest = max(found, key=lambda patch: patch.peak)
    off_axes = math.degrees(strongest.angle) % 90
    return {
        "prominence": prominence(found),
        "consistency": consistency(found),
        "texture": texture(found),
        "grid_period_px": 1 / (math.hypot(*strongest.frequency) * strongest.scale),
        "grid_angle_deg": min(off_axes, 90 - off_axes),
    }


def _surroundings(frame: Pixels, points: NDArray[np.float64], box: Box) -> dict[str, float]:
    """What is on the skin, and around the face."""
    skin = np.zeros(frame.shape[:2], np.uint8)
    fill_hull(skin, points[list(FACE_OVAL)].astype(np.float32), 1)
    for part in (LEFT_EYE_CONTOUR, RIGHT_EYE_CONTOUR, LIPS):
        fill_hull(skin, points[list(part)].astype(np.float32), 0)
    found = {"border_levels": border_levels(frame, box)}
    if skin.any():
        found["glare"] = float((frame[skin > 0].min(axis=1) >= GLARE).mean())
    soft = np.asarray(cv2.GaussianBlur(frame, (0, 0), 1.0), np.uint8)
    around = skin_around(soft, box, skin)
    if around is not None:
        found["skin_around"] = around
    return found
