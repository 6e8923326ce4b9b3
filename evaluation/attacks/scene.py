"""What is before the camera: a flat artefact, the wall behind it, and the hand that holds it.

The camera is that of :mod:`specimens.camera`: attacks and bona fide pictures pass the same one, so
that no detector tells them apart by it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from evaluation.attacks.contracts import Light, Pixels
from specimens import camera
from specimens.camera import View
from specimens.rng import generator

FILLING = 1.12
"""Side of an artefact held so close that its edges are out of sight, in sides of the frame."""

FRAMED = 0.74
"""The same of one whose edges are seen."""

SKIN = ((0.78, 0.52, 0.40), (0.55, 0.33, 0.23), (0.25, 0.14, 0.09))
"""What hands reflect, linear RGB."""


def before(shape: tuple[int, ...], fill: float, seed: int, tilt: float = 1.0) -> View:
    """Hold an artefact before the camera, as well as a hand can.

    Args:
        shape: of the artefact's pixels, height first, which is that of the frame too.
        fill: its side in sides of the frame.
        seed: of the place.
        tilt: 1 for up to 6 degrees; 0 for straight.
    """
    rng = generator("before", seed)
    turn, nod, roll = np.radians(tilt * rng.uniform(-6, 6, 3))
    shift = 0.01 * tilt * rng.uniform(-1, 1, 2)
    return posed(shape, fill, (turn, nod, roll), (float(shift[0]), float(shift[1])))


def posed(
    shape: tuple[int, ...],
    fill: float,
    angles: tuple[float, float, float],
    shift: tuple[float, float],
) -> View:
    """Place a flat artefact.

    Args:
        shape: of its pixels, and of the frame, height first.
        fill: its side in sides of the frame.
        angles: turn about the upright axis, nod about the level one, and roll, in radians.
        shift: to the right and down, in widths of the frame.
    """
    height, width = shape[:2]
    edges = np.array(
        [(-0.5, -0.5), (width - 0.5, -0.5), (width - 0.5, height - 0.5), (-0.5, height - 0.5)]
    )
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    sheet = np.column_stack([fill * (edges - middle), np.zeros(4)])
    turn, nod, roll = angles
    for axis in ((0.0, 0.0, roll), (nod, 0.0, 0.0), (0.0, turn, 0.0)):
        sheet = sheet @ cv2.Rodrigues(np.array(axis))[0].T
    away = 1.2 * width  # about 45 degrees from side to side
    seen = middle + sheet[:, :2] * (away / (away + sheet[:, 2:])) + np.array(shift) * width
    homography = cv2.getPerspectiveTransform(edges.astype(np.float32), seen.astype(np.float32))
    return View((width, height), np.asarray(homography, np.float64))


def covered(shape: tuple[int, ...], place: View) -> Light:
    """Say how much of each pixel an artefact with square corners covers: float32 (h, w), 0..1."""
    whole = np.ones(shape[:2], np.float32)
    return camera.warped(whole, place, beyond=cv2.BORDER_CONSTANT)


def wall(shape: tuple[int, ...], seed: int) -> Light:
    """Paint a wall out of focus, brighter on one side."""
    rng = generator("wall", seed)
    height, width = shape[:2]
    coarse = rng.uniform(0.7, 1.3, (5, 6, 1)).astype(np.float32) * rng.uniform(0.15, 0.45, 3)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(smooth, 0.02, 1), np.float32)


def on_wall(surface: Light, cover: Light, behind: Light) -> Light:
    """Hold a surface before a wall, on which it casts a soft shadow."""
    height, width = cover.shape
    small = cv2.resize(cover, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    shadow = cv2.resize(cv2.GaussianBlur(small, (0, 0), 0.005 * width), (width, height))
    dimmed = behind * (1 - np.float32(0.4) * shadow[..., None])
    return np.asarray(dimmed + cover[..., None] * (surface - dimmed), np.float32)


def hand(light: Light, edge: NDArray[np.float64], seed: int) -> Light:
    """Put a thumb before the lower edge of what is held, as round shaded skin.

    Args:
        light: float32 RGB (h, w, 3), linear.
        edge: float64 (2, 2), the ends of the lower edge, in pixels.
        seed: of the place and the skin.
    """
    rng = generator("hand", seed)
    height, width = light.shape[:2]
    tip = edge[0] + rng.uniform(0.25, 0.75) * (edge[1] - edge[0]) - (0, 0.05 * height)
    mask = np.zeros((height, width), np.uint8)
    thick = round(0.09 * width)
    root = (round(tip[0] + rng.uniform(-0.05, 0.05) * width), height + thick)
    cv2.line(mask, (round(tip[0]), round(tip[1])), root, (255,), thick, cv2.LINE_AA)
    cover = (cv2.GaussianBlur(mask, (0, 0), 1.0) / np.float32(255))[..., None]
    shade = cv2.GaussianBlur(mask, (0, 0), 0.25 * thick) / np.float32(255)
    skin = np.array(SKIN[rng.integers(len(SKIN))], np.float32) * (0.25 + 0.75 * shade[..., None])
    return np.asarray(light + cover * (skin - light), np.float32)


def lower_edge(shape: tuple[int, ...], place: View) -> NDArray[np.float64]:
    """Say where the ends of an artefact's lower edge are seen: float64 (2, 2), in pixels."""
    height, width = shape[:2]
    ends = np.array([[(0, height - 1)], [(width - 1, height - 1)]], np.float64)
    return np.asarray(cv2.perspectiveTransform(ends, place.homography)[:, 0])


def taken(light: Light, seed: int) -> Pixels:
    """Take the picture."""
    return camera.develop(camera.expose(light, seed), seed)
