"""Fields of the visible text, found by their printed labels.

A value stands behind its label on the same line, right of it or below it. The labels are in
``labels.toml``. What is compared with other sides must not be invented: a value that does not have
the form of its field is left out.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from docfraud.printed_dates import iso_date, plain

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels."""


@dataclass(frozen=True, slots=True)
class TextLine:
    """One recognised line.

    Attributes:
        text: as it was read.
        confidence: 0..1.
        box: about it, in pixels of the page turned so that text runs to the right.
    """

    text: str
    confidence: float
    box: Box


MIN_CONFIDENCE = 0.85
"""Confidence below which a line is neither label nor value."""

OTHER = "other"
"""In ``labels.toml``: labels of what is not compared."""


def _squeezed(text: str) -> str:
    """Plain letters and digits alone: recognisers drop the spaces of small print."""
    return plain(text).replace(" ", "")


_LABELS = sorted(
    (
        (_squeezed(label), field)
        for field, labels in tomllib.loads(
            Path(__file__).with_name("labels.toml").read_text(encoding="utf-8")
        ).items()
        for label in labels
    ),
    key=lambda pair: -len(pair[0]),
)

_FIELD_OF = dict(_LABELS)


def labelled(lines: Sequence[TextLine], today: dt.date | None = None) -> dict[str, str]:
    """Read the fields that carry a label.

    Args:
        lines: of the page outside the machine-readable zone, in any order.
        today: for the century of two-digit years.

    Returns:
        fields in the formats of :data:`docfraud.contracts.FIELDS`; those whose label or value was
        not recognised are left out.
    """
    today = today or dt.date.today()
    sure = [line for line in lines if line.confidence >= MIN_CONFIDENCE]
    labels = [(part, *_label(part.text)) for line in sure for part in _columns(line)]
    values = [value for line, field, _ in labels if field is None for value in _parted(line)]
    found: dict[str, str] = {}
    for line, field, rest in labels:
        if field in (None, OTHER) or field in found:
            continue
        for text in (rest, *(other.text for other in _beside(line, values))):
            if value := _value(field, text, today):
                found[field] = value
                break
    surname, comma, given = found.get("surname", "").partition(", ")
    if comma:  # one line for both, as on many cards
        found["surname"] = surname
        found.setdefault("given_names", given)
    return found


def _columns(line: TextLine) -> list[TextLine]:
    """Part a line of labels that stand side by side: ``Sex Nationality``.

    Names are not parted: the value below could be both.
    """
    first = _first_label(line.text)
    second = _first_label(first[1]) if first else None
    if first is None or second is None or {first[0], second[0]} & {"surname", "given_names"}:
        return [line]
    if first[0] == second[0]:
        return [line]
    at = len(line.text) - len(first[1])
    x0, y0, x1, y1 = line.box
    middle = x0 + (x1 - x0) * at / len(line.text)
    left = TextLine(line.text[:at], line.confidence, (x0, y0, middle, y1))
    right = TextLine(line.text[at:], line.confidence, (middle, y0, x1, y1))
    return [left, *_columns(right)]


_DATE = re.compile(
    r"[0-9]{1,2} ?[^\W\d_]{3,9}(?:/[^\W\d_]{3,9})? ?[0-9]{4}|[0-9]{2}([./-])[0-9]{2}\1[0-9]{4}"
)


def _parted(line: TextLine) -> list[TextLine]:
    """Part a line of values that stand side by side, ``8JZF04WZ9 16 JUL 2021``, at its dates.

    Small print is often read without the space between them.
    """
    edges = {edge for date in _DATE.finditer(line.text) for edge in date.span()}
    cuts = sorted({0, len(line.text), *edges})
    x0, y0, x1, y1 = line.box
    step = (x1 - x0) / max(len(line.text), 1)
    return [
        TextLine(line.text[a:b].strip(), line.confidence, (x0 + a * step, y0, x0 + b * step, y1))
        for a, b in pairwise(cuts)
        if line.text[a:b].strip()
    ]


def _label(text: str) -> tuple[str | None, str]:
    """Return the field that a line labels, None where it begins with no label, and what follows.

    Item numbers ("1.") may come first, and further languages may follow ("Surname/Nom").
    """
    rest = re.sub(r"^\W*[0-9]{1,2}[a-d]?[.)]?\s*(?=[^\W\d])", "", text)
    field: str | None = None
    while (first := _first_label(rest)) is not None:
        field, rest = field or first[0], first[1]
    if field is None:  # the English or French label may come behind one in a language of its own
        known = [
            _FIELD_OF[part] for part in map(_squeezed, text.split("/")[1:]) if part in _FIELD_OF
        ]
        field, rest = (known[0], "") if known else (None, rest)
    elif re.match(r"\s*/", rest):
        rest = ""  # a label in a language of its own
    return field, rest.strip(" .:;/-\t")


def _first_label(text: str) -> tuple[str, str] | None:
    """Return the field of the label at the start of ``text`` and what follows, or None."""
    head = _squeezed(text)
    for label, field in _LABELS:
        if not head.startswith(label):
            continue
        for end in range(len(label), len(text) + 1):
            whole = end == len(text) or not text[end].isalnum()
            if whole and _squeezed(text[:end]) == label:
                return field, text[end:].lstrip(" .:()°º")
    return None


def _beside(label: TextLine, values: Iterable[TextLine]) -> list[TextLine]:
    """Lines that may be the label's value, right of it or below it; nearest first."""
    x0, y0, x1, y1 = label.box
    high = y1 - y0
    near = []
    for other in values:
        ox0, oy0, ox1, oy1 = other.box
        middle, apart, drop = (oy0 + oy1) / 2, ox0 - x1, oy0 - y1
        if abs(middle - (y0 + y1) / 2) < 0.5 * high and 0 <= apart < 8 * high:
            near.append((apart / 4, other))
        if -0.6 * high < drop < 2.0 * high and middle > y1 and min(x1, ox1) > max(x0, ox0):
            near.append((max(drop, 0.0) + 0.3 * abs(ox0 - x0), other))
    return [other for _, other in sorted(near, key=lambda pair: pair[0])]


def _value(field: str, text: str, today: dt.date) -> str:
    """Bring a value to the field's format, or return nothing where it cannot be one."""
    if field in ("surname", "given_names"):
        return _person(text)
    if field.endswith("_date"):
        return iso_date(text, today, past=field != "expiry_date")
    if field == "sex":
        return _sex(text)
    if field in ("nationality", "issuer"):
        match = re.fullmatch("(?:[MFX] )?([A-Z]{3}|D)", text.strip())  # the sex may stand before it
        return match[1] if match else ""
    number = re.sub("[^A-Z0-9]", "", text.upper())
    return number if 5 <= len(number) <= 20 and re.search("[0-9]", number) else ""


def _sex(text: str) -> str:
    """Read ``F``, ``M`` or ``X``; female is K, N, V or W in Polish, Hungarian, Dutch, German."""
    match = re.match(r"\W*([MFXKNVW])\b(?:\s*/\s*([MFX])\b)?", text.upper())
    if match is None:
        return ""
    letter = match[2] or match[1]
    return letter if letter in "MX" else "F"


def _person(text: str) -> str:
    """Read a name in Latin letters; a misread label is none."""
    name = re.sub(r"\s+", " ", text.replace("\u2019", "'")).strip(" .,:;/").upper()
    letters = [char for char in name if char not in " '.,-"]
    latin = all(unicodedata.name(char, "").startswith("LATIN CAPITAL") for char in letters)
    misread = difflib.get_close_matches(_squeezed(name), _FIELD_OF, 1, 0.8)
    return name if len(letters) >= 2 and latin and not misread else ""
