"""The two typefaces of the specimens, from packages that carry them.

Source Sans Pro (Adobe, SIL Open Font License 1.1) from ``font-source-sans-pro``; OCR-B (Raisty,
SIL Open Font License 1.1) from the assets of ``glyphive``. Only the font files are read: neither
package is imported.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import distribution

from PIL import ImageFont

_FILES = {
    "regular": ("font-source-sans-pro", "font_source_sans_pro/files/SourceSansPro-Regular.ttf"),
    "semibold": ("font-source-sans-pro", "font_source_sans_pro/files/SourceSansPro-Semibold.ttf"),
    "bold": ("font-source-sans-pro", "font_source_sans_pro/files/SourceSansPro-Bold.ttf"),
    "ocrb": ("glyphive", "glyphive/assets/fonts/ocr_b/OCR-B.ttf"),
}


@cache
def font(name: str, size: float) -> ImageFont.FreeTypeFont:
    """Load a typeface.

    Args:
        name: ``regular``, ``semibold``, ``bold`` or ``ocrb``.
        size: of the em square in pixels.
    """
    package, path = _FILES[name]
    file = str(distribution(package).locate_file(path))
    # The basic layout needs no library of the system, and so draws the same everywhere.
    return ImageFont.truetype(file, size, layout_engine=ImageFont.Layout.BASIC)
