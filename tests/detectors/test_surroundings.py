from __future__ import annotations

import cv2
import numpy as np
import pytest

from detectors.pixels import Pixels
from detectors.surroundings import border_levels, skin_around

BOX = (130.0, 70.0, 190.0, 150.0)


def noisy(level: float = 120.0) -> Pixels:
    noise = np.random.default_rng(0).normal(level, 4, (240, 320, 3))
    return np.clip(noise, 0, 255).astype(np.uint8)


def bezelled(degrees: float, step: int, sides: str = "both") -> Pixels:
    """A wall with a dark telephone behind the face, 130 pixels wide."""
    pixels = noisy().astype(np.float32)
    mask = np.zeros((240, 320), np.float32)
    if sides == "both":
        mask[20:220, 95:225] = 1
    else:
        mask[:, 95:] = 1
    turn = cv2.getRotationMatrix2D((160, 110), degrees, 1.0)
    pixels -= step * cv2.warpAffine(mask, turn, (320, 240))[..., None]
    return np.clip(pixels, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("degrees", [0.0, 4.0, -8.0, 6.0])
def test_two_borders_are_seen_also_when_they_lean(degrees: float) -> None:
    assert border_levels(bezelled(degrees, 40), BOX) > 20
    assert border_levels(bezelled(degrees, 0), BOX) < 3


def test_the_step_is_in_grey_levels() -> None:
    assert border_levels(bezelled(0.0, 60), BOX) == pytest.approx(60, abs=6)


def test_one_border_is_a_wall_or_a_door() -> None:
    assert border_levels(bezelled(0.0, 60, sides="left"), BOX) < 5


def test_a_face_that_fills_the_frame_has_none() -> None:
    assert border_levels(bezelled(0.0, 60)[70:150, 130:190], (0.0, 0.0, 60.0, 80.0)) == 0


def test_a_hand_at_the_border_has_the_colour_of_the_face() -> None:
    frame = np.full((240, 320, 3), (70, 90, 130), np.uint8)
    skin = np.zeros((240, 320), np.uint8)
    skin[70:150, 130:190] = 1
    frame[skin > 0] = (200, 150, 120)
    bare = skin_around(frame, BOX, skin)
    frame[:, 280:] = (200, 150, 120)
    held = skin_around(frame, BOX, skin)
    assert bare == 0
    assert held is not None
    assert held == pytest.approx(40 * 240 / (320 * 240 - 108 * (240 - 38)), abs=0.02)


def test_without_surroundings_nothing_is_said() -> None:
    skin = np.ones((80, 60), np.uint8)
    assert skin_around(noisy()[:80, :60], (0.0, 0.0, 60.0, 80.0), skin) is None
