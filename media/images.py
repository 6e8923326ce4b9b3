"""Decode an uploaded photograph.

The order is: length, magic bytes, dimensions and structure from the header, other languages in
the file, and only then Pillow, with the one reader for that format. Nothing in the file can make
it take more memory than the limit on pixels allows.

Bytes after the end of a JPEG are let through, because honest phones write them: Samsung trailers,
Ultra HDR gain maps, the video of a motion photo, the second picture of an MPO. Bytes after the
end of a PNG or WebP have no such excuse. A file that is also a document, an archive or a script is
refused wherever that part sits, metadata included.
"""

from __future__ import annotations

import io
import logging
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from media.blocks import find_blocks
from media.errors import MediaError
from media.headers import MAX_SCANS, Header, ImageFormat, read_header, truncated
from media.limits import IMAGE_LIMITS, ImageLimits
from media.tiff import ORIENTATION, read_tags

log = logging.getLogger(__name__)


class JpegFile(JpegImageFile):
    """A JPEG whose EXIF Pillow leaves alone.

    It would read it for the resolution, which nobody needs, and with it take 290 MB for a crafted
    block; see :mod:`media.tiff`.
    """

    def getexif(self) -> PIL.Image.Exif:
        """Return none."""
        return PIL.Image.Exif()


# The classes rather than PIL.Image.open: no other reader can be reached, and a JPEG with a
# second picture (MPO) stays a JPEG.
_READERS: dict[ImageFormat, Callable[[io.BytesIO], ImageFile]] = {
    "jpeg": JpegFile,
    "png": PngImageFile,
    "webp": WebPImageFile,
}

# Four bytes occur by chance in megabytes of entropy-coded data; five and more practically never.
_ACTIVE = (b"%pdf-", b"<?php", b"<script", b"<html", b"<!doctype html", b"<svg ")
_ZIP_ENTRY = re.compile(
    rb"PK\x03\x04[\x0a-\x3f]\x00..[\x00\x08\x09\x0c\x0e\x5d\x5f]\x00", re.DOTALL
)

_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=\"|>)([0-9])")
_UPRIGHT = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """A decoded photograph.

    Attributes:
        pixels: uint8 RGB (H, W, 3), upright, read-only.
        format: the container of ``original``.
        original: the bytes as they came, for forensics (quantisation, EXIF).
    """

    pixels: NDArray[np.uint8]
    format: ImageFormat
    original: bytes


def decode_image(data: bytes, limits: ImageLimits = IMAGE_LIMITS) -> Image:
    """Decode a JPEG, PNG or WebP to upright 8-bit RGB.

    Greyscale, palette, CMYK and 16-bit images are converted; transparency is laid on white, as
    a viewer would show it. Colour profiles are not applied: they are one more parser, and move a
    face's colours by a few levels at most.

    Raises:
        MediaError: the image is refused; its ``code`` says why.
    """
    if not data:
        raise MediaError("image-empty", "The image has no bytes; choose a file and send it again.")
    limits.check_bytes(len(data))
    header = read_header(data)
    _check(header, data, limits)
    try:
        pixels = _decode(header, data)
    except Exception as error:  # Pillow's readers raise a dozen types on damaged input
        log.debug("Pillow refused a %s", header.format, exc_info=True)
        if not header.complete:
            raise truncated() from error
        raise MediaError(
            "image-damaged", f"The {header.format.upper()} cannot be decoded; send it again."
        ) from error
    pixels.setflags(write=False)
    return Image(pixels, header.format, data)


def _check(header: Header, data: bytes, limits: ImageLimits) -> None:
    limits.check_pixels(header.width, header.height)
    if header.scans > MAX_SCANS:
        raise MediaError(
            "image-too-complex",
            f"The JPEG has {header.scans} scans, the limit is {MAX_SCANS}; save it as a baseline "
            "JPEG.",
        )
    if header.animated:
        raise MediaError("image-animated", "The image is animated; send a still one.")
    # Pillow itself finds a JPEG that ends too early; one that lacks nothing but its end marker
    # is complete for every viewer.
    if not header.complete and header.format != "jpeg":
        raise truncated()
    lower = data.lower()
    if (
        any(sign in lower for sign in _ACTIVE)
        or _ZIP_ENTRY.search(data)
        or zipfile.is_zipfile(io.BytesIO(data))
    ):
        raise MediaError(
            "image-polyglot",
            "The image also carries a document, an archive or a script; send the image alone.",
        )
    if header.format != "jpeg" and data[header.end :].strip(b"\0\r\n\t "):
        raise MediaError(
            "image-trailing-data",
            f"The {header.format.upper()} has {len(data) - header.end} bytes after its end; save "
            "it again and send that.",
        )


def _decode(header: Header, data: bytes) -> NDArray[np.uint8]:
    with _READERS[header.format](io.BytesIO(data)) as file:
        if file.size != (header.width, header.height):
            raise ValueError(f"Pillow reads {file.size} where the header says otherwise")
        file.load()
        image = _rgb(file)
    turn = _UPRIGHT.get(orientation(data, header.format))
    if turn is not None:
        image = image.transpose(turn)
    return np.array(image)


def orientation(data: bytes, container: ImageFormat) -> int:
    """Say how a picture lies in its file, as EXIF or else XMP has it.

    Returns:
        EXIF's number, 1 to 8; 1, upright, where it is missing or makes no sense.
    """
    blocks = find_blocks(data, container)
    stated = None
    for block in blocks.exif[:1]:
        stated = read_tags(block).numbers.get(ORIENTATION)
    if stated is None:
        found = (_XMP_ORIENTATION.search(packet) for packet in blocks.xmp)
        stated = next((int(match[1]) for match in found if match), 1)
    return stated if 1 <= stated <= 8 else 1


def _rgb(image: PIL.Image.Image) -> PIL.Image.Image:
    if image.mode in ("I", "I;16", "I;16B"):  # convert() would clip 16-bit greys at 255
        high = np.asarray(image) >> 8
        image = PIL.Image.fromarray(high.astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = PIL.Image.alpha_composite(PIL.Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
