"""What goes wrong with selfies, done to good ones."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from detectors.topology import FACE_OVAL

Pixels = NDArray[np.uint8]

# Where the frame of a pair of sunglasses lies, on each side: brow, temple and cheek.
RIGHT_LENS = (70, 63, 105, 66, 107, 55, 193, 245, 128, 121, 120, 119, 118, 117, 111, 143, 156)
LEFT_LENS = (300, 293, 334, 296, 336, 285, 417, 465, 357, 350, 349, 348, 347, 346, 340, 372, 383)


def blurred(pixels: Pixels, sigma: float) -> Pixels:
    """Out of focus, by a Gaussian of ``sigma`` pixels."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma))


def exposed(pixels: Pixels, gain: float) -> Pixels:
    """Brighter or darker, clipped as a sensor clips."""
    return np.clip(pixels.astype(np.float32) * gain, 0, 255).astype(np.uint8)


def turned(pixels: Pixels, degrees: float) -> Pixels:
    """Turned in the plane of the image, about its middle."""
    height, width = pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return np.asarray(cv2.warpAffine(pixels, matrix, (width, height), borderValue=(128, 128, 128)))


def with_sunglasses(pixels: Pixels, points: NDArray[Any], light: float = 0.08) -> Pixels:
    """Behind glasses that let through ``light`` of it; ``points`` (478, 2) in pixels."""
    tint = np.ones(pixels.shape[:2], np.float32)
    for lens in (RIGHT_LENS, LEFT_LENS):
        hull = cv2.convexHull(np.rint(points[list(lens)]).astype(np.int32))
        cv2.fillConvexPoly(tint, hull, light)
    return (pixels * tint[..., None]).astype(np.uint8)


def with_hair_over_the_right_eye(pixels: Pixels, points: NDArray[Any]) -> Pixels:
    """Behind a black strand, as wide as a lens and as long as the face."""
    covered = pixels.copy()
    x0, x1 = points[list(RIGHT_LENS), 0].min(), points[list(RIGHT_LENS), 0].max()
    y0, y1 = points[list(FACE_OVAL), 1].min(), points[list(RIGHT_LENS), 1].max()
    rows, columns = slice(max(int(y0), 0), int(y1)), slice(max(int(x0), 0), int(x1))
    strands = np.random.default_rng(1).integers(10, 40, covered[rows, columns].shape[1])
    covered[rows, columns] = strands[None, :, None]
    return covered


def lit_from_the_left(pixels: Pixels, points: NDArray[Any], shadow: float = 0.15) -> Pixels:
    """With the light falling off to ``shadow`` across the face, from left to right in the image."""
    x0, x1 = points[list(FACE_OVAL), 0].min(), points[list(FACE_OVAL), 0].max()
    across = np.clip((np.arange(pixels.shape[1]) - x0) / (x1 - x0), 0, 1)
    return (pixels * (1 - (1 - shadow) * across)[None, :, None]).astype(np.uint8)


def compressed(pixels: Pixels, quality: int) -> Pixels:
    """Saved as a JPEG and read back."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))
