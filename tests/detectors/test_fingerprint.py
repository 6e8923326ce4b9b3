"""Faces are irises only: two points that say where the square is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.contracts import LANDMARKS
from detectors.fingerprint import (
    FIXED,
    LEFT_IRIS,
    LOWER,
    RIGHT_IRIS,
    RINGS,
    SIDE,
    Head,
    detail,
    encoded,
    eye_distance,
    face_patch,
    rings,
    shipped_head,
    spectrum,
)


def noise(side: int, seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    coarse = cv2.GaussianBlur(rng.normal(size=(side, side, 3)), (0, 0), 4.0)
    return np.clip(128 + 300 * coarse + rng.normal(size=coarse.shape) * 12, 0, 255).astype(np.uint8)


def irises(right: tuple[float, float], left: tuple[float, float]) -> NDArray[np.float32]:
    points = np.zeros((LANDMARKS, 3), np.float32)
    points[RIGHT_IRIS, :2], points[LEFT_IRIS, :2] = right, left
    return points


def coordinates(height: int, width: int) -> NDArray[np.uint8]:
    """A picture whose red is its x and whose green its y."""
    y, x = np.mgrid[:height, :width]
    return np.stack((x, y, 0 * x), axis=2).astype(np.uint8)


def test_the_distance_of_the_eyes() -> None:
    assert eye_distance(irises((10, 10), (40, 50))) == pytest.approx(50)


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_square_lies_below_the_eyes(mirrored: bool) -> None:
    eyes = ((130.0, 100.0), (90.0, 100.0)) if mirrored else ((90.0, 100.0), (130.0, 100.0))
    patch = face_patch(coordinates(250, 250), irises(*eyes))
    side = round(SIDE * 40)
    assert patch.shape == (side, side, 3)
    assert patch[0, 0, 0] == pytest.approx(110 - side / 2, abs=1)
    assert patch[0, 0, 1] == pytest.approx(100 + LOWER * 40 - side / 2, abs=1)


def test_a_face_that_lies_on_its_side() -> None:
    """The subject's left eye below the right one: the mouth is to the left."""
    patch = face_patch(coordinates(250, 250), irises((120, 100), (120, 140)))
    centre = patch[len(patch) // 2, len(patch) // 2, :2].astype(float)
    assert centre == pytest.approx((120 - LOWER * 40, 120), abs=1.5)


def test_the_square_is_moved_inside_and_never_larger_than_the_picture() -> None:
    patch = face_patch(coordinates(200, 200), irises((5, 190), (45, 190)))
    side = round(SIDE * 40)
    assert patch.shape == (side, side, 3)
    assert tuple(patch[-1, 0, :2]) == (0, 199)
    assert face_patch(coordinates(60, 90), irises((10, 20), (80, 20))).shape == (60, 60, 3)


@pytest.mark.parametrize("ring", [1, 7, 15, 30])
def test_a_ring_that_is_twice_as_strong(ring: int) -> None:
    """Of noise, whose spectrum is even; ring r of 128 pixels holds the radii from 4r to 4r + 4."""
    flat = np.random.default_rng(0).normal(size=(128, 128)) * 20
    radius = np.hypot(*np.ogrid[:128, :128])
    inside = (radius >= 4 * ring) & (radius < 4 * ring + 4)
    louder = cv2.idct(cv2.dct(flat) * np.where(inside, 2.0, 1.0))
    before, after = (
        rings(np.clip(np.rint(128 + level), 0, 255).astype(np.uint8)) for level in (flat, louder)
    )
    expected = np.where(np.arange(1, RINGS) == ring, np.log(2), 0.0)
    assert after - before == pytest.approx(expected - expected.mean(), abs=0.06)


def test_rings_do_not_depend_on_contrast() -> None:
    strong = np.random.default_rng(3).integers(0, 256, (128, 128))
    weak = 64 + strong // 2
    found = rings(weak.astype(np.uint8)) - rings(strong.astype(np.uint8))
    assert np.abs(found).max() < 0.05


def test_a_spectrum_is_of_one_scale_and_one_encoder() -> None:
    """What is left of the size and of the quality that a patch came with is little."""
    patch = noise(2 * FIXED)
    half = cv2.resize(patch, (FIXED, FIXED), interpolation=cv2.INTER_AREA).astype(np.uint8)
    assert spectrum(patch) == pytest.approx(spectrum(half), abs=1e-9)
    assert spectrum(half).shape == (RINGS - 1,)
    before = np.abs(rings(half[..., 1]) - rings(encoded(half)[..., 1])).mean()
    after = np.abs(spectrum(half) - spectrum(encoded(half))).mean()
    assert after < before / 2


def test_detail_is_what_blur_takes_away() -> None:
    sharp = noise(FIXED)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 3.0).astype(np.uint8)
    assert detail(blurred) < 0.2 * detail(sharp)
    assert detail(np.full((FIXED, FIXED, 3), 90, np.uint8)) == 0.0


def test_a_head_is_linear() -> None:
    head = Head(np.array([2.0, -1.0]), 0.5)
    assert head.log_odds(np.array([[1.0, 1.0], [0.0, 3.0]])) == pytest.approx([1.5, -2.5])


def test_the_shipped_head_loads_without_data_or_weights() -> None:
    head = shipped_head()
    assert head.weights.shape == (RINGS - 1,)
    assert np.isfinite(head.weights).all()
    assert head.weights.any()
    assert head.sha256 is not None
    assert len(head.sha256) == 64
