from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from detectors.minifasnet import CELEBA_SPOOF, MEMBERS, SILENT_FACE, Family, inside, square
from models import manifest

BOX = (40.0, 30.0, 60.0, 60.0)


class ChannelMeans:
    """Stands for a network: a logit for each channel of the input, its mean over the picture."""

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self.seen: Any = None

    def run(self, outputs: list[str], inputs: dict[str, Any]) -> list[Any]:
        assert outputs == ["output"]
        self.seen = inputs["input"]
        return [self.seen.mean(axis=(2, 3))[:, : self._classes]]


def plain(red: int, green: int, blue: int) -> Any:
    return np.full((100, 100, 3), (red, green, blue), np.uint8)


def asked(family: Family, pixels: Any) -> tuple[float, Any]:
    network: Any = ChannelMeans(family.classes)
    return family.log_odds(network, pixels, BOX, 1.5), network.seen


def test_silent_face_is_asked_in_bgr_of_0_to_255_and_class_1_is_live() -> None:
    live, seen = asked(SILENT_FACE, plain(2, 7, 4))  # green is the channel in the middle
    assert seen.dtype == np.float32
    assert seen.shape == (1, 3, 80, 80)
    assert seen[0, :, 5, 5].tolist() == [4, 7, 2]
    assert live == pytest.approx(7 - math.log(math.exp(4) + math.exp(2)))
    assert asked(SILENT_FACE, plain(7, 2, 4))[0] < 0


def test_celeba_spoof_is_asked_in_rgb_of_0_to_1_and_class_0_is_live() -> None:
    live, seen = asked(CELEBA_SPOOF, plain(255, 51, 0))
    assert seen.dtype == np.float32
    assert seen.shape == (1, 3, 128, 128)
    assert seen[0, :, 5, 5] == pytest.approx([1.0, 0.2, 0.0])
    assert live == pytest.approx(0.8)
    assert asked(CELEBA_SPOOF, plain(51, 255, 0))[0] == pytest.approx(-0.8)


def coordinates(height: int, width: int) -> Any:
    """Every pixel's x and y as its red and green."""
    y, x = np.indices((height, width))
    return np.stack([x, y, np.zeros_like(x)], axis=2).astype(np.uint8)


@pytest.mark.parametrize(
    ("box", "scale", "x", "y"),
    [
        (BOX, 1.0, (40, 60), (30, 60)),
        (BOX, 2.0, (30, 70), (15, 75)),
        ((0, 0, 20, 30), 2.0, (0, 40), (0, 60)),  # moved to the right and down
        ((80, 70, 100, 100), 2.0, (59, 99), (39, 99)),  # moved to the left and up
        (BOX, 4.0, (17, 83), (0, 99)),  # 3.3 times fits, in height
    ],
)
def test_a_crop_is_moved_and_shrunk_to_stay_inside(
    box: Any, scale: float, x: tuple[int, int], y: tuple[int, int]
) -> None:
    crop = inside(coordinates(100, 100), box, scale)
    assert (crop[0, 0, 0], crop[0, -1, 0]) == x
    assert (crop[0, 0, 1], crop[-1, 0, 1]) == y


def test_a_square_is_filled_by_reflection() -> None:
    crop = square(coordinates(100, 100), (0, 10, 20, 40), 2.0)
    assert crop.shape == (60, 60, 3)
    assert crop[30, :22, 0].tolist() == [*range(20, 0, -1), 0, 1]  # x from -20
    assert crop[:7, 30, 1].tolist() == [5, 4, 3, 2, 1, 0, 1]  # y from -5


@pytest.mark.parametrize("side", [40, 300])
def test_small_and_large_faces_become_inputs(side: int) -> None:
    pixels = np.zeros((side, side, 3), np.uint8)
    box = (side * 0.4, side * 0.4, side * 0.6, side * 0.6)
    for member in MEMBERS.values():
        prepared = member.family.prepare(member.family.cut(pixels, box, member.scale))
        assert prepared.shape == (member.family.side, member.family.side, 3)


def test_every_member_is_in_the_manifest() -> None:
    assert {member.model for member in MEMBERS.values()} <= manifest.models().keys()
