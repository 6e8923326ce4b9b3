"""The middle of a face at the scale at which fine detail is compared, and what is counted there."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.pixels import Pixels, grey

Vector = NDArray[np.float64]
Points = NDArray[np.float32] | NDArray[np.float64]

EYES_PX = (40.0, 100.0)
"""Distances of the eyes, in pixels, between which faces are compared."""

SIDE = 1.7
"""Side of the square in distances of the eyes: eyebrows to mouth, hardly any hair."""

LOWER = 0.35
"""Its centre below the middle of the eyes, in their distance."""

FIXED = 112
"""Side, in pixels, of the one scale: eyes 66 pixels apart."""

QUALITY = 75
"""JPEG quality of the one encoder."""

RINGS = 32

LEAST = 0.05
"""Added before logarithms, in grey levels: a twentieth, so that nothing is minus infinity."""

_AREA = cv2.INTER_AREA

RIGHT_IRIS, LEFT_IRIS = 468, 473


def eye_distance(points: Points) -> float:
    """Distance of the centres of the irises, in the points' pixels.

    Args:
        points: (478, 2 or more), landmarks.
    """
    return float(np.hypot(*(points[RIGHT_IRIS, :2] - points[LEFT_IRIS, :2])))


def face_patch(pixels: Pixels, points: Points) -> Pixels:
    """Cut out the middle of a face, moved to lie inside the image.

    Args:
        pixels: uint8 RGB (H, W, 3).
        points: (478, 2 or more), landmarks in its pixels.

    Returns:
        uint8 RGB (N, N, 3), a view.
    """
    right, left = points[RIGHT_IRIS, :2], points[LEFT_IRIS, :2]
    across = left - right
    if across[0] < 0:  # a mirrored landmark order must not put the square on the forehead
        across = -across
    down = np.array([-across[1], across[0]])
    centre = (right + left) / 2 + LOWER * down
    height, width = pixels.shape[:2]
    side = min(round(SIDE * float(np.hypot(*across))), height, width)
    x, y = np.clip(np.rint(centre - side / 2), 0, (width - side, height - side)).astype(int)
    return pixels[y : y + side, x : x + side]


def spectrum(patch: Pixels) -> Vector:
    """Mean log power of the DCT over rings, brought to one scale and one encoder first.

    Otherwise the camera's size and its encoder would be measured before anything else is.

    Args:
        patch: uint8 RGB (N, N, 3).

    Returns:
        float64 (31,), natural logarithms, from coarse to fine, without the coarsest ring and less
        their mean, so that contrast does not count.
    """
    alike = encoded(np.asarray(cv2.resize(patch, (FIXED, FIXED), interpolation=_AREA), np.uint8))
    return rings(grey(alike))


def rings(level: Pixels) -> Vector:
    """The same of a grey square of an even side as it is: uint8 (N, N) to float64 (31,)."""
    power = np.log(LEAST + np.abs(cv2.dct(level.astype(np.float32))))
    radius = np.hypot(*np.ogrid[: len(power), : len(power)]) / len(power)
    ring = np.minimum((radius * RINGS).astype(int), RINGS - 1).ravel()
    means = np.bincount(ring, power.ravel())[1:] / np.bincount(ring)[1:]
    return np.asarray(means - means.mean(), np.float64)


def detail(patch: Pixels) -> float:
    """Root mean square, in grey levels, of what a 3x3 median takes away at that scale."""
    level = grey(np.asarray(cv2.resize(patch, (FIXED, FIXED), interpolation=_AREA), np.uint8))
    return float(np.sqrt(np.mean((level.astype(np.float64) - cv2.medianBlur(level, 3)) ** 2)))


def encoded(pixels: Pixels) -> Pixels:
    """Encode as JPEG at :data:`QUALITY` and decode: uint8 RGB (H, W, 3)."""
    done, data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise ValueError("could not be encoded as JPEG")
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """Log-odds of a photograph, linear in what is counted.

    Attributes:
        weights: float64 (F,).
        intercept: added.
        sha256: of the file that it was read from, if any.
    """

    weights: Vector
    intercept: float
    sha256: str | None = None

    def log_odds(self, features: NDArray[np.float64]) -> Vector:
        """Natural log-odds, (N,), for features (N, F); above 0 for a photograph."""
        return np.asarray(features @ self.weights + self.intercept, np.float64)


@cache
def shipped_head() -> Head:
    """The head that comes with the package; its card says what it was trained on."""
    data = files("models").joinpath("gan_texture.json").read_bytes()
    found = json.loads(data)
    return Head(
        np.array(found["weights"], np.float64),
        float(found["intercept"]),
        hashlib.sha256(data).hexdigest(),
    )
