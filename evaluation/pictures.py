"""Images of labelled sets, read as the graph reads uploads but with more patience.

A set is the operator's own: its images may be as small as a cropped line of text, and TIFF is
welcome because published sets of such lines use it. Everything else is refused as an upload is.
"""

from __future__ import annotations

import io

from PIL.TiffImagePlugin import TiffImageFile

from media.errors import MediaError
from media.images import Image, decode_image
from media.limits import ImageLimits

LIMITS = ImageLimits(max_bytes=64 * 2**20, max_megapixels=50.0, min_side=1)

_TIFF = (b"II*\0", b"MM\0*")
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


def decode(data: bytes) -> Image:
    """Decode a JPEG, PNG, WebP or the first page of a TIFF to upright 8-bit RGB.

    Raises:
        MediaError: the image is refused; its ``code`` says why.
    """
    return decode_image(readable(data), LIMITS)


def readable(data: bytes) -> bytes:
    """Return a TIFF as a PNG, without loss, and everything else as it is.

    Raises:
        MediaError: the TIFF is refused.
    """
    return _png(data) if data.startswith(_TIFF) else data


def _png(tiff: bytes) -> bytes:
    """Write a TIFF as PNG, so that one decoder sees everything."""
    LIMITS.check_bytes(len(tiff))
    try:
        with TiffImageFile(io.BytesIO(tiff)) as image:
            LIMITS.check_pixels(*image.size)
            picture = image if image.mode in _PNG_MODES else image.convert("RGB")
            png = io.BytesIO()
            picture.save(png, "PNG", compress_level=1)
    except MediaError:
        raise
    except Exception as error:  # Pillow's readers raise a dozen types on damaged input
        raise MediaError("image-damaged", "The TIFF cannot be decoded; save it again.") from error
    return png.getvalue()
