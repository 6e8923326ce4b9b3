from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from detectors.pixels import Pixels
from docfraud.icao9303 import Format
from docfraud.mrz_reading import fit_length, read_zone
from docfraud.ocr import Line
from docfraud.text_lines import Quad

UPPER = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"
LOWER = "L898902C36UTO7408122F1204159ZE184226B<<<<<10"
PIXELS = np.zeros((400, 1000, 3), np.uint8)


class Scripted:
    """Reads what it was told to, upright; upside down only noise."""

    name = "scripted"
    digest = "0"

    def __init__(self, *texts: str, confidence: float = 0.9) -> None:
        self.lines = [Line(text, confidence) for text in texts]
        self.asked = 0

    def read(self, lines: Sequence[Pixels]) -> list[Line]:
        """Read."""
        self.asked += 1
        return self.lines[: len(lines)]


class UpsideDown(Scripted):
    """Reads noise the first time."""

    def read(self, lines: Sequence[Pixels]) -> list[Line]:
        """Read."""
        read = super().read(lines)
        return read if self.asked > 1 else [Line("<Z<0H" * 8, 0.3) for _ in lines]


def rows(count: int = 2) -> list[Quad]:
    """Rectangles of a zone's rows."""
    box = np.array([[20, 20], [980, 20], [980, 40], [20, 40]], np.float32)
    return [box + np.array([0, 45 * row], np.float32) for row in range(count)]


def test_a_zone_is_read_and_parsed() -> None:
    found = read_zone([Scripted(UPPER, LOWER)], PIXELS, rows())
    assert found.zone is not None
    assert found.zone.format is Format.TD3
    assert (found.checks_passed, found.corrections, found.refilled) == (5, (), 0)
    assert found.rows == (UPPER, LOWER)
    assert found.confidence == pytest.approx(0.9)
    assert found.rotation == 0


def test_a_page_upside_down() -> None:
    found = read_zone([UpsideDown(UPPER, LOWER)], PIXELS, rows())
    assert found.zone is not None
    assert found.zone.valid
    assert abs(found.rotation) == 180


def test_a_line_of_text_above_the_zone_is_left_out() -> None:
    found = read_zone([Scripted("BUNDESREPUBLIKDEUTSCHLAND", UPPER, LOWER)], PIXELS, rows(3))
    assert found.rows == (UPPER, LOWER)


def test_the_next_reader_where_a_check_digit_fails() -> None:
    poor, good = Scripted(UPPER, LOWER.replace("740812", "748812")), Scripted(UPPER, LOWER)
    found = read_zone([poor, good], PIXELS, rows())
    assert found.zone is not None
    assert found.zone.valid
    poor.asked = 0
    assert read_zone([good, poor], PIXELS, rows()).zone == found.zone
    assert poor.asked == 0


def test_what_is_corrected_is_counted() -> None:
    read = UPPER.replace("UTO", "UT0")[:-2], LOWER
    found = read_zone([Scripted(*read)], PIXELS, rows())
    assert found.rows == (UPPER, LOWER)
    assert (len(found.corrections), found.refilled) == (1, 2)
    assert tuple(line.text for line in found.lines) == read


def test_an_ambiguous_character_is_left_and_its_check_fails() -> None:
    found = read_zone([Scripted(UPPER, LOWER.replace("L898902", "L8989O2"))], PIXELS, rows())
    assert found.zone is not None
    assert found.corrections == ()
    assert not found.zone.checks["document_number"]
    assert found.zone.fields["document_number"] == "L8989O2C3"


def test_rows_without_a_layout() -> None:
    found = read_zone([Scripted(UPPER[:39], LOWER[:39])], PIXELS, rows())
    assert found.zone is None
    assert len(found.lines) == 2


@pytest.mark.parametrize(
    ("texts", "confidence"),
    [
        (("THE HOLDER OF THIS CARD IS", "ENTITLED TO NOTHING AT ALL"), 0.99),
        ((UPPER[:39], LOWER[:39]), 0.2),
        (("", ""), 0.0),
        (("A<B<C", "D<E"), 0.9),
    ],
)
def test_what_is_no_zone(texts: tuple[str, ...], confidence: float) -> None:
    found = read_zone([Scripted(*texts, confidence=confidence)], PIXELS, rows())
    assert not found.lines
    assert found.zone is None


@pytest.mark.parametrize(
    ("text", "length", "fitted"),
    [
        ("AB<<<CD", 7, "AB<<<CD"),
        ("AB<<<CD", 9, "AB<<<<<CD"),
        ("AB<<<CD", 5, "AB<CD"),
        ("AB<<<CD", 4, None),
        ("AB<<<CD", 14, None),
        ("AB<<CD", 7, None),
        ("AB<<<CD<<<E", 12, None),
        ("", 30, None),
    ],
)
def test_lengths(text: str, length: int, fitted: str | None) -> None:
    assert fit_length(text, length) == fitted
