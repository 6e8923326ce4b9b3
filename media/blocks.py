"""Find where a JPEG, PNG or WebP keeps its metadata, without decoding a pixel.

Whatever the file says, the work is bounded: each part is visited once, and of each kind of block so
many bytes are kept. What lies behind the start of a JPEG's scan is not looked at.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from media.headers import MAX_SEGMENTS, ImageFormat

MAX_BLOCK = 128 * 2**10
"""Bytes kept of one block: twice a JPEG segment, of which metadata seldom needs more than one."""

MAX_BLOCKS = 8
"""Blocks kept of one kind; files in use have one, those of careless tools two."""

MAX_TEXTS = 200
"""Comments and PNG texts that are looked at; ImageMagick writes one for every EXIF tag."""

MAX_TEXT = 8 * 2**10
"""Characters kept of one of them."""

MAX_UNPACKED = 2**20
"""Bytes that all compressed texts of a PNG may grow to."""

MAX_MANIFEST = 2**20
"""Bytes kept of a C2PA manifest store, which carries thumbnails."""

_EXIF = b"Exif\0\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_EXTENDED_HEADER = 32 + 4 + 4  # digest, full length, offset
_PHOTOSHOP = b"Photoshop 3.0\0"

_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_APP1, _APP11, _APP12, _APP13 = 0xE1, 0xEB, 0xEC, 0xED
_COMMENT, _SCAN, _END = 0xFE, 0xDA, 0xD9
_BARE = frozenset({0x01, 0xD8})


@dataclass(slots=True)
class Blocks:
    """The metadata of one file, as it lies there.

    Attributes:
        exif: TIFF structures.
        xmp: XML packets; the portions of an extended XMP are put together.
        resources: Photoshop image resources, which hold IPTC.
        texts: keyword and text of PNG texts; comments of a JPEG have the keyword ``comment``.
        manifest: a C2PA manifest store, or empty.
        malformed: blocks that could not be unpacked, or were left out for their number.
        unpacked: bytes that compressed texts have grown to.
    """

    exif: list[bytes] = field(default_factory=list)
    xmp: list[bytes] = field(default_factory=list)
    resources: list[bytes] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    manifest: bytearray = field(default_factory=bytearray)
    malformed: int = 0
    unpacked: int = 0

    def add(self, kind: list[bytes], block: bytes) -> None:
        """Keep ``block`` as one more of its kind, within the limits."""
        if len(kind) < MAX_BLOCKS:
            kind.append(block[:MAX_BLOCK])
        else:
            self.malformed += 1

    def add_text(self, keyword: str, text: str) -> None:
        """Keep a text within the limits."""
        if len(self.texts) < MAX_TEXTS:
            self.texts.append((keyword[:80], text[:MAX_TEXT]))

    def add_manifest(self, part: bytes) -> None:
        """Append to the C2PA manifest store, within the limit."""
        self.manifest += part[: MAX_MANIFEST - len(self.manifest)]

    def unpack(self, compressed: bytes) -> bytes:
        """Inflate a text, within the limit of all of them.

        Raises:
            zlib.error: it is damaged, or the limit is reached.
        """
        left = min(MAX_UNPACKED - self.unpacked, 2 * MAX_BLOCK)
        if left <= 0:
            raise zlib.error("the limit is reached")
        inflated = zlib.decompressobj().decompress(compressed, left)
        self.unpacked += len(inflated)
        return inflated


def find_blocks(data: bytes, container: ImageFormat) -> Blocks:
    """Find the metadata of a file.

    Args:
        data: the file; damaged ones give what could be found.
        container: its format.
    """
    return {"jpeg": _jpeg, "png": _png, "webp": _webp}[container](data)


def _jpeg(data: bytes) -> Blocks:
    blocks = Blocks()
    portions: list[tuple[int, bytes]] = []
    for kind, body in _segments(data):
        if kind == _APP1 and body.startswith(_EXIF):
            blocks.add(blocks.exif, body[len(_EXIF) :])
        elif kind == _APP1 and body.startswith(_XMP):
            blocks.add(blocks.xmp, body[len(_XMP) :])
        elif kind == _APP1 and body.startswith(_EXTENDED_XMP):
            header = body[len(_EXTENDED_XMP) :][:_EXTENDED_HEADER]
            if len(portions) < MAX_BLOCKS:
                start = int.from_bytes(header[-4:], "big")
                portions.append((start, body[len(_EXTENDED_XMP) + _EXTENDED_HEADER :]))
        elif kind == _APP13 and body.startswith(_PHOTOSHOP):
            blocks.add(blocks.resources, body[len(_PHOTOSHOP) :])
        elif kind == _APP11 and body.startswith(b"JP"):
            blocks.add_manifest(body)
        elif kind == _APP12 and body.startswith(b"Ducky"):
            blocks.add_text("ducky", "")
        elif kind == _COMMENT:
            blocks.add_text("comment", body[:MAX_TEXT].decode("utf-8", "replace"))
    if portions:
        blocks.add(blocks.xmp, b"".join(portion for _, portion in sorted(portions)))
    return blocks


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    for _ in range(MAX_SEGMENTS):
        marker = _MARKER.search(data, at)
        if marker is None or (kind := data[marker.end() - 1]) in (_SCAN, _END):
            return
        at = marker.end()
        if kind in _BARE:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        yield kind, data[at + 2 : at + length]
        at += length


def _png(data: bytes) -> Blocks:
    blocks = Blocks()
    for kind, body in _png_chunks(data):
        if kind == b"eXIf":
            blocks.add(blocks.exif, body.removeprefix(_EXIF))
        elif kind == b"caBX":
            blocks.add_manifest(body)
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            _png_text(blocks, kind, body[: 2 * MAX_BLOCK])
    return blocks


def _webp(data: bytes) -> Blocks:
    blocks = Blocks()
    for kind, body in _webp_chunks(data):
        if kind == b"EXIF":
            blocks.add(blocks.exif, body.removeprefix(_EXIF))
        elif kind == b"XMP ":
            blocks.add(blocks.xmp, body)
        elif kind == b"C2PA":
            blocks.add_manifest(body)
    return blocks


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    for _ in range(MAX_SEGMENTS):
        if at + 8 > len(data):
            return
        length = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length  # with the checksum


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    for _ in range(MAX_SEGMENTS):
        if at + 8 > len(data):
            return
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        yield data[at : at + 4], data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _png_text(blocks: Blocks, kind: bytes, body: bytes) -> None:
    keyword, _, rest = body.partition(b"\0")
    compressed = kind == b"zTXt"
    if kind == b"iTXt":
        compressed, rest = rest[:1] == b"\1", rest[2:]
        _, _, rest = rest.partition(b"\0")  # language
        _, _, rest = rest.partition(b"\0")  # translated keyword
    elif compressed:
        rest = rest[1:]
    if compressed:
        try:
            rest = blocks.unpack(rest)
        except zlib.error:
            blocks.malformed += 1
            return
    name = keyword.decode("latin-1")
    if name == "XML:com.adobe.xmp":
        blocks.add(blocks.xmp, rest)
    elif name.startswith("Raw profile type "):
        _raw_profile(blocks, name.removeprefix("Raw profile type ").lower(), rest)
    else:
        text = rest.decode("utf-8", "replace") if kind == b"iTXt" else rest.decode("latin-1")
        blocks.add_text(name, text)


def _raw_profile(blocks: Blocks, name: str, text: bytes) -> None:
    """Unpack a profile as ImageMagick writes it: a name, a length and hexadecimal digits."""
    parts = text.split(b"\n", 3)
    try:
        profile = bytes.fromhex(parts[3].decode("ascii")) if len(parts) == 4 else b""
    except ValueError:
        profile = b""
    if not profile:
        blocks.malformed += 1
    elif name == "xmp" or profile.startswith(_XMP):
        blocks.add(blocks.xmp, profile.removeprefix(_XMP))
    elif name in ("exif", "app1"):
        blocks.add(blocks.exif, profile.removeprefix(_EXIF))
    elif name in ("iptc", "8bim"):
        blocks.add(blocks.resources, profile.removeprefix(_PHOTOSHOP))
