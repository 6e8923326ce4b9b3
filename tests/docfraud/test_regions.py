"""Codes at known places and turns, and what is none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from symbol_pages import SYMBOLOGIES, Pixels, drawn, on_paper

from docfraud.regions import directions, find_regions

TEXT = "SURNAME=DOE;FIRSTNAME=ANNA;DOB=1980-01-02;DOCNO=L898902C3;" * 3


def turned(grey: Pixels, degrees: float) -> Pixels:
    """Clockwise as seen, about the middle."""
    height, width = grey.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
    return np.asarray(cv2.warpAffine(grey, matrix, (width, height), borderValue=(225,)), np.uint8)


@pytest.mark.parametrize("symbology", SYMBOLOGIES)
@pytest.mark.parametrize("scale", [1.0, 0.5, 4.0])
def test_a_code_is_found_whole_and_alone(symbology: str, scale: float) -> None:
    code = drawn(TEXT, symbology, 4)
    height, width = code.shape
    page = on_paper(code, size=(800, 1200))
    page = np.asarray(cv2.resize(page, None, fx=scale, fy=scale), np.uint8)
    (region,) = find_regions(page)
    x0, y0, x1, y1 = np.array(region.box) / scale
    assert x0 <= 60
    assert x1 >= 60 + width
    assert y0 <= 400 - height / 2
    assert y1 >= 400 + height / 2
    assert (x1 - x0) * (y1 - y0) < 2.5 * width * height
    if scale >= 1:  # at half size a module has two pixels
        assert region.angle == pytest.approx(0, abs=1)
        assert region.cross > 0.4


@pytest.mark.parametrize("symbology", SYMBOLOGIES)
@pytest.mark.parametrize("degrees", [-40, -15, 7, 30])
def test_the_angle_of_a_turned_code(symbology: str, degrees: float) -> None:
    page = turned(on_paper(drawn(TEXT, symbology, 4), size=(1000, 1000)), degrees)
    assert find_regions(page)[0].angle == pytest.approx(degrees, abs=1.5)


@pytest.mark.parametrize("degrees", [0.0, 10.0, 30.0, -44.0])
def test_the_cross_of_a_checkerboard(degrees: float) -> None:
    y, x = np.mgrid[:400, :400]
    board = turned((((x // 10 + y // 10) % 2) * 200 + 20).astype(np.uint8), degrees)
    angle, cross = directions(board[100:300, 100:300])
    assert angle == pytest.approx(degrees, abs=0.5)
    assert cross > 0.75


def test_foliage_has_no_cross() -> None:
    noise = np.random.default_rng(3).normal(128, 60, (400, 400)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 2.0) * 4
    assert directions(np.clip(soft - 384, 0, 255).astype(np.uint8))[1] < 0.1


def test_the_code_comes_before_text() -> None:
    page = on_paper(drawn(TEXT, "pdf417", 3), size=(900, 1300))
    for line in range(8):
        cv2.putText(page, "UTOPIA DRIVING LICENCE 1980-01-02", (60, 40 + 34 * line), 0, 1, 20, 2)
    first = find_regions(page)[0]
    assert first.box[1] > 300
    assert first.holds(200, 450)
    assert not first.holds(200, 100)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_even_page_has_none(level: int) -> None:
    assert find_regions(np.full((600, 900), level, np.uint8)) == []


def test_a_noisy_page_has_none() -> None:
    assert find_regions(on_paper()) == []


@pytest.mark.parametrize("size", [(2, 2), (12, 12), (20, 3000), (3000, 20), (95, 97)])
def test_odd_pages(size: tuple[int, int]) -> None:
    for region in find_regions(np.random.default_rng(0).integers(0, 256, size, np.uint8)):
        x0, y0, x1, y1 = region.box
        assert 0 <= x0 < x1 <= size[1]
        assert 0 <= y0 < y1 <= size[0]
        assert -45 <= region.angle <= 45
        assert 0 <= region.cross <= 1 + 1e-6
