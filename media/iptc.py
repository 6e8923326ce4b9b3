"""Read Photoshop image resources: IPTC records, and who wrote the file.

Source: Adobe Photoshop File Formats Specification, "Image Resource Blocks"; IPTC-NAA
Information Interchange Model 4.2, record 2.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

MAX_RECORDS = 500
"""Resources of a block, and data sets of a resource, that are visited."""

MAX_TEXT = 512
"""Bytes kept of a text."""

_SIGNATURES = frozenset({b"8BIM", b"AgHg", b"DCSR", b"PHUT", b"MeSa"})
_IPTC, _VERSION = 0x0404, 0x0421
_INSTRUCTIONS, _PROGRAM, _CREDIT, _CAPTION = 40, 65, 110, 120


@dataclass(slots=True)
class IptcRecords:
    """What one block of image resources says.

    Attributes:
        programs: names of programs.
        notes: special instructions, credit lines and captions.
        malformed: a resource or a data set lies outside its block.
    """

    programs: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    malformed: bool = False


def read_resources(block: bytes) -> IptcRecords:
    """Read image resources; a damaged block gives what stands before the damage."""
    found = IptcRecords()
    for kind, body in _resources(block, found):
        if kind == _IPTC:
            _read_iptc(body, found)
        elif kind == _VERSION:
            _read_version(body, found)
    return found


def _resources(block: bytes, found: IptcRecords) -> Iterator[tuple[int, bytes]]:
    at = 0
    for _ in range(MAX_RECORDS):
        if block[at : at + 4] not in _SIGNATURES:
            break
        name = block[at + 6] if at + 6 < len(block) else 0
        start = at + 6 + (name + 2) // 2 * 2  # its length and the name fill whole words
        if start + 4 > len(block):
            found.malformed = True
            return
        kind = struct.unpack_from(">H", block, at + 4)[0]
        size = struct.unpack_from(">I", block, start)[0]
        body = block[start + 4 : start + 4 + size]
        found.malformed |= len(body) < size
        yield kind, body
        at = start + 4 + size + size % 2
    found.malformed |= bool(block[at:].strip(b"\0"))


def _read_iptc(body: bytes, found: IptcRecords) -> None:
    at = 0
    for _ in range(MAX_RECORDS):
        if at + 5 > len(body) or body[at] != 0x1C:
            break
        record, number, size = struct.unpack_from(">BBH", body, at + 1)
        if size & 0x8000 or at + 5 + size > len(body):  # extended sizes hold pictures, not texts
            found.malformed = True
            return
        text = body[at + 5 : at + 5 + min(size, MAX_TEXT)].decode("utf-8", "replace")
        if record == 2 and number == _PROGRAM:
            found.programs.append(text)
        elif record == 2 and number in (_INSTRUCTIONS, _CREDIT, _CAPTION):
            found.notes.append(text)
        at += 5 + size
    found.malformed |= bool(body[at:].strip(b"\0"))


def _read_version(body: bytes, found: IptcRecords) -> None:
    """Read the names of the program that wrote the file and of the oldest that can read it."""
    at = 5
    for _ in range(2):
        if at + 4 > len(body):
            found.malformed = True
            return
        length = 2 * struct.unpack_from(">I", body, at)[0]
        text = body[at + 4 : at + 4 + min(length, MAX_TEXT)]
        found.programs.append(text.decode("utf-16-be", "replace").rstrip("\0"))
        at += 4 + length
