"""Pages drawn for the tests of the MRZ reader."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import ImageDraw, ImageFont

from docfraud.contracts import Page

Pixels = NDArray[np.uint8]

TD3 = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
)
"""The passport of Doc 9303-4, appendix B."""


@cache
def _font(file: str, size: int) -> ImageFont.FreeTypeFont:
    """Load a typeface of matplotlib; the monospaced one is no OCR-B, but near enough."""
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts/ttf", file), size)


def drawn(rows: tuple[str, ...] = TD3, text: tuple[str, ...] = ()) -> Pixels:
    """Draw a page with lines of text above the rows of a zone: uint8 RGB (850, 1200, 3)."""
    image = PIL.Image.new("RGB", (1200, 850), (236, 240, 244))
    pen = ImageDraw.Draw(image)
    for i, line in enumerate(text):
        pen.text((380, 60 + 42 * i), line, (30, 30, 40), _font("DejaVuSans.ttf", 26))
    for i, row in enumerate(rows):
        place = (70, 830 - 60 * (len(rows) - i))
        pen.text(place, row, (20, 20, 20), _font("DejaVuSansMono.ttf", 40))
    return np.array(image)


def page(pixels: Pixels) -> Page:
    """Make a page of pixels that came in no file."""
    return Page(np.ascontiguousarray(pixels), "png", b"")
