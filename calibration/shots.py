"""Where the pictures of a calibration come from: a folder or a camera."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from calibration.errors import CalibrationError
from detectors.pixels import Pixels
from media.errors import MediaError
from media.images import decode_image

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})

WARM_UP = 15
"""Frames that a camera gets to set its exposure and focus before the first shot."""


def files_of(folder: Path) -> list[Path]:
    """List the images of a folder and those below it, in the order of their names.

    Raises:
        CalibrationError: it cannot be read, or there is none in it.
    """
    if not folder.is_dir():
        raise CalibrationError(f"{folder} is no folder")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not files:
        raise CalibrationError(f"{folder} has no JPEG, PNG or WebP")
    return files


def read_shot(path: Path) -> Pixels | str:
    """Read an image: its pixels, uint8 RGB (H, W, 3), or why it is skipped."""
    try:
        return decode_image(path.read_bytes()).pixels
    except OSError as error:
        return error.strerror or type(error).__name__
    except MediaError as error:
        return error.detail


@contextmanager
def camera(index: int, every_s: float, pause: Callable[[float], Any] = time.sleep) -> Iterator[Any]:
    """Open a camera for the length of a block; yields an iterator of uint8 RGB (H, W, 3).

    The iterator ends where the camera does.

    Args:
        index: as OpenCV counts cameras.
        every_s: seconds from one shot to the next.
        pause: waits.

    Raises:
        CalibrationError: the camera cannot be opened.
    """
    device = cv2.VideoCapture(index)
    try:
        if not device.isOpened():
            raise CalibrationError(f"there is no camera {index}, or something else is using it")
        for _ in range(WARM_UP):
            device.grab()
        yield _shots(device, every_s, pause)
    finally:
        device.release()


def _shots(device: Any, every_s: float, pause: Callable[[float], Any]) -> Iterator[Pixels]:
    while True:
        read, pixels = device.read()
        if not read:
            return
        yield np.ascontiguousarray(pixels[..., ::-1])
        pause(every_s)
        device.grab()  # what waited in the driver's buffer meanwhile is old
