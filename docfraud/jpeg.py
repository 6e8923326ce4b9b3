"""What a JPEG says of how it was coded, and its pixels on the grid that they were coded on."""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from docfraud.contracts import Page
from media.images import JpegFile, orientation

# Horizontal and vertical sampling of luma over chroma, and OpenCV's name of it.
_SAMPLING = {
    (1, 1): cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    (2, 1): cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    (2, 2): cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    (1, 2): cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440,
    (4, 1): cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411,
}


@dataclass(frozen=True, slots=True, eq=False)
class Coding:
    """How a JPEG was coded.

    Attributes:
        table: int64 (8, 8), luma quantisation steps, vertical frequency first.
        sampling: of the chroma, as OpenCV's ``IMWRITE_JPEG_SAMPLING_FACTOR``.
        orientation: EXIF orientation, 1 to 8; 1 where it is missing or cannot be read.
    """

    table: NDArray[np.int64]
    sampling: int
    orientation: int

    @classmethod
    def of(cls, original: bytes) -> Coding | None:
        """Read the headers of a JPEG that was decoded before; no pixel is decoded again.

        Returns:
            None where the first component is not luma at full resolution (CMYK, RGB), or where
            the tables make no sense.
        """
        file = JpegFile(io.BytesIO(original))
        with file:
            layers = file.layer
            if len(layers) not in (1, 3) or (
                len(layers) == 3 and file.info.get("adobe_transform") == 0
            ):
                return None
            _, across, down, slot = layers[0]
            if len(layers) == 3:
                _, chroma_across, chroma_down, _ = layers[1]
                ratio = (across // chroma_across, down // chroma_down)
            else:
                ratio = (1, 1)
            if ratio not in _SAMPLING or slot not in file.quantization:
                return None
            table = np.array(file.quantization[slot], np.int64).reshape(8, 8)
            if table.min() < 1:
                return None
            return cls(table, _SAMPLING[ratio], orientation(original, "jpeg"))


def as_stored(page: Page, coding: Coding) -> NDArray[np.uint8]:
    """Turn the upright pixels back to where they were in the file: uint8 RGB, contiguous.

    The grid of 8 x 8 blocks starts in the corner of the stored picture, not of the upright one.
    """
    return np.ascontiguousarray(_turn(page.pixels, _INVERSE.get(coding.orientation, ())))


def upright(pixels: NDArray[np.uint8], coding: Coding) -> NDArray[np.uint8]:
    """Turn what was drawn over stored pixels as the page stands."""
    return np.ascontiguousarray(_turn(pixels, _INVERSE.get(coding.orientation, ())[::-1]))


# Steps, each its own inverse, that lead from the upright picture to the stored one.
_INVERSE: dict[int, tuple[str, ...]] = {
    2: ("mirror",),
    3: ("mirror", "flip"),
    4: ("flip",),
    5: ("swap",),
    6: ("swap", "flip"),
    7: ("swap", "mirror", "flip"),
    8: ("swap", "mirror"),
}


def _turn(pixels: NDArray[np.uint8], steps: tuple[str, ...]) -> NDArray[np.uint8]:
    for step in steps:
        if step == "mirror":
            pixels = pixels[:, ::-1]
        elif step == "flip":
            pixels = pixels[::-1]
        else:
            pixels = pixels.swapaxes(0, 1)
    return pixels
