"""What a file says of how its picture came about: EXIF, XMP, IPTC, comments and C2PA.

Every reader is bounded in time and memory, and damaged blocks give what could be read of them.
Place names, people and coordinates are not read; of GPS only whether a position is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from media import tiff
from media.blocks import Blocks, find_blocks
from media.headers import ImageFormat
from media.iptc import read_resources
from media.xmp import NOTE_NAMES, PROGRAM_NAMES, read_xmp

MAX_PROGRAMS = 64
"""Texts that name programs and are kept."""

MAX_NOTES = 32 * 2**10
"""Characters kept of all notes."""

_EXIF_PROGRAMS = (tiff.SOFTWARE, tiff.PROCESSING_SOFTWARE, tiff.HOST, *tiff.EDITING_SOFTWARE)
_EXIF_NOTES = (tiff.DESCRIPTION, tiff.USER_COMMENT, *tiff.XP_TEXTS)
_PROGRAM_KEYWORDS = frozenset({"software", "creator", "source"})

_MANIFEST_KEYS = (b"claim_generator", b"softwareAgent", b"digitalSourceType")
_MANIFEST_REACH = 160
"""Bytes after such a key in which its value stands."""

_PRINTABLE = re.compile(rb"[\x20-\x7e]{4,}")

_DATE = re.compile(r"(\d{4})[:\-/](\d\d)[:\-/](\d\d)[ T](\d\d):(\d\d)(?::(\d\d))?")


@dataclass(slots=True)
class Metadata:
    """What a file says of itself; texts come from the upload and must not reach a record.

    Attributes:
        make, model: of the camera, empty where not said.
        firmware: the EXIF software tag alone.
        programs: texts of fields that name the programs a picture went through.
        notes: descriptions and comments.
        keywords: of PNG texts and JPEG comments, lower case.
        namespaces: of XMP properties.
        taken, digitised, modified: local time as written, or None.
        size: width and height that EXIF gives for the picture, or None.
        gps: a position is there.
        maker_note: the camera's own block is there.
        exposure_tags: how many of exposure time, f-number, sensitivity and focal length.
        events: entries of the XMP edit history.
        thumbnail: an encoded image, or None.
        c2pa: there is a C2PA manifest; its signature is not checked.
        empty: nothing of all this is in the file.
        malformed: blocks that were damaged or left out.
    """

    make: str = ""
    model: str = ""
    firmware: str = ""
    programs: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    keywords: set[str] = field(default_factory=set)
    namespaces: set[str] = field(default_factory=set)
    taken: datetime | None = None
    digitised: datetime | None = None
    modified: datetime | None = None
    size: tuple[int, int] | None = None
    gps: bool = False
    maker_note: bool = False
    exposure_tags: int = 0
    events: int = 0
    thumbnail: bytes | None = None
    c2pa: bool = False
    empty: bool = True
    malformed: int = 0


def read_metadata(data: bytes, container: ImageFormat) -> Metadata:
    """Read all metadata of a file.

    Args:
        data: the file as it came.
        container: its format.
    """
    blocks = find_blocks(data, container)
    found = Metadata(malformed=blocks.malformed)
    for block in blocks.exif:
        _add_exif(found, tiff.read_tags(block))
    for packet in blocks.xmp:
        _add_xmp(found, packet)
    for block in blocks.resources:
        records = read_resources(block)
        found.programs += records.programs
        found.notes += records.notes
        found.malformed += records.malformed
    _add_texts(found, blocks)
    found.c2pa = bool(blocks.manifest)
    found.programs += _manifest_texts(bytes(blocks.manifest))
    found.programs = list(dict.fromkeys(filter(None, found.programs)))[:MAX_PROGRAMS]
    found.notes = _within(found.notes, MAX_NOTES)
    found.empty = not (
        blocks.exif or blocks.xmp or blocks.resources or blocks.texts or blocks.manifest
    )
    return found


def parse_date(text: str) -> datetime | None:
    """Parse a date and time as EXIF or XMP writes it, without its time zone.

    None for a text that is none, such as the zeros of a camera whose clock was never set.
    """
    match = _DATE.match(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
    try:
        return datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None


def _add_exif(found: Metadata, tags: tiff.ExifTags) -> None:
    texts = tags.texts
    found.make = found.make or texts.get(tiff.MAKE, "")
    found.model = found.model or texts.get(tiff.MODEL, "")
    found.firmware = found.firmware or texts.get(tiff.SOFTWARE, "")
    found.programs += [texts[tag][:512] for tag in _EXIF_PROGRAMS if tag in texts]
    found.notes += [texts[tag] for tag in _EXIF_NOTES if tag in texts]
    found.taken = found.taken or parse_date(texts.get(tiff.TAKEN, ""))
    found.digitised = found.digitised or parse_date(texts.get(tiff.DIGITISED, ""))
    found.modified = found.modified or parse_date(texts.get(tiff.MODIFIED, ""))
    width, height = tags.numbers.get(tiff.WIDTH, 0), tags.numbers.get(tiff.HEIGHT, 0)
    if width and height:
        found.size = found.size or (width, height)
    found.gps |= tags.gps
    found.maker_note |= tiff.MAKER_NOTE in tags.present
    exposure = sum(tag in tags.present for tag in tiff.EXPOSURE)
    found.exposure_tags = max(found.exposure_tags, exposure)
    found.thumbnail = found.thumbnail or tags.thumbnail
    found.malformed += tags.malformed


def _add_xmp(found: Metadata, packet: bytes) -> None:
    read = read_xmp(packet)
    found.programs += [value for name, value in read.values if name in PROGRAM_NAMES]
    found.notes += [value for name, value in read.values if name in NOTE_NAMES]
    found.namespaces |= read.namespaces
    found.events += read.events
    found.malformed += read.malformed
    first = dict(reversed(read.values))
    found.make = found.make or first.get("Make", "")
    found.model = found.model or first.get("Model", "")
    found.taken = (
        found.taken
        or parse_date(first.get("DateTimeOriginal", ""))
        or parse_date(first.get("DateCreated", ""))
    )
    found.digitised = found.digitised or parse_date(first.get("CreateDate", ""))
    found.modified = found.modified or parse_date(first.get("ModifyDate", ""))


def _add_texts(found: Metadata, blocks: Blocks) -> None:
    for keyword, text in blocks.texts:
        found.keywords.add(keyword.lower())
        if keyword.lower() in _PROGRAM_KEYWORDS:
            found.programs.append(text[:512])
        elif not keyword.startswith("exif:"):  # ImageMagick's copies of tags, positions among them
            found.notes.append(text)


def _manifest_texts(manifest: bytes) -> list[str]:
    """Find what a C2PA manifest store says of programs.

    Its CBOR is not decoded: what stands shortly after the telling keys is enough to recognise a
    known program, and nothing else is asked of it.
    """
    texts: list[str] = []
    for key in _MANIFEST_KEYS:
        at = manifest.find(key)
        while at >= 0 and len(texts) < MAX_PROGRAMS:
            value = manifest[at + len(key) : at + len(key) + _MANIFEST_REACH]
            texts.append(" ".join(run.decode("ascii") for run in _PRINTABLE.findall(value)))
            at = manifest.find(key, at + len(key))
    return texts


def _within(texts: Iterable[str], limit: int) -> list[str]:
    kept = []
    for text in filter(None, texts):
        kept.append(text[:limit])
        limit -= len(kept[-1])
        if not limit:
            break
    return kept
