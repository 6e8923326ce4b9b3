"""Find and read the machine-readable zone of a document, and the text around it.

A text detector at reduced size finds the lines at any tilt. Lines are cut out of the
full-size photograph, turned upright and read: those that may be a zone after ICAO 9303, all others
as visible text, in which printed labels name the fields.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import cv2
import numpy as np

from detectors.contracts import Status
from detectors.pixels import Pixels
from docfraud.contracts import Fields, Page, Reader, Reading
from docfraud.mrz_reading import READABLE, MrzResult, rating, read_zone
from docfraud.ocr import LINE_HEIGHT, Line, LineReader, RapidOcr, zone_readers
from docfraud.text_lines import Box, Quad, along, common_angle, cut, inside
from docfraud.visible_text import TextLine, labelled

SIDE = 640
"""Longer side at which lines are sought; the characters of a TD3 zone are then 10 pixels high."""

SIDE_AGAIN = 1280
"""And again where no zone was parsed: a document that fills a third of the photograph."""

LEVEL = math.radians(3)
"""Tilt up to which lines are found as they are."""

MAX_TEXT = 400.0
"""Visible text that is read, the highest lines first: the sum of their lengths in heights.
Documents have 80 to 330; it bounds the time for a page of text."""

MIN_TEXT_CONFIDENCE = 0.5
"""Confidence below which a line of visible text is dropped."""

SAMPLE = 5
"""Lines that are read both ways where it may be upside down."""


class Mrz(Reader):
    """Read the machine-readable zone and the visible text.

    Sides: ``mrz`` where a zone has a layout of ICAO 9303, ``text`` where a label was found with
    its value. Abstains with ``no_mrz`` where there is neither; a document without a zone whose
    text was read is ``ok`` with the same reason. Other reasons: ``mrz_layout_unknown``, and
    ``mrz_check_failed:NAME`` for each check digit that does not hold (``document_number``,
    ``birth_date``, ``expiry_date``, ``personal_number``, ``composite``).

    Measures:
        lines: rows of the zone, 0 where none was found.
        checks: check digits that its layout has.
        checks_passed: those that hold.
        corrections: characters that were changed because only a look-alike can stand there.
        refilled: fillers that were added to or taken from runs of them.
        names_truncated: 1 where the names fill their field, so that some may be cut off.
        confidence: geometric mean of the probabilities of the zone's characters, 0..1.
        rotation: degrees by which the page is turned clockwise, -180..180.
        text_lines: lines of text outside the zone.
    """

    name: ClassVar[str] = "mrz"

    def __init__(self) -> None:
        self._ocr: RapidOcr | None = None
        self._readers: tuple[LineReader, ...] = ()

    def load(self) -> None:
        """Open the recognisers.

        Raises:
            models.store.ModelUnavailable: RapidOCR's wheels or onnxruntime are not installed.
        """
        self._ocr = RapidOcr()
        self._readers = zone_readers(self._ocr)

    def measure(self, page: Page) -> Reading:
        """Read a page."""
        ocr, readers = self._engines()
        found, quads = self._find(page.pixels)
        turn, text = _read_text(ocr, page.pixels, quads, found)
        zone = found.zone
        sides: Mapping[str, Fields] = {
            side: fields
            for side, fields in (("mrz", zone.fields if zone else {}), ("text", labelled(text)))
            if fields
        }
        measures = {
            "lines": float(len(found.lines)),
            "checks": float(len(zone.checks) if zone else 0),
            "checks_passed": float(found.checks_passed),
            "corrections": float(len(found.corrections)),
            "refilled": float(found.refilled),
            "names_truncated": float(zone.names_truncated if zone else False),
            "confidence": found.confidence,
            "rotation": math.degrees(math.remainder(turn, math.tau)),
            "text_lines": float(len(text)),
        }
        status = Status.OK if found.lines or sides else Status.ABSTAINED
        return Reading(measures, status, _reasons(found), readers[0].digest, sides=sides)

    def read(self, page: Page) -> MrzResult:
        """Find and read the zone alone."""
        return self._find(page.pixels)[0]

    def read_lines(self, crops: Sequence[Pixels]) -> list[Line]:
        """Read single rows of a zone, with Tesseract where it is installed; nothing is corrected.

        Args:
            crops: uint8 RGB (H, W, 3) or grey (H, W), upright and cut close to the text.
        """
        return self._engines()[1][-1].read([_with_margin(crop) for crop in crops])

    def _find(self, pixels: Pixels) -> tuple[MrzResult, list[Quad]]:
        """Find all lines, and the zone among them."""
        ocr, readers = self._engines()
        quads = _lines(ocr, pixels, SIDE)
        found = read_zone(readers, pixels, quads)
        if found.zone is None and max(pixels.shape[:2]) > SIDE:
            quads = _lines(ocr, pixels, SIDE_AGAIN)
            found = max(read_zone(readers, pixels, quads), found, key=rating)
        return found, quads

    def _engines(self) -> tuple[RapidOcr, tuple[LineReader, ...]]:
        if self._ocr is None:
            raise RuntimeError("load() comes first")
        return self._ocr, self._readers


def _lines(ocr: RapidOcr, pixels: Pixels, side: int) -> list[Quad]:
    """Find lines of text, on a tilted page again after it was turned level.

    The detector learned level text: it sees that other text is tilted, but breaks it up.
    """
    quads = ocr.find(pixels, side)
    turn = common_angle(quads)
    if abs(turn) <= LEVEL:
        return quads
    height, width = pixels.shape[:2]
    c, s = math.cos(turn), math.sin(turn)
    size = math.ceil(width * c + height * abs(s)), math.ceil(width * abs(s) + height * c)
    level = np.array([[c, s, 0], [-s, c, 0]])
    level[:, 2] = (np.array(size) - 1 - level[:, :2] @ (width - 1, height - 1)) / 2
    raised = cv2.warpAffine(pixels, level, size, borderMode=cv2.BORDER_REPLICATE)
    back = cv2.invertAffineTransform(level)
    return [
        np.asarray(quad @ back[:, :2].T + back[:, 2], np.float32)
        for quad in ocr.find(np.asarray(raised, np.uint8), side)
    ]


def _reasons(found: MrzResult) -> tuple[str, ...]:
    if not found.lines:
        return ("no_mrz",)
    if found.zone is None:
        return ("mrz_layout_unknown",)
    failed = [name for name, holds in found.zone.checks.items() if not holds]
    return tuple(f"mrz_check_failed:{name}" for name in failed)


def _with_margin(crop: Pixels) -> Pixels:
    """Put a tenth of the height about a crop, in its border's colour: recognisers want some."""
    by = max(crop.shape[0] // 10, 2)
    grown = cv2.copyMakeBorder(crop, by, by, 2 * by, 2 * by, cv2.BORDER_REPLICATE)
    return np.asarray(grown, np.uint8)


def _read_text(
    ocr: RapidOcr, pixels: Pixels, quads: Sequence[Quad], found: MrzResult
) -> tuple[float, list[TextLine]]:
    """Read the lines outside the zone.

    Returns:
        the angle of the text, radians clockwise, and the lines from top to bottom; their boxes are
        in the page turned upright.
    """
    outside = sorted(
        (quad for quad in quads if not inside(quad, found.box)),
        key=lambda quad: -Box.of(quad).height,
    )
    lengths = np.cumsum([box.length / box.height for box in map(Box.of, outside)])
    outside = outside[: int(np.searchsorted(lengths, MAX_TEXT))]

    def read(some: Sequence[Quad], turn: float) -> list[Line]:
        return ocr.read_text([cut(pixels, along(quad, turn), LINE_HEIGHT) for quad in some])

    turn = math.radians(found.rotation) if found.lines else common_angle(outside)
    lines = read(outside, turn)
    if not found.lines and lines and _confidence(lines) < READABLE:
        sample = sorted(range(len(lines)), key=lambda i: -Box.of(outside[i]).length)[:SAMPLE]
        other = read([outside[i] for i in sample], turn + math.pi)
        if _confidence(other) > _confidence([lines[i] for i in sample]):
            turn += math.pi
            lines = read(outside, turn)

    upright = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    result = []
    for quad, line in zip(outside, lines, strict=True):
        if line.text and line.confidence >= MIN_TEXT_CONFIDENCE:
            points = quad @ upright
            (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
            box = (float(x0), float(y0), float(x1), float(y1))
            result.append(TextLine(line.text, line.confidence, box))
    return turn, sorted(result, key=lambda line: (line.box[1], line.box[0]))


def _confidence(lines: Sequence[Line]) -> float:
    return float(np.mean([line.confidence for line in lines]))
