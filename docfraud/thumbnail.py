"""Compare the thumbnail that a camera put into a file with the picture in it.

A program that changes the picture and leaves the metadata as they are leaves the thumbnail of the
original. Source: Kee and Farid 2010, "Digital Image Authentication from Thumbnails", of which only
the plainest part is used: both at one small size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.pixels import grey
from media.errors import MediaError
from media.images import decode_image
from media.limits import ImageLimits

LIMITS = ImageLimits(max_bytes=64 * 2**10, max_megapixels=0.5, min_side=24)

GRID = 48
"""Side of the square that both are reduced to."""

TILE = 8
"""Side of a tile of the grid, in which local differences are averaged: a sixth of the picture."""

DARK = 32
"""Grey level up to which a whole row or column is a bar, with which cameras fill a thumbnail whose
ratio is not the picture's."""

SAME_RATIO = 0.05
"""Relative difference of ratios up to which both show the same section: rounding to the 40 to 160
pixels of a thumbnail, and bars that are found a row short, make 3%."""

MIN_CONTRAST = 4.0
"""Standard deviation in grey levels below which there is nothing to compare."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far thumbnail and picture are apart.

    Attributes:
        ratio_error: relative difference of the ratios of long to short side, without bars.
        difference: 1 - correlation of grey levels, 0..2, in the most similar of four turns.
        local_difference: the largest mean of a tile's absolute difference, in standard deviations
            of the picture's grey levels; both are None where the ratios differ by more than
            :data:`SAME_RATIO`, as they then show different sections, or where either is even.
        quarters: turns to the left by which the thumbnail is most similar.
    """

    ratio_error: float
    difference: float | None = None
    local_difference: float | None = None
    quarters: int = 0


def compare(thumbnail: NDArray[np.uint8], pixels: NDArray[np.uint8]) -> Comparison:
    """Compare a thumbnail with its picture.

    Args:
        thumbnail: uint8 RGB (h, w, 3), in any of four turns.
        pixels: uint8 RGB (H, W, 3).
    """
    ratio = _ratio(pixels)
    inner = min(
        (_without_bars(thumbnail), thumbnail), key=lambda image: ratio_error(_ratio(image), ratio)
    )
    error = ratio_error(_ratio(inner), ratio)
    small, picture = _normalised(inner), _normalised(pixels)
    if error > SAME_RATIO or small is None or picture is None:
        return Comparison(error)
    alike = [float((np.rot90(small, quarter) * picture).mean()) for quarter in range(4)]
    quarters = int(np.argmax(alike))
    apart = np.abs(np.rot90(small, quarters) - picture)
    tiles = apart.reshape(GRID // TILE, TILE, GRID // TILE, TILE).mean(axis=(1, 3))
    return Comparison(error, 1 - alike[quarters], float(tiles.max()), quarters)


def decode_thumbnail(data: bytes) -> NDArray[np.uint8] | None:
    """Decode a thumbnail to uint8 RGB (h, w, 3); None where it is no image within the limits."""
    try:
        return decode_image(data, LIMITS).pixels
    except MediaError:
        return None


def ratio_error(ratio: float, other: float) -> float:
    """Compare two ratios of sides: how much larger the larger is, 0 where they are the same."""
    return math.expm1(abs(math.log(ratio / other)))


def reduced(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Reduce a picture by area, from every n-th pixel where it is eight times as large or more."""
    step = max(1, min(pixels.shape[0] // (8 * height), pixels.shape[1] // (8 * width)))
    sampled = np.ascontiguousarray(pixels[::step, ::step])
    small = cv2.resize(sampled, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _ratio(image: NDArray[np.uint8]) -> float:
    return max(image.shape[:2]) / min(image.shape[:2])


def _without_bars(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    bright = image.max(axis=2) > DARK
    rows, columns = bright.any(axis=1).nonzero()[0], bright.any(axis=0).nonzero()[0]
    if not rows.size:
        return image
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _normalised(image: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """Reduce to float32 (GRID, GRID) of mean 0 and standard deviation 1."""
    level = grey(reduced(image, GRID, GRID)).astype(np.float32)
    deviation = float(level.std())
    if deviation < MIN_CONTRAST:
        return None
    return np.asarray((level - level.mean()) / deviation, np.float32)
