from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from media.images import decode_image
from specimens import draw, forge, photograph

SIDE = 512
"""Of the square in the middle of the photograph whose spectrum is taken."""


@pytest.mark.parametrize("forgery", ["screen", "print"])
@pytest.mark.parametrize("seed", [2, 3])
def test_a_recapture_has_the_grid_it_names_and_a_photograph_does_not(
    forgery: str, seed: int
) -> None:
    document = draw(seed, "td1")
    copy = forge(document, forgery, seed)
    genuine = _spectrum(photograph(document.pixels, seed))
    found = _spectrum(copy.jpeg)
    ratios = [(_peak(found, f), _peak(genuine, f)) for f in copy.frequencies]
    assert max(copied for copied, _ in ratios) > 50
    assert max(own for _, own in ratios) < 10


def _spectrum(jpeg: bytes) -> NDArray[np.float64]:
    pixels = decode_image(jpeg).pixels
    top, left = (pixels.shape[0] - SIDE) // 2, (pixels.shape[1] - SIDE) // 2
    grey = pixels[top : top + SIDE, left : left + SIDE].mean(axis=2)
    window = np.outer(np.hanning(SIDE), np.hanning(SIDE))
    return np.asarray(np.abs(np.fft.fft2((grey - grey.mean()) * window)))


def _peak(spectrum: NDArray[np.float64], frequency: tuple[float, float]) -> float:
    """The largest amplitude at a frequency over the median of its surroundings.

    Perspective moves the frequency across the photograph, so a few bins around it count.
    """
    x, y = (round(f * SIDE) for f in frequency)
    near = spectrum[np.ix_(np.arange(y - 4, y + 5) % SIDE, np.arange(x - 4, x + 5) % SIDE)]
    around = spectrum[np.ix_(np.arange(y - 24, y + 25) % SIDE, np.arange(x - 24, x + 25) % SIDE)]
    return float(near.max() / np.median(around))
