"""Correct what a recogniser confused in a machine-readable zone, only where nothing else can be.

Two corrections, both counted:

- A field that ICAO 9303 makes of letters alone (type, issuer, nationality, names) or of digits
  alone (dates, check digits) gets the look-alikes of its class. It changes as a whole or not at
  all: ``132`` cannot be a misread code, so its ``1`` is no ``I``.
- Behind three fillers in the names there is nothing but fillers (part 3, section 4.6: two stand
  between surname and given names, one between names).

In document numbers and optional data letters and digits both stand; nothing is changed there, and
no check digit is consulted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from docfraud.icao9303 import FILLER, LAYOUTS, Format, Span

LETTERS: Mapping[str, str] = dict(zip("015826", "OISBZG", strict=True))
"""The letter that a digit is taken for where only a letter can stand."""

DIGITS: Mapping[str, str] = dict(zip("ODQISBZG", "00015826", strict=True))
"""The digit that a letter is taken for where only a digit can stand."""


class Correction(NamedTuple):
    """A character that was changed: where, from 0, and what it was before and after."""

    row: int
    column: int
    read: str
    corrected: str


def correct(found: Format, rows: Sequence[str]) -> tuple[tuple[str, ...], tuple[Correction, ...]]:
    """Correct the rows of a zone.

    Args:
        found: their layout.
        rows: as they were read.

    Returns:
        the rows, and what was changed in them.
    """
    layout = LAYOUTS[found]
    text = [list(row) for row in rows]

    def put(span: Span, changed: str) -> None:
        text[span.row][span.start : span.end] = changed

    for name in ("issuer", "nationality"):
        span = layout.fields[name]
        put(span, _of_class(span.of(rows), LETTERS))
    names = layout.fields["names"]
    put(names, _of_class(_without_spots(names.of(rows)), LETTERS))
    kind = Span(0, 0, 1)  # the second character is a digit on some cards, such as C1
    put(kind, _of_class(kind.of(rows), LETTERS))
    digits = [layout.fields["birth_date"], layout.fields["expiry_date"]]
    for span in (*digits, *(check.digit for check in layout.checks.values())):
        put(span, _of_class(span.of(rows), DIGITS))

    corrected = tuple("".join(row) for row in text)
    changes = tuple(
        Correction(row, column, before, after)
        for row, (old, new) in enumerate(zip(rows, corrected, strict=True))
        for column, (before, after) in enumerate(zip(old, new, strict=True))
        if before != after
    )
    return corrected, changes


def _of_class(text: str, table: Mapping[str, str]) -> str:
    """Exchange look-alikes, unless a character of the other class would be left."""
    changed = "".join(table.get(char, char) for char in text)
    digits = table is DIGITS
    whole = all(char == FILLER or char.isdigit() == digits for char in changed)
    return changed if whole else text


def _without_spots(names: str) -> str:
    end = re.search(f"(?<=[A-Z0-9]){FILLER}{{3}}", names)
    return names[: end.start()].ljust(len(names), FILLER) if end else names
