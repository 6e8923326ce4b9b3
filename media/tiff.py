"""Read the few EXIF tags that matter from a TIFF structure, in bounded time and memory.

Why not Pillow's reader: it copies the value of every entry when it opens a directory, and entries
may overlap, so that a block of 64 KB whose entries all claim the whole of it takes 290 MB; it warns
where a block is damaged rather than saying so; and it stops there. Here directories are a fixed
set, each read once, so that no chain of pointers can run in a circle, and only values of known tags
are copied, cut to a length.

Source: TIFF 6.0, section 2; CIPA DC-008 (Exif 3.0), tables of section 4.6.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

MAX_ENTRIES = 1_000
"""Entries read of one directory; cameras write below a hundred."""

MAX_TEXT = 8 * 2**10
"""Bytes kept of a text."""

MAX_THUMBNAIL = 64 * 2**10
"""Bytes of a thumbnail; in a JPEG, all EXIF has to fit into as many."""

MAKE, MODEL, SOFTWARE, HOST = 0x010F, 0x0110, 0x0131, 0x013C
DESCRIPTION, MODIFIED = 0x010E, 0x0132
PROCESSING_SOFTWARE = 0x000B
TAKEN, DIGITISED, USER_COMMENT, MAKER_NOTE = 0x9003, 0x9004, 0x9286, 0x927C
ORIENTATION = 0x0112
WIDTH, HEIGHT = 0xA002, 0xA003
EXPOSURE = (0x829A, 0x829D, 0x8827, 0x920A)  # exposure time, f-number, sensitivity, focal length
EDITING_SOFTWARE = (0xA43A, 0xA43B, 0xA43C)  # raw development, image and metadata editing
XP_TEXTS = (0x9C9B, 0x9C9C, 0x9C9F)  # title, comment, subject as Windows writes them

_EXIF_POINTER, _GPS_POINTER = 0x8769, 0x8825
_THUMBNAIL_OFFSET, _THUMBNAIL_LENGTH = 0x0201, 0x0202
_LATITUDE, _LONGITUDE = 2, 4
_COORDINATE = 24  # bytes: degrees, minutes and seconds as rationals

_TEXTS = {
    MAKE,
    MODEL,
    SOFTWARE,
    HOST,
    DESCRIPTION,
    MODIFIED,
    PROCESSING_SOFTWARE,
    TAKEN,
    DIGITISED,
    USER_COMMENT,
    *EDITING_SOFTWARE,
    *XP_TEXTS,
}
_NUMBERS = {ORIENTATION, WIDTH, HEIGHT}

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 129: 1}
"""Bytes of a value, by TIFF type; 13 is a pointer, 129 is UTF-8 (Exif 3.0)."""

_SHORT, _LONG, _POINTER = 3, 4, 13


@dataclass(slots=True)
class ExifTags:
    """What one EXIF block says.

    Attributes:
        texts: by tag, without padding.
        numbers: by tag.
        present: all tags of the main and the EXIF directory.
        gps: both a latitude and a longitude are there; they are not read.
        thumbnail: an encoded image, or None.
        malformed: a directory or a value lies outside the block.
    """

    texts: dict[int, str] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)
    present: set[int] = field(default_factory=set)
    gps: bool = False
    thumbnail: bytes | None = None
    malformed: bool = False


def read_tags(block: bytes) -> ExifTags:
    """Read a TIFF structure; a damaged one gives what could be read."""
    if block[:4] not in (b"II*\0", b"MM\0*") or len(block) < 8:
        return ExifTags(malformed=True)
    return _Reader(block).read()


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: int
    count: int
    at: int  # of the value

    @property
    def size(self) -> int:
        return self.count * _SIZES.get(self.kind, 0)


class _Reader:
    def __init__(self, block: bytes) -> None:
        self._block = block
        self._order = "<" if block[:1] == b"I" else ">"
        self._tags = ExifTags()

    def read(self) -> ExifTags:
        main, following = self._directory(self._unpack("I", 4))
        self._take(main)
        if (at := self._number(main.get(_EXIF_POINTER))) is not None:
            self._take(self._directory(at)[0])
        if (at := self._number(main.get(_GPS_POINTER))) is not None:
            position, _ = self._directory(at)
            self._tags.gps = all(self._stated(position.get(tag)) for tag in (_LATITUDE, _LONGITUDE))
        if following:
            self._take_thumbnail(self._directory(following)[0])
        return self._tags

    def _unpack(self, code: str, at: int) -> int:
        number: int = struct.unpack_from(self._order + code, self._block, at)[0]
        return number

    def _directory(self, at: int) -> tuple[dict[int, _Entry], int]:
        """Read the entries whose values lie inside the block, and where the next directory is."""
        block = self._block
        if at + 2 > len(block):
            self._tags.malformed = True
            return {}, 0
        count = self._unpack("H", at)
        fitting = min(count, (len(block) - at - 2) // 12, MAX_ENTRIES)
        self._tags.malformed |= fitting < count
        entries: dict[int, _Entry] = {}
        for start in range(at + 2, at + 2 + 12 * fitting, 12):
            tag, kind, number = struct.unpack_from(self._order + "HHI", block, start)
            entry = _Entry(kind, number, start + 8)
            if entry.size > 4:
                entry = _Entry(kind, number, self._unpack("I", start + 8))
            if kind in _SIZES and entry.at + entry.size <= len(block):
                entries.setdefault(tag, entry)
            elif tag != MAKER_NOTE:  # other programs move it without harm to the rest
                self._tags.malformed = True
        end = at + 2 + 12 * count
        return entries, self._unpack("I", end) if end + 4 <= len(block) else 0

    def _stated(self, coordinate: _Entry | None) -> bool:
        """Tell a coordinate from the zeros, 0/0 degrees, of a camera that has no position."""
        if coordinate is None:
            return False
        return any(self._block[coordinate.at : coordinate.at + min(coordinate.size, _COORDINATE)])

    def _take(self, directory: dict[int, _Entry]) -> None:
        tags = self._tags
        tags.present |= directory.keys()
        for tag in _TEXTS & directory.keys():
            tags.texts.setdefault(tag, self._text(tag, directory[tag]))
        for tag in _NUMBERS & directory.keys():
            number = self._number(directory[tag])
            if number is not None:
                tags.numbers.setdefault(tag, number)

    def _take_thumbnail(self, directory: dict[int, _Entry]) -> None:
        at = self._number(directory.get(_THUMBNAIL_OFFSET))
        length = self._number(directory.get(_THUMBNAIL_LENGTH))
        if at is None or not length:
            return
        if at + length <= len(self._block) and length <= MAX_THUMBNAIL:
            self._tags.thumbnail = self._block[at : at + length]
        else:
            self._tags.malformed = True

    def _number(self, entry: _Entry | None) -> int | None:
        if entry is None or not entry.count or entry.kind not in (_SHORT, _LONG, _POINTER):
            return None
        return self._unpack("H" if entry.kind == _SHORT else "I", entry.at)

    def _text(self, tag: int, entry: _Entry) -> str:
        value = self._block[entry.at : entry.at + min(entry.size, MAX_TEXT)]
        codec = "utf-16-le" if tag in XP_TEXTS else "utf-8"
        if tag == USER_COMMENT and value[:8] in _CHARSETS:
            codec, value = _CHARSETS[value[:8]], value[8:]
            if codec == "utf-16":
                codec = self._utf_16(value)
        text = value.decode(codec, "replace")
        return text.strip("\0 ") if tag == USER_COMMENT else text.partition("\0")[0].strip()

    def _utf_16(self, value: bytes) -> str:
        """Tell the order of a text without a mark at its start.

        It is the block's, but several generators write the other.
        """
        if value[:1] == b"\0" or (self._order == ">" and value[1:2] != b"\0"):
            return "utf-16-be"
        return "utf-16-le"


_CHARSETS = {
    b"ASCII\0\0\0": "ascii",
    b"UNICODE\0": "utf-16",
    b"JIS\0\0\0\0\0": "iso2022_jp",
    bytes(8): "utf-8",
}
