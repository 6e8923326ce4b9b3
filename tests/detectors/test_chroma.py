from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from detectors.chroma import NAMES, SAMPLES, ColourFormula, measure_colours
from detectors.pixels import Box, Pixels

FACE = (119.0, 71.0, 210.0, 178.0)
"""Of the astronaut in ``photograph``."""


@pytest.fixture
def photograph(astronaut: Pixels) -> Pixels:
    return np.ascontiguousarray(astronaut[:240, 60:380])


def plain(colour: tuple[int, int, int]) -> Pixels:
    return np.full((240, 320, 3), colour, np.uint8)


def test_one_colour_is_one_colour_without_spread_or_detail() -> None:
    found = measure_colours(plain((200, 150, 120)), FACE)
    assert tuple(found) == NAMES
    assert found["colours"] == 1 / SAMPLES
    assert found["hue_spread_deg"] == 0
    assert found["fine_detail"] == 1.0  # of nothing: the formula's cap holds


def test_colours_are_counted_in_steps_of_eight_levels() -> None:
    ramp = np.zeros((240, 320, 3), np.uint8)
    ramp[..., 0] = np.linspace(0, 255, 240)[:, None]
    whole = (0.0, 0.0, 90.0, 240.0)
    assert measure_colours(ramp, whole)["colours"] == 32 / SAMPLES
    ramp[..., 0] //= 8
    assert measure_colours(ramp, whole)["colours"] == 4 / SAMPLES


def test_hues_about_red_are_near_each_other() -> None:
    pixels = plain((200, 100, 110))  # a little below 360 degrees
    pixels[::2] = (200, 110, 100)  # a little above 0
    assert measure_colours(pixels, (0.0, 0.0, 90.0, 240.0))["hue_spread_deg"] == pytest.approx(6, 1)


def test_blur_takes_the_fine_detail(photograph: Pixels) -> None:
    found = [
        measure_colours(cv2.GaussianBlur(photograph, (0, 0), sigma), FACE)["fine_detail"]
        for sigma in (0.3, 0.8, 1.5, 3.0)
    ]
    assert found == sorted(found, reverse=True)
    assert found[0] > 2 * found[-1]


def test_the_size_of_the_face_hardly_matters(photograph: Pixels) -> None:
    large = cv2.resize(photograph, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    tripled: Box = tuple(3 * side for side in FACE)  # type: ignore[assignment]
    here, there = (
        measure_colours(photograph, FACE),
        measure_colours(large.astype(np.uint8), tripled),
    )
    assert there["colours"] == pytest.approx(here["colours"], rel=0.15)
    assert there["hue_spread_deg"] == pytest.approx(here["hue_spread_deg"], rel=0.15)


def test_a_mirror_image_is_the_same(photograph: Pixels) -> None:
    mirrored = np.ascontiguousarray(photograph[:, ::-1])
    box = (320 - FACE[2], FACE[1], 320 - FACE[0], FACE[3])
    assert measure_colours(mirrored, box) == pytest.approx(
        measure_colours(photograph, FACE), rel=0.05
    )


def test_a_box_that_leaves_the_frame_is_cut(photograph: Pixels) -> None:
    outside = (-40.0, -30.0, 90.0, 120.0)
    assert measure_colours(photograph, outside) == measure_colours(
        photograph, (0.0, 0.0, 90.0, 120.0)
    )


def test_log_odds_worked_by_hand() -> None:
    formula = ColourFormula(bias=1.0, colours=-10.0, hue_spread=-2.0, fine_detail=3.0)
    found = {"colours": 0.2, "hue_spread_deg": np.e - 1, "fine_detail": 0.5}
    assert formula.log_odds(found, 9.0) == pytest.approx(1 - 2 - 2 + 1.5)
    assert formula.log_odds(found, 0.5) == -0.5
    assert replace(formula, bias=20.0).log_odds(found, 0.5) == 0.5
    assert formula.log_odds({"colours": 0.2}, 9.0) == 0.0  # half a measurement is none


def test_a_camera_that_looks_at_a_screen_adds_colours_and_loses_detail(photograph: Pixels) -> None:
    """Brighter, dithered and blurred once more: what the formula goes by."""
    shown = photograph.astype(np.float32) * 1.3 + 15
    shown += np.random.default_rng(0).normal(0, 12, shown.shape)  # a screen's subpixels
    seen = cv2.GaussianBlur(shown, (0, 0), 1.2)
    picture = np.clip(seen, 0, 255).astype(np.uint8)
    formula = ColourFormula()
    live, attack = (formula.log_odds(measure_colours(p, FACE), 99.0) for p in (photograph, picture))
    assert attack < live - 2
