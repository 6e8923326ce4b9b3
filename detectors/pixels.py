"""Small operations on images and boxes that the face node shares."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Box = tuple[float, float, float, float]
"""x0, y0, x1, y1."""


def shrink(pixels: Pixels, side: int) -> tuple[Pixels, float]:
    """Reduce an image to at most ``side`` pixels a side; also returns new pixels per old one."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1.0:
        return pixels, 1.0
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def grey(pixels: Pixels) -> Pixels:
    """Luma (BT.601) of an RGB image, uint8 (H, W)."""
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def fill_hull(mask: Pixels, outline: NDArray[np.float32], value: int) -> None:
    """Fill the convex hull of points (N, 2) in ``mask``, in place."""
    hull = cv2.convexHull(np.rint(outline).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, (value,))


def around(box: Box, factor: float, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Scale a box about its centre and clamp it to an image of ``size`` width and height."""
    x0, y0, x1, y1 = box
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    half_w, half_h = (x1 - x0) * factor / 2, (y1 - y0) * factor / 2
    width, height = size
    return (
        max(math.floor(x - half_w), 0),
        max(math.floor(y - half_h), 0),
        min(math.ceil(x + half_w), width),
        min(math.ceil(y + half_h), height),
    )


def visible(box: Box, size: tuple[int, int]) -> Box:
    """The part of a box that lies in an image of ``size`` width and height."""
    x0, y0, x1, y1 = box
    width, height = size
    return max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height))


IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32)


def imagenet(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """Normalise RGB 0..1, float32 (H, W, 3), as networks from ImageNet want it: (1, 3, H, W)."""
    return np.asarray(((rgb - IMAGENET_MEAN) / IMAGENET_STD).transpose(2, 0, 1)[None], np.float32)
