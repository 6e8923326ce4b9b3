"""A face and a wall that move by known amounts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.contracts import LANDMARKS, Still
from detectors.sway import MIN_CORNERS, sway_pct
from detectors.topology import FACE_OVAL

WIDTH = 80.0


def wall(dx: float, dy: float, seed: int = 0, contrast: float = 40.0) -> NDArray[np.uint8]:
    """A blotchy wall, moved by some pixels, with a sensor's noise."""
    noise = np.random.default_rng(1).normal(0, 1, (340, 420)).astype(np.float32)
    blotches = cv2.GaussianBlur(noise, (0, 0), 3.0)
    blotches *= contrast / blotches.std()
    moved = cv2.warpAffine(blotches, np.array([[1, 0, dx], [0, 1, dy]], np.float32), (420, 340))
    cut = (
        moved[30:310, 30:390, None] + 120 + np.random.default_rng(seed).normal(0, 2, (280, 360, 3))
    )
    return np.clip(cut, 0, 255).astype(np.uint8)


def still(
    index: int, face: tuple[float, float], camera: tuple[float, float] = (0, 0), jitter: float = 0.3
) -> Still:
    """A face of 80 pixels that moved so far, before a wall that moved so far."""
    angles = np.linspace(0, 2 * np.pi, len(FACE_OVAL), endpoint=False)
    landmarks = np.zeros((LANDMARKS, 3), np.float32)
    landmarks[:, :2] = (180 + face[0], 140 + face[1])
    landmarks[list(FACE_OVAL), 0] += WIDTH / 2 * np.cos(angles)
    landmarks[list(FACE_OVAL), 1] += WIDTH * 0.6 * np.sin(angles)
    landmarks[:, :2] += np.random.default_rng(index).normal(0, jitter, (LANDMARKS, 2))
    pixels = wall(*camera, seed=index)
    x, y = round(180 + face[0]), round(140 + face[1])
    pixels[y - 50 : y + 50, x - 40 : x + 40] = 150
    return Still(float(index), pixels, landmarks)


@pytest.mark.parametrize("moved", [0.0, 1.0, 2.0, 4.0])
def test_a_head_before_a_wall_sways_by_what_it_moved(moved: float) -> None:
    (found,) = sway_pct([still(0, (0, 0)), still(1, (moved, 0))])
    assert found == pytest.approx(100 * moved / WIDTH, abs=0.5)


@pytest.mark.parametrize("moved", [(3.0, 0.0), (-2.0, 4.0)])
def test_a_photograph_in_the_hand_moves_as_a_whole(moved: tuple[float, float]) -> None:
    (found,) = sway_pct([still(0, (0, 0)), still(1, moved, camera=moved)])
    assert found < 0.6


def test_a_camera_in_the_hand_takes_nothing_from_a_head() -> None:
    (found,) = sway_pct([still(0, (0, 0)), still(1, (5.0, 2.0), camera=(2.0, -2.0))])
    assert found == pytest.approx(100 * 5 / WIDTH, abs=0.6)


def test_every_later_still_is_compared_with_the_first() -> None:
    found = sway_pct([still(0, (0, 0)), still(1, (2, 0)), still(2, (2, 0)), still(3, (-4, 0))])
    np.testing.assert_allclose(found, [2.5, 2.5, 5], atol=0.6)


def test_a_bare_wall_says_nothing() -> None:
    bare = [Still(0.0, np.full((280, 360, 3), 128, np.uint8), still(0, (0, 0)).landmarks)] * 2
    assert sway_pct(bare) == []
    assert sway_pct([]) == sway_pct(bare[:1]) == []
    assert MIN_CORNERS > 3  # two corners fix a similarity transform: more have to agree
