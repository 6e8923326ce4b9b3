"""A screen drawn pixel by pixel, and photographed by a simulated camera."""

from __future__ import annotations

import cv2
import numpy as np

from detectors.pixels import Pixels


def recaptured(screen: Pixels, pitch: float, gap: float, degrees: float = 4.0) -> Pixels:
    """Photograph a screen.

    Args:
        screen: what it shows, uint8 RGB.
        pitch: camera pixels per screen pixel.
        gap: how much darker than a pixel the lines between pixels are, 0..1.
        degrees: the camera's tilt.
    """
    cell = 4
    shown = np.kron(screen, np.ones((cell, cell, 1), np.uint8)).astype(np.float32)
    shown[cell - 1 :: cell] *= 1 - gap
    shown[:, cell - 1 :: cell] *= 1 - gap
    height, width = shown.shape[:2]
    zoom = pitch / cell
    size = (int(width * zoom * 0.9), int(height * zoom * 0.9))
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, zoom)
    turn[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    seen = cv2.warpAffine(cv2.GaussianBlur(shown, (0, 0), 0.5 / zoom), turn, size)
    seen = cv2.GaussianBlur(seen, (0, 0), 0.6)
    seen += np.random.default_rng(0).normal(0, 1.5, seen.shape).astype(np.float32)
    _, file = cv2.imencode(".jpg", seen.clip(0, 255), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR), np.uint8)
