"""Do both corneas mirror the light as wet spheres do?

Formula: FaceVault, "Deepfake Defense", signal 1. A cornea (radius about 7.8 mm) is a convex
mirror: lamps, windows and the phone itself appear in it as small bright spots, alike in both
eyes. A print shows none, a screen glows, and generators often draw them unlike.

Two measures go beyond the reference: the lights that one eye mirrors must stand at the same place
of the other, and make the same pattern, because both look at the same room from 6 cm apart (Hu, Li
and Lyu, "Exposing GAN-generated faces using inconsistent corneal specular highlights", 2021).

The signal needs a light that reflects and a camera that resolves it, and many genuine captures
lack one or the other: a low score is no proof of an attack. Spectacles mirror the room too; what
they mirror beside the eye is measured as glare, so that a policy can abstain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.measure import points_in_poly

from detectors.contracts import (
    Detector,
    FaceBundle,
    Measurement,
    Measures,
    NoOpinion,
    Score,
    Status,
    band,
    ramp,
)
from detectors.pictures import BLUE, RED, Image, Picture
from detectors.pixels import Pixels, fill_hull, grey
from detectors.topology import (
    LEFT_EYE_CONTOUR,
    LEFT_EYE_SOCKET,
    LEFT_IRIS,
    RIGHT_EYE_CONTOUR,
    RIGHT_EYE_SOCKET,
    RIGHT_IRIS,
)

SIDES = {"right": (RIGHT_IRIS, RIGHT_EYE_CONTOUR), "left": (LEFT_IRIS, LEFT_EYE_CONTOUR)}
SOCKETS = {"right": RIGHT_EYE_SOCKET, "left": LEFT_EYE_SOCKET}

DISC = 0.9
"""Iris radii looked at. The outer tenth is left to the error of the landmarks, which would
otherwise bring in the sclera, often as bright as a highlight."""

FLOOR = 200.0
"""Grey level below which nothing is a highlight."""

PERCENTILE = 95.0
"""Of the visible iris; a pixel at the threshold is bright, or a saturated spot would have none."""

SPECK = 0.0003
"""Share of the visible iris below which a bright spot is noise; a lamp of 10 cm at 2 m, mirrored
in the cornea, covers as much."""

MIN_IRIS_PX = 6.0
"""Diameter below which the top 5% of the disc are about one pixel: no count, no area."""

MIN_VISIBLE = 0.3
"""Share of the disc between the lids below which the eye counts as closed."""


ABOVE = 60.0
"""Grey levels above the median of the socket from which a part of it shines: skin that is oily or
lit from one side stays below."""

OPENING = 1.2
"""Size of the eye that no glare is looked for in, in that of its outline."""

MAX_PLACES = 400
"""Pixels of highlights that are compared; of more, every second, or third."""

MIN_SOCKET_PX = 40
"""Pixels below which a socket is out of sight."""

MARGIN, ASPECT = 0.75, 0.6
"""Half the width of the picture of an eye, in widths of the eye, and its height over its width."""

WIDTH = 320
"""Width of that picture in pixels."""


@dataclass(frozen=True, slots=True)
class EyeSpecularMapping:
    """How highlights become a score; the reference gives the ideas and no numbers.

    Attributes:
        one_eye: presence when only one eye has a highlight; the reference wants both.
        area: share of the iris that is bright, at which the score is 0, 1, 1 and 0 again. From
            optics: a cornea mirrors a source of angular size a as a spot 3.9 mm * a wide, in an
            iris of 11.7 mm. A phone at 35 cm covers 0.01, a window of 1 m at 2 m 0.03, a 27 inch
            monitor at 60 cm 0.07.
        brightness: grey levels between highlight and surroundings at which the score is 0 and 1.
            Dark irises lie at 30 to 100 and highlights above 200; an even glow varies by less
            than 30.
        position: distance between the places of the highlights in both eyes, in iris radii, at
            which the score is 0 and 1. Eyes that converge on a phone turn by up to 10 degrees
            against each other, which moves what the cornea mirrors by 0.13, and landmarks of the
            iris are wrong by 0.1; of 62 pairs in photographs of FFHQ three quarters are within
            0.29, and 95% within 0.64.
        pattern: unlikeness of the highlights once their places agree, at which the score is 0 and
            1. Of the same pairs three quarters are within 0.10, and 95% within 0.24.
        presence_weight, symmetry_weight, area_weight, brightness_weight, position_weight,
            pattern_weight: of the components.
        min_iris_px: diameter of the smaller iris below which the signal abstains.
        min_visible: share of the more covered iris that must be seen.
        min_light: lightness of the darker eye against the cheek, as
            :mod:`detectors.quality.eyes` measures it, below which it is taken for covered.
        max_glare: glare beside an eye above which highlights in it are not believed.
        needs_highlight: abstain where there is no highlight at all, instead of scoring 0.
    """

    one_eye: float = 0.0
    area: tuple[float, float, float, float] = (0.0, 0.002, 0.10, 0.30)
    brightness: tuple[float, float] = (30.0, 100.0)
    position: tuple[float, float] = (0.90, 0.35)
    pattern: tuple[float, float] = (0.40, 0.12)
    presence_weight: float = 0.35
    symmetry_weight: float = 0.25
    area_weight: float = 0.20
    brightness_weight: float = 0.20
    position_weight: float = 0.0
    pattern_weight: float = 0.0
    min_iris_px: float = 0.0
    min_visible: float = 0.0
    min_light: float = 0.0
    max_glare: float = 1.0
    needs_highlight: bool = False


class EyeSpecular(Detector[EyeSpecularMapping]):
    """Bright spots within the visible part of each iris.

    An iris is the disc of :data:`DISC` radii about its landmark, within the outline of the lids;
    its radius is the mean distance of the four rim points. Abstains with ``iris_too_small`` or
    ``iris_hidden`` (a lid or the edge of the frame covers it) when that holds for either eye.

    Measures, each prefixed ``right_`` or ``left_`` for the subject's eye:
        iris_px: diameter of the iris in crop pixels.
        visible: share of the disc between the lids and within the crop, 0..1.
        count: bright spots: 8-connected, at or above max(95th percentile, 200).
        spot_ratio: share of the visible iris that they cover, 0..1.
        area_ratio: share of the visible iris at or above 200, 0..1. This is what tells a glow
            from a spot: the percentile holds ``spot_ratio`` near 5% for any texture.
        contrast: mean grey of the spots less that of the rest, 0..255; 0 without spots.
        x, y: centre of the largest spot from that of the iris, in iris radii, to the right of the
            image and down; absent without spots.
        glare: share of the socket outside the lids that is as bright as a highlight and
            :data:`ABOVE` grey levels above the median of the socket, 0..1; absent out of sight.

    And of both eyes, where both have spots, in iris radii (:func:`_apart`):
        position_gap: distance between the centres of gravity of the spots of each.
        pattern_gap: mean distance of the spots of each to the nearest of the other, once their
            centres of gravity are laid over each other.

    And ``darker_eye`` as the face stage measured it.
    """

    name: ClassVar[str] = "eye_specular"
    needs: ClassVar[tuple[str, ...]] = ("crop", "landmarks")
    mapping: ClassVar[type] = EyeSpecularMapping

    def measure(self, bundle: FaceBundle) -> Measurement:
        """Find the highlights of both eyes."""
        points = bundle.landmarks[:, :2].astype(np.float64)
        measures: dict[str, float] = {}
        reasons: set[str] = set()
        spots: list[Points] = []
        for side, (iris, lids) in SIDES.items():
            eye = _look(bundle.crop, points[list(iris)], points[list(lids)])
            found = eye.measures | _glare(
                bundle.crop, points[list(SOCKETS[side])], points[list(lids)]
            )
            spots.append(eye.places)
            if found["iris_px"] < MIN_IRIS_PX:
                reasons.add("iris_too_small")
            elif found["visible"] < MIN_VISIBLE:
                reasons.add("iris_hidden")
            measures |= {f"{side}_{name}": value for name, value in found.items()}
        if all(map(len, spots)):
            measures["position_gap"], measures["pattern_gap"] = _apart(*spots)
        if "darker_eye" in bundle.quality:
            measures["darker_eye"] = bundle.quality["darker_eye"]
        status = Status.ABSTAINED if reasons else Status.OK
        return Measurement(measures, status, tuple(sorted(reasons)))

    def pictures(self, bundle: FaceBundle) -> Sequence[Picture]:
        """Draw both eyes enlarged, what was looked at and the highlights outlined."""
        points = bundle.landmarks[:, :2].astype(np.float64)
        drawn = []
        for side, (iris, lids) in SIDES.items():
            outline = points[list(lids)]
            eye = _look(bundle.crop, points[list(iris)], outline)
            pixels = _draw(bundle.crop, outline, eye)
            if pixels is not None:
                drawn.append(Image(f"{side}_eye", _title(side, eye), pixels))
        return drawn

    @staticmethod
    def score(measures: Measures, mapping: EyeSpecularMapping) -> Score:
        """Map highlights to a score; area and brightness are the mean of both eyes.

        Raises:
            NoOpinion: the eyes cannot be seen as well as the parameters ask for.
        """
        if doubts := _doubts(measures, mapping):
            raise NoOpinion({"seen": 0.0}, tuple(doubts))
        right, left = measures["right_count"], measures["left_count"]
        presence = {2: 1.0, 1: mapping.one_eye, 0: 0.0}[(right > 0) + (left > 0)]
        # No highlight at all is symmetric too, but a print must not be paid for that.
        symmetry = min(right, left) / max(right, left, 1.0)
        area = [
            band(ratio, mapping.area)
            for ratio in (measures["right_area_ratio"], measures["left_area_ratio"])
        ]
        brightness = [
            ramp(contrast, *mapping.brightness)
            for contrast in (measures["right_contrast"], measures["left_contrast"])
        ]
        components = {
            "presence": (presence, mapping.presence_weight),
            "symmetry": (symmetry, mapping.symmetry_weight),
            "area": (sum(area) / 2, mapping.area_weight),
            "brightness": (sum(brightness) / 2, mapping.brightness_weight),
        }
        for name, anchors, weight in (
            ("position", mapping.position, mapping.position_weight),
            ("pattern", mapping.pattern, mapping.pattern_weight),
        ):
            if weight:  # a highlight that the other eye lacks is as far off as can be
                gap = measures.get(f"{name}_gap", math.inf)
                components[name] = (ramp(gap, *anchors), weight)
        return Score.weighted(components)


def _doubts(measures: Measures, mapping: EyeSpecularMapping) -> list[str]:
    """Say what keeps the eyes from being judged, in words of the record."""
    # What a record from before this was measured does not have is not doubted.
    least = {
        name: min(measures.get(f"{side}_{name}", math.inf) for side in SIDES)
        for name in ("iris_px", "visible")
    }
    glare = max(measures.get(f"{side}_glare", 0.0) for side in SIDES)
    dark = not any(measures[f"{side}_count"] for side in SIDES)
    found = {
        "iris_too_small": least["iris_px"] < mapping.min_iris_px,
        "iris_hidden": least["visible"] < mapping.min_visible,
        "eyes_covered": measures.get("darker_eye", math.inf) < mapping.min_light,
        "glare_beside_eyes": glare > mapping.max_glare,
        "no_highlight": mapping.needs_highlight and dark,
    }
    return [word for word, holds in found.items() if holds]


Mask = NDArray[np.bool_]
Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Eye:
    """What was found in one eye.

    Attributes:
        measures: without the prefix of the side.
        corner: x, y in crop pixels of the first pixel of the masks.
        visible: what was looked at; empty where nothing was.
        spots: the highlights, of the same shape.
        places: float64 (n, 2), the pixels of the highlights from the centre of the iris, in iris
            radii, to the right of the image and down.
    """

    measures: dict[str, float]
    corner: tuple[int, int] = (0, 0)
    visible: Mask = field(default_factory=lambda: np.zeros((0, 0), np.bool_))
    spots: Mask = field(default_factory=lambda: np.zeros((0, 0), np.bool_))
    places: Points = field(default_factory=lambda: np.zeros((0, 2)))


def _look(crop: NDArray[np.uint8], iris: NDArray[np.float64], lids: NDArray[np.float64]) -> _Eye:
    """Measure one eye; ``iris`` is the centre and four rim points, ``lids`` a closed outline."""
    centre = iris[0]
    radius = float(np.linalg.norm(iris[1:] - centre, axis=1).mean())
    found = {"iris_px": 2 * radius, "visible": 0.0}
    if found["iris_px"] < MIN_IRIS_PX:
        return _Eye(found)

    # Landmarks count from the corner of the first pixel, whose own centre is at 0.5.
    low = np.floor(centre - DISC * radius).astype(int)
    high = np.ceil(centre + DISC * radius).astype(int)
    columns, rows = (np.arange(a, b) for a, b in zip(low, high, strict=True))
    x, y = np.meshgrid(columns + 0.5, rows + 0.5)
    height, width = crop.shape[:2]
    disc = np.hypot(x - centre[0], y - centre[1]) <= DISC * radius
    inside = (x > 0) & (x < width) & (y > 0) & (y < height)
    between = points_in_poly(np.column_stack([x.ravel(), y.ravel()]), lids)  # type: ignore[no-untyped-call]
    visible = disc & inside & between.reshape(x.shape)
    found["visible"] = float(visible.sum() / disc.sum())
    if found["visible"] < MIN_VISIBLE:
        return _Eye(found)

    patch = crop[np.ix_(rows.clip(0, height - 1), columns.clip(0, width - 1))]
    level = grey(patch)
    bright = visible & (level >= max(np.percentile(level[visible], PERCENTILE), FLOOR))
    _, labels, stats, centroids = cv2.connectedComponentsWithStats(bright.astype(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = np.flatnonzero(areas >= SPECK * visible.sum())
    spots = np.isin(labels, kept + 1)
    rest = visible & ~bright

    found["count"] = float(len(kept))
    found["spot_ratio"] = float(spots.sum() / visible.sum())
    found["area_ratio"] = float((level[visible] >= FLOOR).mean())
    found["contrast"] = 0.0
    if spots.any() and rest.any():
        found["contrast"] = float(level[spots].mean() - level[rest].mean())
    if spots.any():
        largest = centroids[1 + areas.argmax()] + 0.5 + low
        found["x"], found["y"] = ((largest - centre) / radius).tolist()
    places = (np.column_stack([x[spots], y[spots]]) - centre) / radius
    places = places[:: math.ceil(len(places) / MAX_PLACES) or 1]
    return _Eye(found, (int(low[0]), int(low[1])), visible, spots, places)


def _apart(right: Points, left: Points) -> tuple[float, float]:
    """Say how far the highlights of both eyes stand apart, and how unlike their patterns are.

    The second is the symmetric mean distance (chamfer) between two sets of pixels. A pixel has a
    size, so that equal spots sampled at different places are up to half of one apart.

    Args:
        right, left: float64 (n, 2), pixels of the highlights from the centre of the iris, in iris
            radii.
    """
    centres = right.mean(axis=0), left.mean(axis=0)
    between = np.linalg.norm((right - centres[0])[:, None] - (left - centres[1])[None], axis=2)
    pattern = (between.min(axis=0).mean() + between.min(axis=1).mean()) / 2
    return float(np.linalg.norm(centres[0] - centres[1])), float(pattern)


def _glare(crop: NDArray[np.uint8], socket: Points, lids: Points) -> dict[str, float]:
    """Measure what shines beside an eye, where nothing but spectacles does."""
    height, width = crop.shape[:2]
    (x0, y0), (x1, y1) = np.clip(
        [np.floor(socket.min(axis=0)), np.ceil(socket.max(axis=0))], 0, (width, height)
    ).astype(int)
    part = crop[y0:y1, x0:x1]
    mask = np.zeros(part.shape[:2], np.uint8)
    if mask.size:
        fill_hull(mask, (socket - (x0, y0)).astype(np.float32), 1)
        # Lids are drawn by landmarks, and what is white behind their edge is sclera.
        opening = lids.mean(axis=0) + OPENING * (lids - lids.mean(axis=0))
        fill_hull(mask, (opening - (x0, y0)).astype(np.float32), 0)
    if mask.sum() < MIN_SOCKET_PX:
        return {}
    level = grey(part)[mask == 1]
    least = max(FLOOR, float(np.median(level)) + ABOVE)
    return {"glare": float((level >= least).mean())}


def _title(side: str, eye: _Eye) -> str:
    name = f"The subject's {side} eye"
    if not eye.visible.size:
        return f"{name}: too small, or too much of it hidden, to look for highlights"
    found = {0: "no highlight", 1: "one highlight"}
    count = int(eye.measures["count"])
    return f"{name}: {found.get(count, f'{count} highlights')} (red) in the visible iris (blue)"


def _draw(crop: NDArray[np.uint8], lids: NDArray[np.float64], eye: _Eye) -> Pixels | None:
    """Draw an eye, uint8 RGB of :data:`WIDTH` pixels' width; None if it is outside the crop."""
    low, high = lids.min(axis=0), lids.max(axis=0)
    half = (MARGIN * (high[0] - low[0])) * np.array([1.0, ASPECT])
    corners = np.rint(np.stack([(low + high) / 2 - half, (low + high) / 2 + half]))
    (x0, y0), (x1, y1) = np.clip(corners, 0, crop.shape[1::-1]).astype(int)
    if x1 <= x0 or y1 <= y0:
        return None
    size = (WIDTH, max(round(WIDTH * (y1 - y0) / (x1 - x0)), 1))
    drawn = np.asarray(
        cv2.resize(crop[y0:y1, x0:x1], size, interpolation=cv2.INTER_CUBIC), np.uint8
    )
    for mask, colour in ((eye.visible, BLUE), (eye.spots, RED)):
        whole = np.zeros(crop.shape[:2], np.uint8)
        rows, columns = np.nonzero(mask)
        whole[rows + eye.corner[1], columns + eye.corner[0]] = 1
        large = cv2.resize(whole[y0:y1, x0:x1], size, interpolation=cv2.INTER_NEAREST)
        outlines, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(drawn, outlines, -1, colour, 1)
    return drawn
