"""The whole frame, as the reference sees it: its light and its sharpness."""

from __future__ import annotations

import cv2

from detectors.pixels import Pixels, grey


def measure_frame(pixels: Pixels) -> dict[str, float]:
    """Measure the frame at full size, in grey (BT.601), as the reference does.

    Args:
        pixels: uint8 RGB (H, W, 3).

    Returns:
        ``brightness``: mean grey level, 0..255. ``blur_variance``: variance of the Laplacian (the
        3×3 kernel with four neighbours) in squared grey levels, at least 0. It falls with blur,
        and also with noise reduction, compression and larger pictures of the same scene.
    """
    level = grey(pixels)
    # In 16 bits the kernel is exact (at most 4 × 255) and takes a fifth of the time of floats.
    _, deviation = cv2.meanStdDev(cv2.Laplacian(level, cv2.CV_16S, ksize=1))
    return {"brightness": float(cv2.mean(level)[0]), "blur_variance": float(deviation[0, 0] ** 2)}
