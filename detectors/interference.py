"""Is there a grid of pixels in a picture? Peaks of its spectrum, whole and patch by patch.

A camera that photographs a screen samples one grid with another. What remains is the grid itself
or its beat with the sensor, moiré: isolated peaks in the 2-D spectrum, at the same angles all over
the screen and, as screens are rectangular, in pairs at right angles. Edges and text spread over
whole lines of the spectrum, and natural texture over areas. Woven cloth, halftone and engraved
lines are periodic as well: no spectrum tells them from a screen.

Sources: FaceVault, "Deepfake Defense", *Moire Pattern Detection*, for :func:`ring_ratio`;
Garcia and de Queiroz 2015, "Face-Spoofing 2D-Detection Based on Moiré-Pattern Analysis", for
looking for peaks rather than energy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from detectors.pixels import Pixels

RING_SIDE = 1024
"""Longest side in pixels of the central part whose spectrum is taken as a whole."""

LOW = 0.05
"""Frequency in cycles per pixel below which amplitudes form the baseline of the ring ratio."""

MID = (0.1, 0.4)
"""The annulus of the ring ratio, in cycles per pixel."""

PATCH = 256
"""Side of a patch when it is transformed."""

SCALES = (1.0, 0.7, 0.5)
"""Patch pixels per picture pixel: the same grid falls on other frequencies, and what aliasing,
demosaicing or an encoder hides at one scale shows at another."""

PATCHES = 20
"""Patches per scale at most, evenly over the picture: their cost does not grow with it."""

ANNULUS = (0.2, 0.5)
"""Frequencies in which a patch is searched, in cycles per patch pixel. Below it the outlines of
things are peaks too."""

NOISE = 0.1
"""Power that is added to every coefficient, in squared grey levels: rounding to whole levels
leaves 1/12, and without it the silence of an even area is full of peaks."""

BASELINE = 21
"""Side, in coefficients, of the box whose mean log power is the baseline of its centre."""

AXIS = 3.5
"""Half width of the cross along the axes that is not searched, in coefficients: sensors, scalers
and the borders of upright things live there."""

CODEC = 1.5
"""Half width of the squares that are not searched about multiples of 1/8 cycles per picture
pixel, in coefficients: the blocks of a JPEG."""

CHANCE = 2.8
"""Peak from which a patch has a say about direction: what white noise has."""

_HANN = np.hanning(PATCH + 1)[:-1]
_WINDOW = np.outer(_HANN, _HANN).astype(np.float32)
_GAIN = float((_WINDOW**2).sum())

Spectrum = NDArray[np.float32]
"""Natural logarithm of power in squared grey levels, (256, 129): rows from -1/2 to just below 1/2
cycles per patch pixel, columns from 0 to 1/2."""

_FY = np.fft.fftshift(np.fft.fftfreq(PATCH))[:, None]
_FX = np.fft.rfftfreq(PATCH)[None, :]


@dataclass(frozen=True, slots=True)
class Patch:
    """The strongest peak of one patch.

    Attributes:
        x, y, side: the square in pixels of the picture.
        scale: patch pixels per picture pixel.
        peak: log power over the mean log power about it (natural logarithm).
        frequency: of the peak, horizontal and vertical, in cycles per patch pixel.
        texture: mean log power of the annulus, in squared grey levels.
    """

    x: int
    y: int
    side: int
    scale: float
    peak: float
    frequency: tuple[float, float]
    texture: float

    @property
    def angle(self) -> float:
        """Direction of the peak in radians."""
        return math.atan2(self.frequency[1], self.frequency[0])


def ring_ratio(grey: Pixels) -> float:
    """Compare the highest mid-frequency amplitude with the mean low-frequency amplitude.

    The reference names the annulus, the baseline and the limit of 1.0. Ours are the rest: the
    central square of at most 1024 pixels a side, at native resolution, less its mean, under a Hann
    window; the annulus from 0.1 to 0.4 and the baseline up to 0.05 cycles per pixel.

    Args:
        grey: uint8 (H, W).

    Returns:
        A ratio from 0; 0 for an even picture.
    """
    height, width = (min(side, RING_SIDE) for side in grey.shape)
    y, x = (grey.shape[0] - height) // 2, (grey.shape[1] - width) // 2
    centre = grey[y : y + height, x : x + width].astype(np.float32)
    centre -= centre.mean()
    centre *= np.hanning(height).astype(np.float32)[:, None]
    centre *= np.hanning(width).astype(np.float32)
    amplitude = np.abs(scipy.fft.rfft2(centre))
    squared = (
        np.square(scipy.fft.fftfreq(height))[:, None] + np.square(scipy.fft.rfftfreq(width))[None]
    )
    low = amplitude[squared < LOW**2].mean()
    peak = amplitude[(squared >= MID[0] ** 2) & (squared < MID[1] ** 2)].max()
    return float(peak / low) if low > 0 else 0.0


def patches(grey: Pixels) -> list[Patch]:
    """Find the strongest peak of every patch, at every scale that fits into the picture.

    Args:
        grey: uint8 (H, W).

    Returns:
        At most 20 patches per scale; none for a picture less than 256 pixels wide or high.
    """
    found = []
    for scale in SCALES:
        searched = _SEARCHED[scale]
        for x, y, side in _squares(grey.shape, round(PATCH / scale)):
            spectrum = log_spectrum(grey[y : y + side, x : x + side])
            excess = (spectrum - _baseline(spectrum)).ravel()[searched]
            at = int(searched[excess.argmax()])
            row, column = divmod(at, spectrum.shape[1])
            frequency = (float(_FX[0, column]), float(_FY[row, 0]))
            texture = float(spectrum.ravel()[searched].mean())
            found.append(Patch(x, y, side, scale, float(excess.max()), frequency, texture))
    return found


def log_spectrum(square: Pixels) -> Spectrum:
    """Transform a grey square, reduced to 256 pixels a side, under a Hann window."""
    level = square.astype(np.float32)
    if len(level) != PATCH:
        level = np.asarray(cv2.resize(level, (PATCH, PATCH), interpolation=cv2.INTER_AREA))
    level = (level - level.mean()) * _WINDOW
    half = scipy.fft.rfft2(level)
    power = np.fft.fftshift(half.real**2 + half.imag**2, axes=0)
    spectrum: Spectrum = np.log(power / _GAIN + NOISE)
    return spectrum


def prominence(found: Sequence[Patch]) -> float:
    """The peak that a tenth of the patches reach, averaged over the scales."""
    scales = {patch.scale for patch in found}
    reached = [
        np.quantile([patch.peak for patch in found if patch.scale == scale], 0.9)
        for scale in scales
    ]
    return float(np.mean(reached))


def consistency(found: Sequence[Patch]) -> float:
    """How far the peaks of all patches share one direction, or two at right angles: 0 to 1.

    The length of the mean of exp(4i angle), each patch weighted by what its peak has over chance;
    one unit of weight without direction keeps a lone weak peak from agreeing with itself.
    """
    weights = np.array([max(patch.peak - CHANCE, 0.0) for patch in found])
    turns = np.exp(4j * np.array([patch.angle for patch in found]))
    return float(np.abs((weights * turns).sum()) / (weights.sum() + 1.0))


def texture(found: Sequence[Patch]) -> float:
    """Mean log power of the annulus over all patches, in squared grey levels."""
    return float(np.mean([patch.texture for patch in found]))


def _baseline(spectrum: Spectrum) -> Spectrum:
    size = (BASELINE, BASELINE)
    return np.asarray(cv2.blur(spectrum, size, borderType=cv2.BORDER_REFLECT), np.float32)


def _squares(shape: tuple[int, ...], side: int) -> Iterator[tuple[int, int, int]]:
    """Corners and side of squares, edge to edge or further apart, evenly over a picture."""
    height, width = shape
    if min(height, width) < side:
        return
    rows, columns = math.ceil(height / side), math.ceil(width / side)
    thinned = math.sqrt(PATCHES / (rows * columns))
    if thinned < 1:
        rows = min(max(round(rows * thinned), 1), PATCHES)
        columns = min(max(round(columns * thinned), 1), PATCHES // rows)
    for y in _spread(height - side, rows):
        for x in _spread(width - side, columns):
            yield x, y, side


def _spread(room: int, count: int) -> list[int]:
    return [room // 2] if count == 1 else [round(room * i / (count - 1)) for i in range(count)]


def _searched(scale: float) -> NDArray[np.intp]:
    """Flat indices of the coefficients in the annulus, off the axes and off the codec's grid."""
    blocks = 8 * scale
    off_axes = (np.abs(_FX) > AXIS / PATCH) & (np.abs(_FY) > AXIS / PATCH)
    on_blocks = np.ones((PATCH, PATCH // 2 + 1), np.bool_)
    for frequency in (_FX, _FY):
        on_blocks &= np.abs(frequency - np.rint(frequency * blocks) / blocks) < CODEC / PATCH
    radius = np.hypot(_FX, _FY)
    inside = (radius >= ANNULUS[0]) & (radius < ANNULUS[1])
    return np.flatnonzero(inside & off_axes & ~on_blocks)


_SEARCHED = {scale: _searched(scale) for scale in SCALES}
