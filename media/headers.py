"""Read what an image says of itself, without decoding a pixel.

Pillow's WebP reader allocates the whole canvas when a file is opened, and none of its readers
counts scans or sees what follows the end marker. So the few bytes that matter are read here first.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from media.errors import MediaError

ImageFormat = Literal["jpeg", "png", "webp"]

MAX_SEGMENTS = 20_000
"""JPEG segments or PNG chunks. A photograph has below a hundred, an encoder that writes 1 KB
IDAT chunks ten thousand; a file of four-byte segments would be a loop of millions."""

MAX_SCANS = 64
"""Scans of a progressive JPEG: cameras and encoders write 3 to 20. Every scan walks all blocks
of the image, so a few bytes buy seconds of work."""

_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # not stuffing, fill or restart
_JPEG_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE = frozenset({0x01, 0xD8})  # markers without a length
_JPEG_EOI, _JPEG_SOS = 0xD9, 0xDA

_PNG = b"\x89PNG\r\n\x1a\n"

_OTHERS = (
    (re.compile(rb"GIF8"), "a GIF"),
    (re.compile(rb"II\*\0|MM\0\*"), "a TIFF"),
    (re.compile(rb"BM"), "a BMP"),
    (re.compile(rb"....ftyp(heic|heix|hevc|heim|heis|mif1|msf1)", re.DOTALL), "a HEIC photograph"),
    (re.compile(rb"....ftypavi[fs]", re.DOTALL), "an AVIF image"),
    (re.compile(rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI ", re.DOTALL), "a video"),
    (re.compile(rb"%PDF-"), "a PDF"),
    (re.compile(rb"PK\x03\x04"), "a ZIP archive"),
    (re.compile(rb"\s*<(\?xml|svg|!doctype|html)", re.IGNORECASE), "a markup document"),
)


@dataclass(frozen=True, slots=True)
class Header:
    """What an image file says of itself.

    Attributes:
        format: the container.
        width: pixels as stored, before any EXIF rotation.
        height: pixels as stored.
        complete: the end marker (JPEG, PNG) or the stated length (WebP) is there.
        animated: more than one frame of an APNG or WebP.
        scans: passes over the image of a JPEG.
        end: offset of the first byte after the image.
    """

    format: ImageFormat
    width: int
    height: int
    complete: bool
    animated: bool
    scans: int
    end: int


def read_header(data: bytes) -> Header:
    """Read the header of a JPEG, PNG or WebP.

    Raises:
        MediaError: ``image-format-unsupported``, ``image-truncated``, ``image-too-complex`` or
            ``image-damaged``.
    """
    try:
        return _reader(data)(data)
    except (struct.error, IndexError):
        raise truncated() from None


def truncated() -> MediaError:
    """Say that an image ends too early."""
    return MediaError("image-truncated", "The image ends before its end marker; send it again.")


def _reader(data: bytes) -> Callable[[bytes], Header]:
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg
    if data.startswith(_PNG):
        return _png
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp
    found = next((name for pattern, name in _OTHERS if pattern.match(data)), "no known image")
    raise MediaError(
        "image-format-unsupported", f"The file is {found}; send a JPEG, PNG or WebP image."
    )


def _jpeg(data: bytes) -> Header:
    header = Header("jpeg", 0, 0, complete=False, animated=False, scans=0, end=len(data))
    at = 0
    for _ in range(MAX_SEGMENTS):
        marker = _MARKER.search(data, at)  # from a scan, this skips its entropy-coded data
        if marker is None:
            break
        kind, at = data[marker.end() - 1], marker.end()
        if kind == _JPEG_EOI:
            header = replace(header, complete=True, end=at)
            break
        if kind in _JPEG_BARE:
            continue
        if kind in _JPEG_SOF and not header.width:
            height, width = struct.unpack_from(">HH", data, at + 3)
            header = replace(header, width=width, height=height)
        elif kind == _JPEG_SOS:
            header = replace(header, scans=header.scans + 1)
        at += struct.unpack_from(">H", data, at)[0]
    else:
        raise _too_many_segments()
    if not header.width:
        raise _no_picture("JPEG") if header.complete else truncated()
    return header


def _png(data: bytes) -> Header:
    width, height = struct.unpack_from(">II", data, 16)
    header = Header("png", width, height, complete=False, animated=False, scans=1, end=len(data))
    at = len(_PNG)
    for _ in range(MAX_SEGMENTS):
        if at + 12 > len(data):
            return header
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"acTL":
            header = replace(header, animated=struct.unpack_from(">I", data, at + 8)[0] > 1)
        at += 12 + length
        if kind == b"IEND":
            return replace(header, complete=at <= len(data), end=min(at, len(data)))
    raise _too_many_segments()


def _webp(data: bytes) -> Header:
    end = 8 + struct.unpack_from("<I", data, 4)[0]
    complete = end <= len(data)
    kind = data[12:16]
    animated = False
    if kind == b"VP8X":
        flags = data[20]
        animated = bool(flags & 0x02)
        width = 1 + int.from_bytes(data[24:27], "little")
        height = 1 + int.from_bytes(data[27:30], "little")
    elif kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    elif kind == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    else:
        raise _no_picture("WebP") if complete else truncated()
    return Header("webp", width, height, complete, animated, 1, min(end, len(data)))


def _no_picture(name: str) -> MediaError:
    return MediaError("image-damaged", f"The {name} has no picture in it; send another.")


def _too_many_segments() -> MediaError:
    return MediaError(
        "image-too-complex",
        f"The image has more than {MAX_SEGMENTS} segments; save it again with another program.",
    )
