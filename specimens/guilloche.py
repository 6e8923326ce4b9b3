"""The ground of a security print: a tint that changes, bands of waves, and rosettes over it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from specimens.rng import generator

Colour = tuple[int, int, int]


def ground(
    size: tuple[int, int], tints: tuple[Colour, Colour, Colour], seed: int
) -> NDArray[np.uint8]:
    """Draw a ground.

    Args:
        size: width and height in pixels.
        tints: left and right tint of the paper, and the ink of the lines.
        seed: of the waves and rosettes.

    Returns:
        uint8 RGB (height, width, 3).
    """
    rng = generator("ground", seed)
    width, height = size
    left, right, ink = (np.array(tint, np.float32) for tint in tints)
    across = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
    paper = np.broadcast_to(left + across * (right - left), (height, width, 3))

    lines = np.zeros((height, width), np.uint8)
    x = np.arange(-20, width + 20, 4, dtype=np.float64)
    for _ in range(2):
        amplitude, waves = rng.uniform(0.04, 0.10) * height, rng.uniform(1.2, 2.6)
        drift, beat = rng.uniform(0.6, 1.4), rng.uniform(0, 2 * np.pi)
        for i, offset in enumerate(np.arange(-0.15, 1.15, 0.016) * height):
            phase = beat + 0.08 * drift * i
            y = offset + amplitude * np.sin(2 * np.pi * waves * x / width + phase)
            _stroke(lines, x, y)
    for _ in range(3):
        centre = rng.uniform(0.1, 0.9) * width, rng.uniform(0.2, 0.8) * height
        radius, petals = rng.uniform(0.12, 0.2) * height, int(rng.integers(9, 17))
        t = np.linspace(0, 2 * np.pi, 721)
        for ring in np.linspace(0.45, 1.0, 12):
            r = radius * ring * (1 + 0.14 * np.sin(petals * t + 6 * ring))
            _stroke(lines, centre[0] + r * np.cos(t), centre[1] + r * np.sin(t))

    alpha = lines.astype(np.float32)[..., None] / 255 * 0.38
    return np.rint(paper + alpha * (ink - paper)).astype(np.uint8)


def _stroke(lines: NDArray[np.uint8], x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    points = np.rint(np.stack([x, y], axis=1) * 16).astype(np.int32)
    cv2.polylines(lines, [points[:, None]], False, (255,), 1, cv2.LINE_AA, 4)
