"""Is the noise as strong in one part of the page as in another?

After Mahdian and Saic 2009 ("Using noise inconsistencies for blind image forensics"): the finest
diagonal wavelet band of each tile is mostly noise, and a pasted part brings its own. A weak sign:
texture, focus and light move it as well, and JPEG quantisation removes most of it. It does not
tell the tampered photographs of CASIA 2.0 from authentic ones, and is there for the record.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

TILE = 64
"""Side of a tile in pixels."""

FLOOR = 0.25
"""Grey levels below which noise counts as none: rounding to whole levels has 0.29."""


def noise_levels(luma: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Standard deviation of the noise of each tile, in grey levels.

    The mean absolute value of the Haar wavelet's diagonal band, over 0.7979, which for Gaussian
    noise is the standard deviation.

    Args:
        luma: uint8 (H, W), at least one tile a side; what is left over at the edges is dropped.

    Returns:
        float64 (H // 64, W // 64).
    """
    rows, columns = luma.shape[0] // TILE, luma.shape[1] // TILE
    level = luma[: rows * TILE, : columns * TILE].astype(np.int16)
    across = level[:, ::2] - level[:, 1::2]
    diagonal = np.abs(across[::2] - across[1::2]).astype(np.float32) / 2
    means = cv2.resize(diagonal, (columns, rows), interpolation=cv2.INTER_AREA)
    levels: NDArray[np.float64] = means.reshape(rows, columns) / np.sqrt(2 / np.pi)
    return levels.astype(np.float64)


def noise_spread(luma: NDArray[np.uint8]) -> float:
    """Standard deviation, over tiles, of the natural logarithm of the noise; 0.0 for one level."""
    return float(np.log(np.maximum(noise_levels(luma), FLOOR)).std())
