"""From the rectangles of text lines to a parsed machine-readable zone.

Every stack of long parallel lines is read, upright and if need be upside down; the one that reads
best after ICAO 9303 is the zone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from detectors.pixels import Pixels
from docfraud.icao9303 import FILLER, Zone, format_of, parse
from docfraud.mrz_correction import Correction, correct
from docfraud.ocr import LINE_HEIGHT, Line, LineReader
from docfraud.text_lines import Quad, angle, cut, turned, widened, zones

MAX_ZONES = 2
"""Stacks of lines that are read, the longest first; it bounds the time for a page of text."""

MAX_ROWS = 4
"""Rows of a stack that are read, the lowest: a zone stands at the lower edge of a document, with
hardly more than one line below it."""

MIN_CHECKS = 2
"""Check digits from which a text is a zone: each holds by chance in every tenth."""

MIN_FILLERS = 8
"""Fillers without which it is none where fewer check digits hold: other text has hardly any."""

MIN_CHARACTERS = 50
"""Characters in all rows below which it is none then; the smallest layout, TD2, has 72."""

MIN_CONFIDENCE = 0.35
"""Confidence below which it is none then."""

WIDER = 0.15
"""Part of a zone's length that a detector may have missed at an end, where fillers stand alone."""

READABLE = 0.85
"""Confidence from which text is the right way up."""

MAX_MISCOUNT = 6
"""Fillers of a long run that a recogniser may have missed or seen twice."""


@dataclass(frozen=True, slots=True, eq=False)
class MrzResult:
    """What was read of a zone. Personal data, except for the numbers.

    Attributes:
        lines: its rows as the recogniser read them; empty where no zone was found.
        zone: the same, corrected and parsed; None where they have no layout of ICAO 9303.
        corrections: characters that were changed for ``zone``.
        refilled: fillers that were added to or taken from runs of them for ``zone``.
        confidence: of the lines, geometric mean, 0..1.
        rotation: degrees by which the page is turned clockwise, -180..180.
        box: float32 (4, 2), the zone's corners in pixels, the upper left of its text first; empty
            where none was found.
    """

    lines: tuple[Line, ...] = ()
    zone: Zone | None = None
    corrections: tuple[Correction, ...] = ()
    refilled: int = 0
    confidence: float = 0.0
    rotation: float = 0.0
    box: Quad = field(default_factory=lambda: np.zeros((0, 2), np.float32))

    @property
    def checks_passed(self) -> int:
        """Check digits that hold."""
        return sum(self.zone.checks.values()) if self.zone else 0

    @property
    def rows(self) -> tuple[str, ...]:
        """The zone's rows, as they were read where they have no layout."""
        return self.zone.rows if self.zone else tuple(line.text for line in self.lines)


def read_zone(readers: Sequence[LineReader], pixels: Pixels, quads: Sequence[Quad]) -> MrzResult:
    """Find the zone among lines and read it.

    Args:
        readers: the first one finds the zone; where a check digit fails, the next reads it again.
        pixels: uint8 RGB (H, W, 3), the page.
        quads: all lines that were found on it.
    """
    best, rows = _search(readers[0], pixels, quads)
    for reader in readers[1:]:
        if not best.lines or (best.zone is not None and best.zone.valid):
            break
        best = max(best, _read_rows(reader, pixels, rows), key=rating)
    return best


def _search(
    reader: LineReader, pixels: Pixels, quads: Sequence[Quad]
) -> tuple[MrzResult, Sequence[Quad]]:
    """Read stacks of lines until one is a zone; returns the best reading and its rows."""
    best: tuple[MrzResult, Sequence[Quad]] = (MrzResult(), ())
    for rows in islice(zones(quads), MAX_ZONES):
        for way in (rows[-MAX_ROWS:], turned(rows)[-MAX_ROWS:]):
            ways = [(_read_rows(reader, pixels, way), way)]
            found = ways[0][0]
            if found.zone is None and rating(found):
                way = widened(way, WIDER)
                ways.append((_read_rows(reader, pixels, way), way))
            best = max(best, *ways, key=lambda pair: rating(pair[0]))
            if best[0].checks_passed >= MIN_CHECKS:
                return best
            if not rating(found) and found.confidence > READABLE:
                break  # other text, the right way up
    return best


def rating(found: MrzResult) -> float:
    """Rate a reading: 0 for what is no zone, then its confidence and the check digits that hold."""
    text = "".join(line.text for line in found.lines)
    long = text.count(FILLER) >= MIN_FILLERS and len(text) >= MIN_CHARACTERS
    if found.checks_passed < MIN_CHECKS and not (long and found.confidence >= MIN_CONFIDENCE):
        return 0.0
    return found.confidence + found.checks_passed


def _read_rows(reader: LineReader, pixels: Pixels, rows: Sequence[Quad]) -> MrzResult:
    """Read a stack of rows and take those two or three of them that agree best with a layout."""
    lines = reader.read([cut(pixels, row, LINE_HEIGHT) for row in rows])
    parts = [
        slice(start, start + count) for count in (2, 3) for start in range(len(lines) - count + 1)
    ]
    options = [_parsed(lines[part], rows[part]) for part in parts]
    return max(options, key=lambda found: (found.checks_passed, -_misfit(found.lines)))


def _lengths(rows: int) -> tuple[int, ...]:
    """Characters of a row in a layout of so many rows."""
    return (30,) if rows == 3 else (36, 44)


def _misfit(lines: Sequence[Line]) -> float:
    """Mean number of characters that rows are off the nearest layout's length."""
    return min(
        sum(abs(len(line.text) - length) for line in lines) / len(lines)
        for length in _lengths(len(lines))
    )


def _parsed(lines: Sequence[Line], quads: Sequence[Quad]) -> MrzResult:
    first, last = quads[0], quads[-1]
    likely = [max(line.confidence, 1e-3) for line in lines]
    read = MrzResult(
        lines=tuple(lines),
        confidence=math.exp(sum(map(math.log, likely)) / len(likely)),
        rotation=math.degrees(angle(first)),
        box=np.array([first[0], first[1], last[2], last[3]], np.float32),
    )
    options = [option for length in _lengths(len(lines)) if (option := _fitted(read, length))]
    return max(options, key=lambda found: found.checks_passed, default=read)


def _fitted(read: MrzResult, length: int) -> MrzResult | None:
    """Parse rows of a layout's length, or return None where they cannot be brought to it."""
    texts = [line.text for line in read.lines]
    rows = [fit_length(text, length) for text in texts]
    fitted = [row for row in rows if row is not None]
    found = format_of(fitted) if len(fitted) == len(rows) else None
    if found is None:
        return None
    corrected, corrections = correct(found, fitted)
    return MrzResult(
        lines=read.lines,
        zone=parse(corrected),
        corrections=corrections,
        refilled=sum(abs(length - len(text)) for text in texts),
        confidence=read.confidence,
        rotation=read.rotation,
        box=read.box,
    )


def fit_length(text: str, length: int) -> str | None:
    """Bring a row to the length of its layout, or return None where that would be a guess.

    Recognisers miscount long runs of one character. So the one longest run of fillers, three at
    least, is made longer or shorter, by six at most.
    """
    missing = length - len(text)
    if missing == 0:
        return text
    runs = sorted(re.finditer(f"{FILLER}{{3,}}", text), key=lambda run: -len(run[0]))
    if not runs or abs(missing) > MAX_MISCOUNT or len(runs[0][0]) + missing < 1:
        return None
    if len(runs) > 1 and len(runs[1][0]) == len(runs[0][0]):
        return None
    start, end = runs[0].span()
    return text[:start] + FILLER * (end - start + missing) + text[end:]
