"""Tell a clip's container from its first bytes, and whether the file is all there."""

from __future__ import annotations

import re
import struct
from typing import Literal

from media.errors import MediaError

Container = Literal["mov", "matroska", "avi"]
"""FFmpeg's names of the demuxers: MP4 and MOV, WebM and MKV, AVI."""

_EBML = b"\x1aE\xdf\xa3"
_SEGMENT = b"\x18S\x80g"
# The first box of a QuickTime file without ``ftyp`` is one of the others.
_ISO_FIRST = re.compile(rb"....(ftyp|moov|mdat|wide|free|skip)", re.DOTALL)
# These share MP4's boxes, but hold still pictures.
_ISO_STILL = re.compile(rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1|avi[fs])", re.DOTALL)


def sniff(data: bytes) -> Container:
    """Name the container of a clip.

    Raises:
        MediaError: ``clip-format-unsupported``.
    """
    if _ISO_FIRST.match(data) and not _ISO_STILL.match(data):
        return "mov"
    if data.startswith(_EBML):
        return "matroska"
    if data.startswith(b"RIFF") and data[8:12] == b"AVI ":
        return "avi"
    raise MediaError(
        "clip-format-unsupported", "The clip is no known video; send MP4, MOV, WebM or AVI."
    )


def is_clip(data: bytes) -> bool:
    """Say whether these are the first bytes of a clip."""
    try:
        sniff(data)
    except MediaError:
        return False
    return True


def is_complete(data: bytes, container: Container) -> bool:
    """Say whether ``data`` is as long as its container states.

    FFmpeg decodes what there is of a shortened clip and calls it the end. A live recording that
    states no length, as browsers write WebM, counts as complete.
    """
    try:
        return _STATED_END[container](data) <= len(data)
    except struct.error:
        return False


def _mov_end(data: bytes) -> int:
    at = 0
    while at < len(data):
        size = struct.unpack_from(">I", data, at)[0]
        if size == 0:  # up to the end of the file, whatever that is
            return len(data)
        if size == 1:
            size = struct.unpack_from(">Q", data, at + 8)[0]
        if size < 8:
            raise MediaError("clip-undecodable", "The clip's boxes are damaged; record it again.")
        at += size
    return at


def _avi_end(data: bytes) -> int:
    return 8 + int(struct.unpack_from("<I", data, 4)[0])


def _matroska_end(data: bytes) -> int:
    length, width = _ebml_length(data, len(_EBML))
    at = len(_EBML) + width + length
    if data[at : at + 4] != _SEGMENT:
        return at + 4  # cut within the header, or something that FFmpeg will name
    length, width = _ebml_length(data, at + 4)
    if length == 2 ** (7 * width) - 1:  # all ones: unknown, a live recording
        return at + 4 + width
    return at + 4 + width + length


def _ebml_length(data: bytes, at: int) -> tuple[int, int]:
    """Read an EBML variable-length size: its value and how many bytes it takes."""
    first = struct.unpack_from("B", data, at)[0]
    if first == 0:
        raise struct.error("an EBML size takes at most eight bytes")
    width = 9 - first.bit_length()
    value = int.from_bytes(data[at : at + width], "big") & (2 ** (7 * width) - 1)
    return value, width


_STATED_END = {"mov": _mov_end, "matroska": _matroska_end, "avi": _avi_end}
