"""Noise of known strength."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from docfraud.noise import noise_levels, noise_spread


def noisy(
    sigma: float | NDArray[np.float64], size: tuple[int, int] = (256, 384)
) -> NDArray[np.uint8]:
    scene = np.linspace(90, 160, size[1]) + np.random.default_rng(0).normal(size=size) * sigma
    return np.rint(scene).astype(np.uint8)


@pytest.mark.parametrize("sigma", [1.0, 3.0, 10.0])
def test_level_of_even_noise(sigma: float) -> None:
    luma = noisy(sigma)
    levels = noise_levels(luma)
    assert levels.shape == (4, 6)
    assert levels == pytest.approx(np.hypot(sigma, 0.29), rel=0.1)
    assert noise_spread(luma) < 0.06


def test_spread_of_two_levels() -> None:
    """Half the tiles twice as noisy: logarithms ln 2 apart, deviation half of it."""
    sigma = np.full((256, 384), 4.0)
    sigma[:, 192:] = 8.0
    assert noise_spread(noisy(sigma)) == pytest.approx(np.log(2) / 2, abs=0.03)


def test_without_noise_there_is_no_spread() -> None:
    assert noise_spread(np.full((128, 200), 77, np.uint8)) == 0.0


def test_what_is_left_over_at_the_edges_is_dropped() -> None:
    luma = noisy(2.0, (130, 200))
    assert noise_levels(luma).shape == (2, 3)
    assert noise_levels(luma) == pytest.approx(noise_levels(luma[:128, :192]))
