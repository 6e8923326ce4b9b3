"""The machine-readable zone of travel documents, after ICAO Doc 9303 (eighth edition).

Layouts: part 5 (TD1), part 6 (TD2), part 4 (TD3) and part 7 (visas, MRV-A and MRV-B); check digits
and their composites: part 3, section 4.9 and the part of each layout. National layouts of the same
size, such as the French identity card before 2021, are read as the layout they resemble, and their
check digits then fail.

Nothing here makes a check digit hold: it is evidence. Exchanging look-alikes until it does would
turn a quarter of all forged numbers into valid ones.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from docfraud.contracts import Fields

ALPHABET = "<0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Every character of a machine-readable zone, the filler first."""

FILLER = "<"

_WEIGHTS = (7, 3, 1)

EXPIRY_AHEAD = 50
"""Years ahead of today up to which a two-digit year of expiry is read as to come."""


class Format(StrEnum):
    """A layout of ICAO 9303."""

    TD1 = "TD1"
    TD2 = "TD2"
    TD3 = "TD3"
    MRV_A = "MRV-A"
    MRV_B = "MRV-B"


@dataclass(frozen=True, slots=True)
class Span:
    """Characters ``start`` to ``end`` - 1 of a row, all from 0."""

    row: int
    start: int
    end: int

    def of(self, rows: Sequence[str]) -> str:
        """Cut it out."""
        return rows[self.row][self.start : self.end]


@dataclass(frozen=True, slots=True)
class Check:
    """A check digit: where it stands and what it is computed over."""

    digit: Span
    over: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """One layout: the shape of its rows, its fields and its check digits."""

    rows: int
    length: int
    fields: Mapping[str, Span]
    checks: Mapping[str, Check]


def _checked(field: Span) -> Check:
    """Return the check digit that stands behind a field."""
    return Check(Span(field.row, field.end, field.end + 1), (field,))


def _two_rows(length: int, *, visa: bool = False) -> Layout:
    fields = {
        "type": Span(0, 0, 2),
        "issuer": Span(0, 2, 5),
        "names": Span(0, 5, length),
        "document_number": Span(1, 0, 9),
        "nationality": Span(1, 10, 13),
        "birth_date": Span(1, 13, 19),
        "sex": Span(1, 20, 21),
        "expiry_date": Span(1, 21, 27),
    }
    if length == 44 and not visa:
        fields["personal_number"] = Span(1, 28, 42)
    with_digit = ("document_number", "birth_date", "expiry_date", "personal_number")
    checks = {name: _checked(fields[name]) for name in with_digit if name in fields}
    if not visa:
        over = (Span(1, 0, 10), Span(1, 13, 20), Span(1, 21, length - 1))
        checks["composite"] = Check(Span(1, length - 1, length), over)
    return Layout(2, length, fields, checks)


def _three_rows() -> Layout:
    fields = {
        "type": Span(0, 0, 2),
        "issuer": Span(0, 2, 5),
        "document_number": Span(0, 5, 14),
        "birth_date": Span(1, 0, 6),
        "sex": Span(1, 7, 8),
        "expiry_date": Span(1, 8, 14),
        "nationality": Span(1, 15, 18),
        "names": Span(2, 0, 30),
    }
    checks = {
        name: _checked(fields[name]) for name in ("document_number", "birth_date", "expiry_date")
    }
    over = (Span(0, 5, 30), Span(1, 0, 7), Span(1, 8, 15), Span(1, 18, 29))
    return Layout(3, 30, fields, {**checks, "composite": Check(Span(1, 29, 30), over)})


LAYOUTS: Mapping[Format, Layout] = {
    Format.TD1: _three_rows(),
    Format.TD2: _two_rows(36),
    Format.TD3: _two_rows(44),
    Format.MRV_A: _two_rows(44, visa=True),
    Format.MRV_B: _two_rows(36, visa=True),
}


@dataclass(frozen=True, slots=True)
class Zone:
    """A parsed machine-readable zone. Personal data, except for the format and what holds.

    Attributes:
        format: the layout.
        rows: its rows.
        fields: what they say, by the names and in the formats of
            :data:`docfraud.contracts.FIELDS`; what is empty or no valid date is left out.
        checks: for each check digit whether it holds.
        names_truncated: the names fill their field to its end, so that some may be cut off.
    """

    format: Format
    rows: tuple[str, ...]
    fields: Fields
    checks: Mapping[str, bool]
    names_truncated: bool

    @property
    def valid(self) -> bool:
        """Whether every check digit holds."""
        return all(self.checks.values())


def check_digit(data: str) -> str:
    """Compute the check digit of ``data``: weights 7, 3, 1, A = 10 to Z = 35, modulo 10.

    >>> check_digit("D23145890")
    '7'

    Raises:
        ValueError: a character is none of :data:`ALPHABET`.
    """
    total = sum(_value(char) * _WEIGHTS[i % 3] for i, char in enumerate(data))
    return str(total % 10)


def _value(char: str) -> int:
    if char not in ALPHABET:
        raise ValueError("a machine-readable zone has digits, capital letters and < only")
    return max(ALPHABET.index(char) - 1, 0)


def format_of(rows: Sequence[str]) -> Format | None:
    """Say which layout rows of the right number and length have, or None."""
    lengths = {len(row) for row in rows}
    if len(lengths) != 1 or not set("".join(rows)) <= set(ALPHABET):
        return None
    visa = rows[0].startswith("V")
    for name, layout in LAYOUTS.items():
        if (layout.rows, {layout.length}) != (len(rows), lengths):
            continue
        if layout.rows == 3 or visa == (name in (Format.MRV_A, Format.MRV_B)):
            return name
    return None


def parse(rows: Sequence[str], today: dt.date | None = None) -> Zone | None:
    """Parse the rows of a machine-readable zone, or return None where they have no layout of it.

    Args:
        rows: two or three rows of the same length.
        today: for the century of dates.
    """
    found = format_of(rows)
    if found is None:
        return None
    layout = LAYOUTS[found]
    return Zone(
        format=found,
        rows=tuple(rows),
        fields=_fields(layout, rows, today or dt.date.today()),
        checks={name: _holds(name, layout, rows) for name in layout.checks},
        names_truncated=not layout.fields["names"].of(rows).endswith(FILLER),
    )


def _holds(name: str, layout: Layout, rows: Sequence[str]) -> bool:
    check = layout.checks[name]
    data = "".join(span.of(rows) for span in check.over)
    digit = check.digit.of(rows)
    if name == "document_number" and digit == FILLER:
        data, digit = _long_number(layout, rows)
    if name == "personal_number" and digit == FILLER:
        return not data.strip(FILLER)  # part 4: nothing there, then 0 or the filler
    return digit == check_digit(data)


def _long_number(layout: Layout, rows: Sequence[str]) -> tuple[str, str]:
    """Return a document number and its check digit where the filler stands for the latter.

    On TD1 and TD2 a number of more than nine characters goes on in the optional data, behind that
    filler, and its check digit follows it (part 5, note j; part 6, note j).
    """
    number = layout.fields["document_number"].of(rows)
    rest = {30: rows[0][15:], 36: rows[-1][28:35]}.get(layout.length, "")
    more = rest.split(FILLER, 1)[0]
    return number + more[:-1], more[-1:]


def _fields(layout: Layout, rows: Sequence[str], today: dt.date) -> dict[str, str]:
    raw = {name: span.of(rows) for name, span in layout.fields.items()}
    if layout.checks["document_number"].digit.of(rows) == FILLER:
        raw["document_number"] = _long_number(layout, rows)[0]
    surname, _, given = raw["names"].rstrip(FILLER).partition(FILLER * 2)
    values = {
        "surname": _spaced(surname),
        "given_names": _spaced(given),
        "document_number": raw["document_number"].rstrip(FILLER),
        "birth_date": birth_date(raw["birth_date"], today),
        "expiry_date": expiry_date(raw["expiry_date"], today),
        "sex": {"M": "M", "F": "F", FILLER: "X"}.get(raw["sex"], ""),
        "nationality": raw["nationality"].rstrip(FILLER),
        "issuer": raw["issuer"].rstrip(FILLER),
        "personal_number": raw.get("personal_number", "").rstrip(FILLER),
    }
    return {name: value for name, value in values.items() if value}


def _spaced(name: str) -> str:
    return re.sub(f"{FILLER}+", " ", name).strip()


def birth_date(yymmdd: str, today: dt.date) -> str:
    """Write a date of birth as ISO 8601, in the latest century in which it is not to come.

    Returns:
        such as ``1974-08-12``; empty where a part is unknown (``<<``) or it is no date.
    """
    date = _date(yymmdd, 2000)
    if date is None or date > today:
        date = _date(yymmdd, 1900)
    return date.isoformat() if date else ""


def expiry_date(yymmdd: str, today: dt.date) -> str:
    """Write a date of expiry as ISO 8601, at most :data:`EXPIRY_AHEAD` years ahead of ``today``."""
    ahead = yymmdd[:2].isdigit() and 2000 + int(yymmdd[:2]) - today.year > EXPIRY_AHEAD
    date = _date(yymmdd, 1900 if ahead else 2000)
    return date.isoformat() if date else ""


def _date(yymmdd: str, century: int) -> dt.date | None:
    if not re.fullmatch("[0-9]{6}", yymmdd):
        return None
    year, month, day = (int(yymmdd[i : i + 2]) for i in (0, 2, 4))
    try:
        return dt.date(century + year, month, day)
    except ValueError:
        return None
