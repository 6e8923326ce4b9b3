"""Gratings of known frequency, on noise of known spectrum."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.interference import (
    CHANCE,
    NOISE,
    PATCH,
    PATCHES,
    SCALES,
    Patch,
    consistency,
    log_spectrum,
    patches,
    prominence,
    ring_ratio,
    texture,
)
from detectors.pixels import Pixels

Grey = NDArray[np.float64]


def noise(height: int = 768, width: int = 1024, deviation: float = 4.0, seed: int = 0) -> Grey:
    return np.random.default_rng(seed).normal(128.0, deviation, (height, width))


def pink(side: int, seed: int = 0) -> Grey:
    """Noise whose amplitude falls off as 1 / f, as a photograph's, mean 128, deviation 40."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :])
    frequency[0, 0] = np.inf
    white = np.fft.rfft2(np.random.default_rng(seed).normal(size=(side, side)))
    field = np.fft.irfft2(white / frequency, (side, side))
    return np.asarray(128 + 40 * field / field.std())


def grating(shape: tuple[int, ...], fx: float, fy: float, amplitude: float) -> Grey:
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.asarray(amplitude * np.cos(2 * np.pi * (fx * x + fy * y)))


def levels(picture: Grey) -> Pixels:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def patch(angle: float, peak: float, scale: float = 1.0) -> Patch:
    frequency = (0.3 * math.cos(angle), 0.3 * math.sin(angle))
    return Patch(0, 0, PATCH, scale, peak, frequency, 0.0)


def test_power_of_white_noise_is_its_variance() -> None:
    """The mean of the logarithm of a chi-squared variable lies Euler's constant below its mean."""
    spectrum = log_spectrum(levels(noise(PATCH, PATCH, 8.0)))
    assert spectrum.shape == (PATCH, PATCH // 2 + 1)
    assert spectrum.mean() == pytest.approx(math.log(64) - np.euler_gamma, abs=0.05)


def test_an_even_square_has_the_power_of_the_floor() -> None:
    square = np.full((PATCH, PATCH), 77, np.uint8)
    assert log_spectrum(square) == pytest.approx(math.log(NOISE), abs=1e-3)


@pytest.mark.parametrize("step", [(40, 60), (40, -60), (90, 25)])
def test_a_grating_is_where_its_frequency_is(step: tuple[int, int]) -> None:
    fx, fy = step[0] / PATCH, step[1] / PATCH
    spectrum = log_spectrum(levels(128 + grating((PATCH, PATCH), fx, fy, 20)))
    row, column = np.unravel_index(int(spectrum.argmax()), spectrum.shape)
    assert (column, row - PATCH // 2) == step


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("angle", [20.0, 50.0, -35.0])
def test_a_grating_is_found_at_every_scale(scale: float, angle: float) -> None:
    """0.3 cycles per patch pixel of that scale."""
    frequency = 0.3 * np.array((math.cos(math.radians(angle)), math.sin(math.radians(angle))))
    fx, fy = frequency * scale
    found = patches(levels(noise() + grating((768, 1024), fx, fy, 6)))
    of_scale = [p for p in found if p.scale == scale]
    assert of_scale
    for one in of_scale:
        assert one.frequency == pytest.approx(frequency, abs=1.5 / PATCH)
        assert math.degrees(one.angle) == pytest.approx(angle, abs=1)
        assert one.peak > CHANCE + 2


def test_noise_has_peaks_of_chance_in_all_directions() -> None:
    found = patches(levels(noise(2000, 2000)))
    assert np.median([p.peak for p in found]) == pytest.approx(CHANCE, abs=0.2)
    assert prominence(found) < 3.5
    assert consistency(found) < 0.3
    assert texture(found) == pytest.approx(1.5, abs=0.5)  # 16, less from scale to scale


def test_two_gratings_at_right_angles_agree() -> None:
    crossed = grating((768, 1024), 0.2, 0.08, 6) + grating((768, 1024), -0.08, 0.2, 6)
    found = patches(levels(noise() + crossed))
    assert consistency(found) > 0.9
    assert prominence(found) > 6


@pytest.mark.parametrize(
    ("fx", "fy"),
    [
        pytest.param(0.3, 0.0, id="along the rows"),
        pytest.param(0.0, 0.3, id="along the columns"),
        pytest.param(0.25, 0.125, id="the grid of a JPEG"),
    ],
)
def test_what_sensors_and_codecs_leave_is_not_searched(fx: float, fy: float) -> None:
    found = patches(levels(noise() + grating((768, 1024), fx, fy, 3)))
    assert np.median([p.peak for p in found if p.scale == 1.0]) < 3.5


@pytest.mark.parametrize("quality", [60, 80, 95])
def test_a_jpeg_is_not_a_screen(quality: int) -> None:
    _, file = cv2.imencode(".jpg", levels(pink(1024)), [cv2.IMWRITE_JPEG_QUALITY, quality])
    found = patches(np.asarray(cv2.imdecode(file, cv2.IMREAD_GRAYSCALE), np.uint8))
    assert prominence(found) < 4


def test_edges_are_not_peaks() -> None:
    """Rectangles, turned, on a natural background: lines in the spectrum."""
    picture = np.float32(pink(1024) / 4 + 96)
    for i in range(6):
        corners = cv2.boxPoints(((170.0 * i + 80, 500.0), (110.0, 700.0), 17.0 * i))
        cv2.fillPoly(picture, [corners.astype(np.int32)], 30.0 + 30 * i)
    assert prominence(patches(levels(picture))) < 5


@pytest.mark.parametrize(
    "size", [(256, 256), (256, 4000), (4000, 300), (512, 512), (3000, 4000), (700, 9000)]
)
def test_patches_lie_inside_and_are_few(size: tuple[int, int]) -> None:
    found = patches(np.zeros(size, np.uint8))
    assert len({(p.x, p.y, p.scale) for p in found}) == len(found)
    for scale in SCALES:
        squares = [p for p in found if p.scale == scale]
        assert bool(squares) == (min(size) >= round(PATCH / scale))
        assert len(squares) <= PATCHES
    for p in found:
        assert p.x >= 0
        assert p.y >= 0
        assert p.x + p.side <= size[1]
        assert p.y + p.side <= size[0]


def test_a_picture_of_two_patches_is_covered() -> None:
    corners = [(p.x, p.y) for p in patches(np.zeros((256, 500), np.uint8))]
    assert corners == [(0, 0), (244, 0)]


@pytest.mark.parametrize("size", [(255, 4000), (20, 20), (1, 1)])
def test_a_small_picture_has_no_patches(size: tuple[int, int]) -> None:
    assert patches(np.zeros(size, np.uint8)) == []


def test_a_tenth_of_the_patches_reach_the_prominence() -> None:
    found = [patch(0, peak) for peak in range(11)] + [patch(0, 1.0, scale=0.5)] * 3
    assert prominence(found) == pytest.approx((9.0 + 1.0) / 2)


def test_consistency_worked_by_hand() -> None:
    strong = CHANCE + 3
    assert consistency([patch(0.4, strong)]) == pytest.approx(3 / 4)
    right_angles = [patch(0.4, strong), patch(0.4 - math.pi / 2, strong)]
    assert consistency(right_angles) == pytest.approx(6 / 7)
    opposed = [patch(0.4, strong), patch(0.4 + math.pi / 4, strong)]
    assert consistency(opposed) == pytest.approx(0, abs=1e-9)
    assert consistency([patch(0.4, CHANCE - 1)]) == 0


def test_ring_ratio_worked_by_hand() -> None:
    """Under a Hann window a cosine has its peak in one coefficient; equal ones have equal peaks."""
    side, low, mid = 1024, 8 / 1024, 256 / 1024
    picture = 128 + grating((side, side), low, 0, 30) + grating((side, side), 0, mid, 30)
    windowed = (picture - picture.mean()) * np.outer(np.hanning(side), np.hanning(side))
    amplitude = np.abs(np.fft.fft2(windowed))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    expected = amplitude[256, 0] / amplitude[frequency < 0.05].mean()
    assert ring_ratio(levels(picture)) == pytest.approx(expected, rel=0.05)


def test_ring_ratio_grows_with_the_grating() -> None:
    picture = pink(1024)
    ratios = [
        ring_ratio(levels(picture + grating(picture.shape, 0.2, 0.1, a))) for a in (0, 4, 8, 16)
    ]
    assert ratios == sorted(ratios)
    assert ratios[0] < 1 < ratios[1]


def test_ring_ratio_looks_at_the_centre() -> None:
    picture = pink(1536)
    marked = picture.copy()
    marked[:256] += grating((256, 1536), 0.2, 0.1, 30)
    assert ring_ratio(levels(marked)) == ring_ratio(levels(picture))


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_even_picture_has_no_ratio(level: int) -> None:
    assert ring_ratio(np.full((300, 400), level, np.uint8)) == 0
