"""Do the barcode, the MRZ and the visible text of a document say the same?

A forger who edits what people read often forgets what machines read. Every field that two sides
have is compared after normalisation: ICAO 9303's transliterations of a letter are one, dates and
codes are exact, punctuation does not count, and a name may end where its line of the MRZ does.
What the sides say is personal data and stays here: a :class:`Comparison` only has who agrees.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

from docfraud.contracts import FIELDS, Fields

NAMES = ("surname", "given_names")
NUMBERS = ("document_number", "personal_number")
CODES = ("nationality", "issuer")

MRZ_NAME_CHARACTERS = 30
"""A line of TD1 has room for so many characters of a name, filler between its parts included; the
other formats have more. Only a name that fills them can have been cut."""

EXPANDED = {"Ä": "AE", "Å": "AA", "Æ": "AE", "Ö": "OE", "Ø": "OE", "Ü": "UE", "Ñ": "NXX"}
"""Letters that ICAO 9303-3 (section 6.A) writes as more than their base letter, or may. A driving
licence's barcode often keeps the base letter: both are compared."""

PLAIN = {"Æ": "AE", "Œ": "OE", "Ø": "O", "ß": "SS", "ẞ": "SS", "Þ": "TH", "Ł": "L"} | dict.fromkeys(
    "ĐÐ", "D"
)
"""Letters that do not decompose into a base letter and a mark."""

APOSTROPHES = "'`.\u00b4\u2018\u2019"

CONFUSED = str.maketrans("OQDILZSGB", "000112568")
"""Characters that OCR of printed text takes for each other; an edit between them is no gain."""

MISREAD = (("AA", "A"), ("AE", "A"), ("OE", "O"), ("UE", "U"), ("TH", "P"), ("SS", "B"))
"""Letters as ICAO 9303 expands them, and what OCR reads instead of Å, Ä, Ø, Ü, Þ and ß. Of a name
in the visible text both are taken for one: an edit from STRAUSS to STRAUB is not seen there."""


class Outcome(StrEnum):
    """What the comparison of a field came to."""

    MATCH = "match"
    MISMATCH = "mismatch"
    NOT_COMPARABLE = "not_comparable"  # at most one side has it


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field, and who says the same about it: no values.

    Attributes:
        field: one of :data:`docfraud.contracts.FIELDS`.
        outcome: whether all sides that have the field agree.
        agreeing: groups of sides (``barcode``, ``mrz``, ``text``) that agree with each other; one
            group for a match.
    """

    field: str
    outcome: Outcome
    agreeing: tuple[tuple[str, ...], ...]


def compare(sides: Mapping[str, Fields]) -> tuple[Comparison, ...]:
    """Compare every field that some side has.

    Args:
        sides: what each side says, by its name.
    """
    return tuple(
        _compared(name, sides)
        for name in FIELDS
        if any(fields.get(name) for fields in sides.values())
    )


def _compared(name: str, sides: Mapping[str, Fields]) -> Comparison:
    groups: list[list[str]] = []
    for side, fields in sides.items():
        if not fields.get(name):
            continue
        for group in groups:
            if all(_same(name, sides, side, other) for other in group):
                group.append(side)
                break
        else:
            groups.append([side])
    agreeing = tuple(map(tuple, groups))
    if len(agreeing) > 1:
        return Comparison(name, Outcome.MISMATCH, agreeing)
    alone = len(agreeing[0]) == 1
    return Comparison(name, Outcome.NOT_COMPARABLE if alone else Outcome.MATCH, agreeing)


def _same(name: str, sides: Mapping[str, Fields], one: str, other: str) -> bool:
    first, second = sides[one][name], sides[other][name]
    printed = "text" in (one, other)
    if name in NAMES:
        cut = any(_fills_its_line(sides[side]) for side in (one, other) if side == "mrz")
        pairs = list(product(spellings(first), spellings(second)))
        if printed:
            pairs += [(_as_read(a), _as_read(b)) for a, b in pairs]
        return any(_same_name(a, b, may_be_cut=cut) for a, b in pairs)
    if name in NUMBERS:
        fold = CONFUSED if printed else {}
        return _solid(first).translate(fold) == _solid(second).translate(fold)
    if name in CODES:
        return _code(first) == _code(second)
    return first == second


def spellings(name: str) -> set[str]:
    """Return a name in A to Z and single spaces: by its base letters, and as ICAO expands them."""
    composed = unicodedata.normalize("NFC", name).upper()
    expanded = "".join(EXPANDED.get(letter, letter) for letter in composed)
    umlauts = "".join(
        letter if letter == "Ñ" else EXPANDED.get(letter, letter) for letter in composed
    )
    return {_plain(spelling) for spelling in (composed, expanded, umlauts)}


def _plain(name: str) -> str:
    replaced = "".join(PLAIN.get(letter, letter) for letter in name)
    letters = unicodedata.normalize("NFKD", replaced)
    # The MRZ leaves an apostrophe out, and writes a hyphen as it writes a space.
    bare = "".join(c for c in letters if c not in APOSTROPHES and not unicodedata.combining(c))
    return " ".join(re.findall(r"[A-Z0-9]+", bare))


def _same_name(one: str, other: str, *, may_be_cut: bool) -> bool:
    """Whether two names are one, or one lacks further names of the other at its end."""
    shorter, longer = sorted((one, other), key=len)
    solid, longer_solid = shorter.replace(" ", ""), longer.replace(" ", "")
    if solid == longer_solid or (may_be_cut and longer_solid.startswith(solid)):
        return True  # a space is easily lost, and an apostrophe may become one
    return bool(shorter) and longer.startswith(shorter + " ")


def _as_read(name: str) -> str:
    """Write a name as OCR may have read it: one letter for all that it confuses."""
    for expanded, read in MISREAD:
        name = name.replace(expanded, read)
    return name.translate(CONFUSED)


def _fills_its_line(fields: Fields) -> bool:
    surname, given = fields.get("surname", ""), fields.get("given_names", "")
    return len(surname) + len("<<") + len(given) >= MRZ_NAME_CHARACTERS - 1


def _solid(number: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", number.upper())


def _code(code: str) -> str:
    # Germany's code in an MRZ is the one that ISO 3166-1 does not have.
    return "DEU" if code.upper() == "D" else code.upper()
