"""Compose the lines of a machine-readable zone, with their check digits (ICAO Doc 9303-3 to -6).

On purpose it shares nothing with the code that reads such lines: the one tests the other.
"""

from __future__ import annotations

import unicodedata

from docfraud.contracts import Fields

CARRIED = (
    "surname",
    "given_names",
    "document_number",
    "birth_date",
    "expiry_date",
    "sex",
    "nationality",
    "issuer",
)
"""Fields that every zone carries; TD1 and TD3 also have room for the personal number."""

WEIGHTS = (7, 3, 1)


def td1(fields: Fields) -> tuple[str, str, str]:
    """Compose the three lines of 30 of an identity card (Doc 9303-5, section 4.2)."""
    number = _checked(_filled(fields["document_number"], 9))
    born, expires = _checked(_day(fields["birth_date"])), _checked(_day(fields["expiry_date"]))
    optional = _filled(fields["personal_number"], 15)
    final = check_digit(number + optional + born + expires + "<" * 11)
    return (
        "I<" + _filled(fields["issuer"], 3) + number + optional,
        born + _sex(fields) + expires + _filled(fields["nationality"], 3) + "<" * 11 + final,
        _names(fields, 30),
    )


def td2(fields: Fields) -> tuple[str, str]:
    """Compose the two lines of 36 of a larger identity card (Doc 9303-6, section 4.2)."""
    number = _checked(_filled(fields["document_number"], 9))
    born, expires = _checked(_day(fields["birth_date"])), _checked(_day(fields["expiry_date"]))
    optional = "<" * 7  # a personal number does not fit
    final = check_digit(number + born + expires + optional)
    nationality = _filled(fields["nationality"], 3)
    return (
        "I<" + _filled(fields["issuer"], 3) + _names(fields, 31),
        number + nationality + born + _sex(fields) + expires + optional + final,
    )


def td3(fields: Fields) -> tuple[str, str]:
    """Compose the two lines of 44 of a passport (Doc 9303-4, section 4.2)."""
    number = _checked(_filled(fields["document_number"], 9))
    born, expires = _checked(_day(fields["birth_date"])), _checked(_day(fields["expiry_date"]))
    personal = _checked(_filled(fields["personal_number"], 14))
    final = check_digit(number + born + expires + personal)
    nationality = _filled(fields["nationality"], 3)
    return (
        "P<" + _filled(fields["issuer"], 3) + _names(fields, 39),
        number + nationality + born + _sex(fields) + expires + personal + final,
    )


def check_digit(text: str) -> str:
    """Sum digits (0..9), letters (A = 10 .. Z = 35) and fillers (0), weighted 7, 3, 1, mod 10."""
    values = (0 if c == "<" else int(c, 36) for c in text)
    return str(sum(v * WEIGHTS[i % 3] for i, v in enumerate(values)) % 10)


def _checked(text: str) -> str:
    return text + check_digit(text)


def _filled(text: str, length: int) -> str:
    return text[:length].ljust(length, "<")


def _day(iso: str) -> str:
    return iso[2:4] + iso[5:7] + iso[8:10]


def _sex(fields: Fields) -> str:
    return {"M": "M", "F": "F"}.get(fields["sex"], "<")


def _names(fields: Fields, length: int) -> str:
    surname, given = (
        transliterate(fields[name]).replace(" ", "<").replace("-", "<")
        for name in ("surname", "given_names")
    )
    return _filled(f"{surname}<<{given}", length)


_TABLE = str.maketrans(
    {
        "Ä": "AE",
        "Å": "AA",
        "Æ": "AE",
        "Ð": "D",
        "Đ": "D",
        "Ħ": "H",
        "\N{LATIN SMALL LETTER DOTLESS I}": "I",
        "Ĳ": "IJ",
        "Ł": "L",
        "Ö": "OE",
        "Ø": "OE",
        "Œ": "OE",
        "ẞ": "SS",
        "ß": "SS",
        "Þ": "TH",
        "Ŧ": "T",
        "Ü": "UE",
        "'": "",
        "\N{RIGHT SINGLE QUOTATION MARK}": "",
    }
)


def transliterate(name: str) -> str:
    """Write an upper-case Latin name with A to Z, space and hyphen.

    Doc 9303-3 (8th edition), section 6.A; where it leaves a choice (Ä, Ñ, Ö, Ü, Å), the first one.
    Letters that the table does not name lose their mark (``Ç`` becomes ``C``); apostrophes go.
    """
    decomposed = unicodedata.normalize("NFD", name.translate(_TABLE))
    return "".join(c for c in decomposed if not unicodedata.combining(c))
