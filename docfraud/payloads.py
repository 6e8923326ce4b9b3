"""Read the fields of a document from a payload of keys and values.

Barcodes of many cards hold no standard of their own but JSON, the query of a URL, or lines such as
``SURNAME=DOE``. A payload is untrusted text, so reading it is bounded: at most
:data:`MAX_PAYLOAD` characters, :data:`MAX_PAIRS` pairs and :data:`MAX_DEPTH` levels, and what
exceeds them is not read at all.

A value that holds anything no document field holds is left out, not repaired: the rest of a
hostile string would only be compared with the wrong thing. So what comes out is at most
:data:`MAX_VALUE` characters, upper case, begins with a letter or a digit and holds none of
``= + @ | < > " ; &``, no control or format character and no line break: it is safe in a
spreadsheet, a log line and a page, though it belongs in none of them.

The lines of an MRZ are no keys and values and are left to the MRZ reader.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import parse_qsl

MAX_PAYLOAD = 8192
"""Characters of a payload. The largest QR code holds 7089 digits, the largest PDF417 2710."""

MAX_PAIRS = 128
"""Pairs of a payload; AAMVA has below a hundred elements."""

MAX_DEPTH = 4
"""Levels of a JSON payload."""

MAX_VALUE = 96
"""Characters of a value. AAMVA's longest name element has 40; given and middle names are joined."""

MIN_FIELDS = 2
"""Fields from which a payload of free keys is about a person: ``number=3`` alone may be a table."""

_ALIASES: Mapping[str, tuple[str, ...]] = {
    "surname": (
        "surname", "lastname", "familyname", "last", "nachname", "familienname", "nom", "apellido",
        "apellidos", "cognome", "sobrenome", "nazwisko", "primaryidentifier",
    ),
    "given_names": (
        "givennames", "givenname", "firstname", "firstnames", "forename", "forenames", "given",
        "first", "vorname", "vornamen", "prenom", "prenoms", "nombre", "nombres", "nome", "imie",
        "imiona", "secondaryidentifier",
    ),
    "document_number": (
        "documentnumber", "documentno", "docnumber", "docno", "docnum", "idnumber", "idno",
        "passportnumber", "passportno", "cardnumber", "cardno", "licensenumber", "licencenumber",
        "dlnumber", "number",
    ),
    "birth_date": (
        "birthdate", "dateofbirth", "dob", "birthday", "birth", "geburtsdatum", "datenaissance",
        "datedenaissance", "fechanacimiento", "fechadenacimiento", "datadinascita",
    ),
    "expiry_date": (
        "expirydate", "dateofexpiry", "expirationdate", "expiry", "expires", "exp", "doe",
        "validuntil", "validto", "ablaufdatum", "gueltigbis",
    ),
    "issue_date": ("issuedate", "dateofissue", "issued", "issuedon", "doi", "validfrom"),
    "sex": ("sex", "gender", "geschlecht", "sexe", "sexo", "sesso"),
    "nationality": ("nationality", "nat", "citizenship", "nationalite", "nacionalidad"),
    "issuer": ("issuer", "issuingstate", "issuingcountry", "countrycode", "country"),
    "personal_number": (
        "personalnumber", "personalno", "nationalid", "nationalnumber", "nationalidnumber", "nin",
        "pesel", "cpf", "curp",
    ),
}  # fmt: skip

_FIELDS = {alias: name for name, aliases in _ALIASES.items() for alias in aliases}

_SEXES = {"M": "M", "MALE": "M", "F": "F", "FEMALE": "F", "X": "X"}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

_YEAR_FIRST = re.compile(r"([0-9]{4})([-/.]?)([0-9]{2})\2([0-9]{2})(?:T[0-9:.Z+-]*)?")
_DAY_FIRST = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4})")
_MONTH_NAMED = re.compile(r"([0-9]{1,2})[ -]?([A-Z]{3})[ -]?([0-9]{4})")
_NUMBER = re.compile(r"[0-9A-Z][0-9A-Z ./*-]*")
_CODE = re.compile(r"[A-Z]{3}|D")
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{0,20}://")
_PAIR = re.compile(r"\s*([^\W\d_][\w .-]{0,39}?)\s*[=:]\s*(\S.*)")


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one payload says.

    Attributes:
        fields: by the names of :data:`docfraud.contracts.FIELDS`; personal data.
        truncated: names of fields that the payload says are cut short.
        measures: what is peculiar to the payload's format, such as ``aamva_version``.
        reasons: stable snake_case words.
    """

    fields: Mapping[str, str]
    truncated: frozenset[str] = frozenset()
    measures: Mapping[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()


def parse_payload(text: str) -> Parsed | None:
    """Read JSON, a URL's query, or lines of keys and values.

    Args:
        text: a decoded payload, untrusted.

    Returns:
        None where the text is too long, is none of these, or says fewer than
        :data:`MIN_FIELDS` fields.
    """
    if len(text) > MAX_PAYLOAD:
        return None
    found = collect((_FIELDS.get(_plain(key), ""), value) for key, value in _pairs(text.strip()))
    return found if len(found.fields) >= MIN_FIELDS else None


def collect(pairs: Iterable[tuple[str, str]]) -> Parsed:
    """Keep the values that a field can have.

    Args:
        pairs: names of fields, or "" for a key that is none, and what is said of them.

    Returns:
        A field said twice, with two different values, is in neither and gives the reason
        ``barcode_field_repeated``; a value that no document field has, ``barcode_value_refused``.
    """
    fields: dict[str, str] = {}
    repeated: set[str] = set()
    refused = False
    for name, raw in pairs:
        if not name or not raw.strip():
            continue
        value = clean(name, raw)
        if value is None:
            refused = True
        elif fields.setdefault(name, value) != value:
            repeated.add(name)
    reasons = (("barcode_field_repeated",) if repeated else ()) + (
        ("barcode_value_refused",) if refused else ()
    )
    kept = {name: value for name, value in fields.items() if name not in repeated}
    return Parsed(kept, reasons=reasons)


def clean(name: str, raw: str) -> str | None:
    """Write ``raw`` as the field ``name`` is written, or None where it cannot be such a field."""
    text = re.sub(" +", " ", unicodedata.normalize("NFC", raw.strip()).upper())
    if not text or len(text) > MAX_VALUE:
        return None
    if name.endswith("_date"):
        return read_date(text)
    if name == "sex":
        return _SEXES.get(text)
    if name in ("nationality", "issuer"):
        return text if _CODE.fullmatch(text) else None
    if name in ("surname", "given_names"):
        return text if _is_name(text) else None
    return text if _NUMBER.fullmatch(text) else None


def read_date(text: str) -> str | None:
    """Read a date as ISO 8601, or None where it is none or ambiguous.

    Year first (``1974-08-12``, ``19740812``), a named month (``12 AUG 1974``), or the day first
    with dots or hyphens (``12.08.1974``). With slashes the day may come first or second, so that
    ``03/04/1974`` is not read.
    """
    if found := _YEAR_FIRST.fullmatch(text):
        return _iso(found[1], found[3], found[4])
    if (found := _MONTH_NAMED.fullmatch(text)) and found[2] in _MONTHS:
        return _iso(found[3], str(_MONTHS.index(found[2]) + 1), found[1])
    if found := _DAY_FIRST.fullmatch(text):
        day_first = _iso(found[4], found[3], found[1])
        if found[2] != "/":
            return day_first
        month_first = _iso(found[4], found[1], found[3])
        if day_first is None or month_first is None or day_first == month_first:
            return day_first or month_first
    return None


def _iso(year: str, month: str, day: str) -> str | None:
    try:
        found = date(int(year), int(month), int(day))
    except ValueError:
        return None
    return found.isoformat() if 1900 <= found.year < 2200 else None


def _is_name(text: str) -> bool:
    return text[0].isalpha() and all(
        char in " '\u2019`.,-" or unicodedata.category(char)[0] in "LM" for char in text
    )


def _plain(key: str) -> str:
    """Fold case and accents and drop what joins words: ``Date of Birth`` is ``dateofbirth``."""
    folded = unicodedata.normalize("NFKD", key.casefold())
    return "".join(char for char in folded if char.isalnum() and char.isascii())


def _pairs(text: str) -> Iterable[tuple[str, str]]:
    if text.startswith(("{", "[")):
        return _json_pairs(text)
    query = text
    if _URL.match(text):
        query = text.partition("?")[2].partition("#")[0]
    if "&" in query and not re.search(r"\s", query):
        try:
            return parse_qsl(query, max_num_fields=MAX_PAIRS)
        except ValueError:  # more fields than that
            return ()
    return _line_pairs(text)


def _line_pairs(text: str) -> Iterable[tuple[str, str]]:
    lines = text.splitlines()
    if len(lines) == 1:
        lines = re.split(r"[;|]", text)
    if len(lines) > MAX_PAIRS:
        return ()
    return [(found[1], found[2]) for line in lines if (found := _PAIR.fullmatch(line))]


def _json_pairs(text: str) -> Iterable[tuple[str, str]]:
    # Counted before parsing: the parser recurses, one level of the stack for each bracket.
    depth = deepest = 0
    for char in text:
        depth += (char in "{[") - (char in "}]")
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        return ()
    try:
        # Numbers stay text: a thousand digits are not made an integer. Pairs stay pairs: a
        # repeated key is seen.
        value = json.loads(
            text, parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=_Object
        )
    except ValueError:
        return ()
    pairs = list(_walk(value))
    return pairs if len(pairs) <= MAX_PAIRS else ()


class _Object(list[tuple[str, object]]):
    """The pairs of a JSON object, to be told from an array."""


def _walk(value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, _Object):
        for key, item in value:
            if isinstance(item, str):
                yield key, item
            else:
                yield from _walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item)
