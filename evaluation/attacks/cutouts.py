"""A printed mask with holes for the eyes, worn before the face of whoever attacks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.topology import FACE_OVAL, LEFT_EYE_CONTOUR, RIGHT_EYE_CONTOUR
from evaluation.attacks import prints, scene
from evaluation.attacks.contracts import Light, Pixels, Portrait
from specimens import camera

HOLE = 1.35
"""Outline of a hole, in outlines of the eye."""


def with_eyes(portrait: Portrait, seed: int) -> Pixels:
    """Wear a printed face whose eyes are cut out; live eyes look through, in the shade."""
    pixels, points = portrait.pixels, portrait.points
    place = scene.posed(pixels.shape, 1.0, (0, 0, 0), (0, 0))
    mask = 0.85 * prints.printed(pixels, place, seed)
    holes = np.maximum(*(_filled(pixels.shape, _grown(points[list(eye)])) for eye in _EYES))
    rim = cv2.GaussianBlur(holes, (0, 0), 0.006 * pixels.shape[1])[..., None]
    # The sheet stands a little before the skin and keeps light from it.
    live = camera.linear(pixels) * np.float32(0.6) * (0.35 + 0.65 * rim)
    worn = mask + holes[..., None] * (live - mask)
    oval = _filled(pixels.shape, points[list(FACE_OVAL)])
    return scene.taken(scene.on_wall(worn, oval, scene.wall(pixels.shape, seed)), seed)


_EYES = (RIGHT_EYE_CONTOUR, LEFT_EYE_CONTOUR)


def _grown(outline: NDArray[np.float32]) -> NDArray[np.float32]:
    centre = outline.mean(axis=0)
    # Eyes are flat: half as much again of their width is cut above and below them.
    height = 0.18 * np.ptp(outline[:, 0]) * np.sign(outline[:, 1] - centre[1])
    grown = centre + HOLE * (outline - centre)
    grown[:, 1] += height
    return np.asarray(grown, np.float32)


def _filled(shape: tuple[int, ...], outline: NDArray[np.float32]) -> Light:
    """How much of each pixel lies within a convex outline: float32 (h, w), 0..1."""
    mask = np.zeros(shape[:2], np.uint8)
    hull = cv2.convexHull(np.rint(outline).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, (255,), cv2.LINE_AA)
    return np.asarray(mask / np.float32(255), np.float32)
