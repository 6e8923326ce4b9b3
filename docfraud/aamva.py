"""Read the barcode of a North American driving licence or identity card.

Source: AAMVA DL/ID Card Design Standard, annex D ("Mandatory PDF417 Bar Code"), versions 1
(DL/ID-2000) to 10 (2020) and later, which keep the elements read here. A payload is a header

    @ LF RS CR "ANSI " issuer(6) version(2) [jurisdiction version(2)] entries(2)

(version 1 has no jurisdiction version, and some cards of that time write FS for RS and ``AAMVA``
for ``ANSI ``), then ``entries`` designators of a subfile, each its type (2), offset (4) and length
(4), then the subfiles: the type, elements of a three-letter name and a value that end with LF, and
a CR at the end.

Offsets and lengths are compared but not followed. Many genuine cards state them wrong by a byte or
two, and a hostile one may state anything; the separators are what the values stand between.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from docfraud.payloads import MAX_PAIRS, MAX_PAYLOAD, Parsed, collect

_HEADER = re.compile(r"@[\n\r\x1c-\x1f ]{0,6}(?:ANSI |AAMVA)([0-9]{6})([0-9]{2})")
_DESIGNATOR = re.compile(r"([A-Z]{2})([0-9]{4})([0-9]{4})")
_ELEMENT = re.compile(r"([A-Z]{3})(.*)", re.DOTALL)

_PERSON = ("DL", "ID", "EN")
"""Subfiles about the holder: licence, identity card, enhanced licence."""

_ABSENT = frozenset({"NONE", "UNAVL", "UNAVAIL", "N/A"})
"""What the standard has written for no value (``NONE``) and for one not known (``unavl``)."""

_DIRECT = {
    "DCS": "surname",
    "DAQ": "document_number",
    "DBB": "birth_date",
    "DBA": "expiry_date",
    "DBD": "issue_date",
    "DCG": "issuer",
}

_SEXES = {"1": "M", "2": "F", "9": "X", "M": "M", "F": "F", "X": "X"}

_TRUNCATED = {"DDE": "surname", "DDF": "given_names", "DDG": "given_names"}

_FULL_NAME = 40
"""Characters of a name element from version 2 on. A name that fills it may go on, whatever the
flag says."""


def parse_aamva(text: str) -> Parsed | None:
    """Read the fields of a card.

    Dates are MMDDCCYY in the United States and CCYYMMDD in Canada and in version 1; as no month is
    19 or more and no century 12 or less, the digits tell which. The name's suffix (``JR``) is no
    field and is left out. An element said twice with two values is left out too.

    Args:
        text: a decoded payload, untrusted.

    Returns:
        None where the text is no such payload. Measures: ``aamva_version``, 0 to 99;
        ``aamva_header_consistent``, 1.0 where every designator's offset and length lead to its
        subfile, else 0.0. Reasons, beside those of :func:`docfraud.payloads.collect`:
        ``aamva_no_holder`` where no subfile is about a person.
    """
    header = _HEADER.match(text) if len(text) <= MAX_PAYLOAD else None
    if header is None:
        return None
    version = int(header[2])
    start, designators = _designators(text, header.end() + (2 if version >= 2 else 0))
    elements = _elements(text[start:])
    found = collect(_said(elements, version))
    measures = {
        "aamva_version": float(version),
        "aamva_header_consistent": float(_consistent(text, designators)),
    }
    reasons = found.reasons if elements else (*found.reasons, "aamva_no_holder")
    truncated = _truncated(elements) & found.fields.keys()
    return Parsed(found.fields, frozenset(truncated), measures, reasons)


def _designators(text: str, position: int) -> tuple[int, list[tuple[str, int, int]]]:
    """Read the designators, and where they end; as many as are there, whatever the count says."""
    entries = text[position : position + 2]
    position += 2
    found: list[tuple[str, int, int]] = []
    stated = int(entries) if entries.isascii() and entries.isdigit() else 0
    while len(found) < stated and (entry := _DESIGNATOR.match(text, position)):
        found.append((entry[1], int(entry[2]), int(entry[3])))
        position = entry.end()
    return position, found


def _consistent(text: str, designators: list[tuple[str, int, int]]) -> bool:
    return bool(designators) and all(
        text[offset : offset + 2] == kind and text[offset + length - 1 : offset + length] == "\r"
        for kind, offset, length in designators
    )


def _elements(body: str) -> Mapping[str, tuple[str, ...]]:
    """Gather the elements of the holder's subfiles: every value of each, in order."""
    found: dict[str, tuple[str, ...]] = {}
    for part in re.split(r"[\r\x1c]", body):
        subfile = part.lstrip("\n\x1e ")
        # A subfile of the jurisdiction (ZV...) may use any name for anything.
        if not subfile.startswith(_PERSON):
            continue
        for line in subfile[2:].split("\n")[:MAX_PAIRS]:
            if element := _ELEMENT.fullmatch(line.strip(" \x1e")):
                value = element[2].strip()
                if value and value.upper() not in _ABSENT:
                    found[element[1]] = (*found.get(element[1], ()), value)
    return found


def _said(elements: Mapping[str, tuple[str, ...]], version: int) -> Iterator[tuple[str, str]]:
    for key, name in _DIRECT.items():
        for value in elements.get(key, ()):
            yield name, _year_first(value) if name.endswith("_date") else value
    for value in elements.get("DBC", ()):
        if sex := _SEXES.get(value.upper()):
            yield "sex", sex
    if version < 2:
        yield from _first_version(elements)
        return
    # DAC and DAD from version 4 on; DCT, with all of them, in versions 2 and 3.
    yield from _given(elements, "DAC" if "DAC" in elements else "DCT")


def _first_version(elements: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    if "DAQ" not in elements:
        yield from (("document_number", value) for value in elements.get("DBJ", ()))
    surnames, firsts = elements.get("DAB", ()), elements.get("DAC", ())
    for name in elements.get("DAA", ()):
        parts = [part.strip() for part in re.split(r"[,@$]", name)]
        if not surnames:
            yield "surname", parts[0]
        if not firsts:
            yield "given_names", _joined(*parts[1:3])
    yield from (("surname", value) for value in surnames)
    yield from _given(elements, "DAC")


def _given(elements: Mapping[str, tuple[str, ...]], first_key: str) -> Iterator[tuple[str, str]]:
    for first in elements.get(first_key, ()):
        for middle in elements.get("DAD", ("",)):
            yield "given_names", _joined(first, middle)


def _joined(*names: str) -> str:
    return " ".join(names).replace(",", " ").strip()


def _year_first(digits: str) -> str:
    return digits[4:] + digits[:4] if len(digits) == 8 and digits[:2] <= "12" else digits


def _truncated(elements: Mapping[str, tuple[str, ...]]) -> set[str]:
    flagged = {name for key, name in _TRUNCATED.items() if "T" in elements.get(key, ())}
    for key, name in (("DCS", "surname"), ("DAC", "given_names"), ("DAD", "given_names")):
        if any(len(value) >= _FULL_NAME for value in elements.get(key, ())):
            flagged.add(name)
    return flagged
