"""Squares of known content: noise, and noise that was enlarged as upsampling layers do it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from training.features import FAMILIES

Pixels = NDArray[np.uint8]


def noise(side: int, seed: int = 0) -> Pixels:
    rng = np.random.default_rng(seed)
    coarse = cv2.GaussianBlur(rng.normal(size=(side, side, 3)), (0, 0), 4.0)
    return np.clip(128 + 300 * coarse + rng.normal(size=coarse.shape) * 6, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("side", [68, 115, 170])
def test_every_size_of_patch_gives_as_many_finite_numbers(name: str, side: int) -> None:
    found = FAMILIES[name](noise(side))
    assert found.dtype == np.float64
    assert found.shape == FAMILIES[name](noise(130)).shape
    assert np.isfinite(found).all()


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_even_patch_gives_finite_numbers(name: str, level: int) -> None:
    assert np.isfinite(FAMILIES[name](np.full((120, 120, 3), level, np.uint8))).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_enlarging_changes_the_counts_more_than_other_noise_does(name: str) -> None:
    family = FAMILIES[name]
    one, other = family(noise(160, 0)), family(noise(160, 1))
    quarter = noise(160, 2)[::4, ::4]
    enlarged = cv2.resize(quarter, (160, 160), interpolation=cv2.INTER_NEAREST).astype(np.uint8)
    assert np.abs(family(enlarged) - one).mean() > 1.5 * np.abs(other - one).mean()
