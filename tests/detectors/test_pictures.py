from __future__ import annotations

import io
from typing import Any

import numpy as np
import PIL.Image
import pytest

from detectors.pictures import BLUE, MAX_POINTS, MAX_SIDE, RED, Image, Plot, png, small_png
from detectors.pixels import Pixels


def plot(x: Any, y: Any) -> Plot:
    return Plot("name", "title", "x", "y", np.asarray(x, float), np.asarray(y, float))


def opened(encoded: bytes) -> Pixels:
    return np.asarray(PIL.Image.open(io.BytesIO(encoded)).convert("RGB"))


@pytest.mark.parametrize(
    ("x", "y"), [([0, 1], [0]), ([[0]], [[0]]), ([0, 1], [0, np.nan]), ([0, np.inf], [0, 1])]
)
def test_a_plot_that_cannot_be_drawn_is_refused(x: Any, y: Any) -> None:
    with pytest.raises(ValueError, match="a plot of"):
        plot(x, y)


def test_a_short_plot_keeps_its_points_and_a_long_one_its_shape() -> None:
    short = plot([0, 1, 5], [1, 2, 3])
    assert short.thinned() == (short.x, short.y)
    x = np.linspace(0, 10, 3000)
    even, y = plot(x, np.sin(x)).thinned()
    assert len(even) == len(y) == MAX_POINTS
    assert (even[0], even[-1]) == (0, 10)
    assert np.abs(y - np.sin(even)).max() < 1e-4


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 3), np.float32),
    ],
)
def test_an_image_that_cannot_be_encoded_is_refused(pixels: Any) -> None:
    with pytest.raises(ValueError, match="an image of"):
        Image("name", "title", pixels)


def test_a_png_keeps_every_pixel(astronaut: Pixels) -> None:
    assert (opened(png(astronaut)) == astronaut).all()


def test_a_small_png_is_small_and_looks_the_same(astronaut: Pixels) -> None:
    encoded = small_png(astronaut)
    assert len(encoded) < len(png(astronaut)) / 5
    pixels = opened(encoded)
    assert pixels.shape == (MAX_SIDE, MAX_SIDE, 3)
    reduced = PIL.Image.fromarray(astronaut).resize((MAX_SIDE, MAX_SIDE), PIL.Image.Resampling.BOX)
    assert np.abs(pixels.astype(int) - np.asarray(reduced)).mean() < 12
    assert opened(small_png(astronaut[:50, :80])).shape == (50, 80, 3)


def test_thin_lines_keep_their_colours(astronaut: Pixels) -> None:
    """Else nobody would see which outline is which: the two colours have a few pixels each."""
    marked = astronaut[:300, :300].copy()
    marked[40, 40:60], marked[80:100, 90] = RED, BLUE
    pixels = opened(small_png(marked))
    assert (pixels[40, 40:60] == RED).all()
    assert (pixels[80:100, 90] == BLUE).all()
