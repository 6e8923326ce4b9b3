"""What can be counted in fine detail: one function a family, each from a face to a vector.

Every function takes a patch, uint8 RGB (N, N, 3), N of 68 or more, and returns float64 of a
length of its own. None looks at where something is in the patch.

Sources: radial spectrum, Durall et al. 2020; blocks of a denoising residual, in the manner of
Frank et al. 2020 and Corvi et al. 2023; neighbouring pixels of an upsampling, Tan et al. 2024
("Rethinking the Up-Sampling Operations"); co-occurrences of residuals, Fridrich and Kodovsky 2012
("Rich Models") in the variant of Cozzolino et al. 2014.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.fingerprint import FIXED, LEAST, Vector, detail, rings, spectrum
from detectors.pixels import Pixels, grey

BLOCK = 32


def radial(patch: Pixels) -> Vector:
    """Mean log power of the DCT over 31 rings, less that of all rings."""
    side = len(patch) & ~1
    return rings(grey(patch)[:side, :side])


def residual(channel: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What a 3x3 median takes away, float32 of the same shape."""
    return channel.astype(np.float32) - cv2.medianBlur(channel, 3).astype(np.float32)


def blocks(patch: Pixels) -> Vector:
    """Mean log power of the residual's DCT over half-overlapping 32x32 blocks, less its mean.

    Pooled to 16x16 cells, of which mirrored ones are averaged: 136 values.
    """
    left = residual(grey(patch))
    window = np.outer(*[np.hanning(BLOCK)] * 2).astype(np.float32)
    step = BLOCK // 2
    corners = range(0, len(left) - BLOCK + 1, step)
    power = np.mean(
        [
            np.log(LEAST + np.abs(cv2.dct(window * left[y : y + BLOCK, x : x + BLOCK])))
            for y in corners
            for x in corners
        ],
        axis=0,
    )
    cells = power.reshape(16, 2, 16, 2).mean(axis=(1, 3))
    cells = ((cells + cells.T) / 2)[np.triu_indices(16)]
    return np.asarray(cells - cells.mean(), np.float64)


def neighbours(patch: Pixels) -> Vector:
    """How pixels relate to the first of their 2x2 square, in luma and both chroma channels.

    For each channel the three differences: log of their mean size, the share of zeros, their
    kurtosis as a logarithm, their correlations, and the same of squares shifted by one pixel.
    """
    found: list[float] = []
    for channel in np.moveaxis(cv2.cvtColor(patch, cv2.COLOR_RGB2YCrCb).astype(np.float32), 2, 0):
        for shift in (0, 1):
            side = (len(channel) - shift) & ~1
            part = channel[shift : shift + side, shift : shift + side]
            quads = part.reshape(side // 2, 2, side // 2, 2).transpose(1, 3, 0, 2).reshape(4, -1)
            steps = quads[1:] - quads[:1]
            size = np.abs(steps).mean(axis=1)
            spread = steps.std(axis=1) + LEAST
            kurtosis = (steps**4).mean(axis=1) / spread**4
            found += [*np.log(LEAST + size), *(np.abs(steps) < 0.5).mean(axis=1)]
            found += [*np.log(1 + kurtosis)]
            together = (steps @ steps.T) / steps.shape[1] / np.outer(spread, spread)
            found += [*together[np.triu_indices(3, 1)]]
    return np.array(found)


KERNELS = (
    np.array([[-1, 1, 0, 0]], np.float32),
    np.array([[0, 1, -2, 1]], np.float32),
    np.array([[1, -3, 3, -1]], np.float32),
)
STEPS = 2
ORDER = 4


def cooccurrences(patch: Pixels) -> Vector:
    """Square roots of how often four neighbouring residuals take which quantised values.

    Of three linear filters, across and along both directions; residuals in half standard
    deviations, cut off at 2; mirrored and negated patterns are one.
    """
    level = grey(patch).astype(np.float32)
    found = []
    for kernel in KERNELS:
        counts = np.zeros(len(_CLASSES))
        for view in (level, level.T):
            left = cv2.filter2D(np.ascontiguousarray(view), -1, kernel)[4:-4, 4:-4]
            unit = max(float(left.std()) / 2, 0.5)
            steps = (np.clip(np.rint(left / unit), -STEPS, STEPS) + STEPS).astype(int)
            for run in (steps, steps.T):
                code = np.zeros((run.shape[0], run.shape[1] - ORDER + 1), int)
                for at in range(ORDER):
                    code = code * (2 * STEPS + 1) + run[:, at : at + code.shape[1]]
                counts += np.bincount(code.ravel(), minlength=len(_CLASSES))
        merged = np.bincount(_CLASSES, counts)
        found.append(np.sqrt(merged / merged.sum()))
    return np.concatenate(found)


def _classes() -> NDArray[np.int64]:
    base = 2 * STEPS + 1
    names: dict[tuple[int, ...], int] = {}
    classes = []
    for code in range(base**ORDER):
        digits = tuple((code // base**at) % base - STEPS for at in reversed(range(ORDER)))
        alike = (digits, digits[::-1], tuple(-d for d in digits), tuple(-d for d in digits[::-1]))
        classes.append(names.setdefault(min(alike), len(names)))
    return np.array(classes)


_CLASSES = _classes()


def colour(patch: Pixels) -> Vector:
    """How fine detail is shared between channels, and how it depends on brightness.

    Logs of the residual's spread in each channel of YCrCb at three scales, correlations of the
    channels' residuals at each, and the slope of the luma residual's spread over brightness.
    """
    found: list[float] = []
    level = patch
    for _ in range(3):
        parts = np.moveaxis(cv2.cvtColor(level, cv2.COLOR_RGB2YCrCb), 2, 0)
        fine = np.stack([residual(np.ascontiguousarray(part)).ravel() for part in parts])
        found += [*np.log(LEAST + fine.std(axis=1))]
        rgb = np.stack(
            [residual(np.ascontiguousarray(part)).ravel() for part in np.moveaxis(level, 2, 0)]
        )
        spread = rgb.std(axis=1) + LEAST
        together = (rgb @ rgb.T) / rgb.shape[1] / np.outer(spread, spread)
        found += [*together[np.triu_indices(3, 1)]]
        luma = grey(level).ravel()
        thirds = np.quantile(luma, (1 / 3, 2 / 3))
        shades = np.digitize(luma, thirds)
        sizes = [
            np.log(LEAST + np.abs(fine[0][shades == s]).mean()) if (shades == s).any() else 0.0
            for s in range(3)
        ]
        found += [sizes[1] - sizes[0], sizes[2] - sizes[1]]
        half = cv2.resize(level, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        level = np.asarray(half, np.uint8)
    return np.array(found)


def sharpness(patch: Pixels) -> Vector:
    """One number: how much fine detail there is at all, as a logarithm.

    What does no better than it has learned how sharp the pictures of its sources are.
    """
    return np.array([np.log(LEAST + detail(patch))])


def fixed(family: Callable[[Pixels], Vector]) -> Callable[[Pixels], Vector]:
    """The same family at one scale, 112 pixels a side."""

    def scaled(patch: Pixels) -> Vector:
        return family(
            np.asarray(cv2.resize(patch, (FIXED, FIXED), interpolation=cv2.INTER_AREA), np.uint8)
        )

    return scaled


FAMILIES: Mapping[str, Callable[[Pixels], Vector]] = {
    "sharpness": sharpness,
    "spectrum": spectrum,
    "radial": radial,
    "radial_fixed": fixed(radial),
    "blocks": blocks,
    "blocks_fixed": fixed(blocks),
    "neighbours": neighbours,
    "neighbours_fixed": fixed(neighbours),
    "cooccurrences": cooccurrences,
    "cooccurrences_fixed": fixed(cooccurrences),
    "colour": colour,
    "colour_fixed": fixed(colour),
}
