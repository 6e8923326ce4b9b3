"""What do the barcodes of a document say of its holder?

Informational, as in FaceVault's "Barcode Cross-Reference": nothing is scored here. What the code
says is compared elsewhere with the machine-readable zone and the visible text, which a forger edits
more easily.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from detectors.contracts import Status
from detectors.pixels import grey
from docfraud.aamva import parse_aamva
from docfraud.contracts import Page, Reader, Reading
from docfraud.payloads import MAX_PAYLOAD, Parsed, collect, parse_payload
from docfraud.symbols import FORMATS, Symbol, search


class Barcode(Reader):
    """Decode the matrix codes of a page and read the fields of AAMVA and keyed payloads.

    Abstains with ``no_barcode`` where none was decoded. A payload is untrusted: the fields are what
    :func:`docfraud.payloads.clean` lets through, and no other text of it goes anywhere.

    A driving licence's own payload comes before others, which could be stickers: fields are taken
    from the others only where there is none. Of two that count and say different things of a field,
    neither is believed.

    Reasons, beside those of the parsers:
        barcode_too_long: a payload has more than 8192 characters and was not read.
        barcode_without_fields: none of the payloads says anything about a person.
        barcodes_disagree: two payloads say different things of one field.

    Measures:
        symbols: codes decoded, 0 to 16; and by symbology: pdf417, qr, aztec, datamatrix.
        payload_bytes: of the longest payload.
        fields: that were read.
        surname_truncated, given_names_truncated: 1 where the payload says, or its length suggests,
            that the name goes on, else 0.
        aamva_version, aamva_header_consistent: of the last licence; only where there is one.
        attempts: pictures that were shown to the decoder.
        regions: parts of the page that look like a code and were not read as they are.
        exhausted: 1 where the budget ended the search, else 0.
    """

    name: ClassVar[str] = "barcode"

    def measure(self, page: Page) -> Reading:
        """Read the barcodes of a page."""
        found = search(grey(page.pixels))
        said = _combined(symbol.text for symbol in found.symbols)
        measures = {
            "symbols": float(len(found.symbols)),
            **{name: _count(found.symbols, name) for name in FORMATS.values()},
            "payload_bytes": float(max((len(s.payload) for s in found.symbols), default=0)),
            "fields": float(len(said.fields)),
            "surname_truncated": float("surname" in said.truncated),
            "given_names_truncated": float("given_names" in said.truncated),
            **said.measures,
            "attempts": float(found.attempts),
            "regions": float(found.regions),
            "exhausted": float(found.exhausted),
        }
        if not found.symbols:
            return Reading(measures, Status.ABSTAINED, ("no_barcode",))
        sides = {"barcode": said.fields} if said.fields else {}
        return Reading(measures, reasons=said.reasons, sides=sides)


def _count(symbols: Iterable[Symbol], symbology: str) -> float:
    return float(sum(symbol.format == symbology for symbol in symbols))


def _combined(texts: Iterable[str]) -> Parsed:
    """Read the payloads of one document as one."""
    licences: list[Parsed] = []
    others: list[Parsed] = []
    reasons: list[str] = []
    for text in texts:
        if len(text) > MAX_PAYLOAD:
            reasons.append("barcode_too_long")
        elif licence := parse_aamva(text):
            licences.append(licence)
        elif other := parse_payload(text):
            others.append(other)
    counted = licences or others
    said = collect(pair for parsed in counted for pair in parsed.fields.items())
    for parsed in (*licences, *others):
        reasons += parsed.reasons
    if _disagree([*licences, *others]):
        reasons.append("barcodes_disagree")
    if not said.fields:
        reasons.append("barcode_without_fields")
    truncated = frozenset().union(*(parsed.truncated for parsed in counted))
    measures = {name: value for parsed in counted for name, value in parsed.measures.items()}
    return Parsed(said.fields, truncated, measures, tuple(dict.fromkeys(reasons)))


def _disagree(payloads: Sequence[Parsed]) -> bool:
    first: dict[str, str] = {}
    return any(
        first.setdefault(name, value) != value
        for parsed in payloads
        for name, value in parsed.fields.items()
    )
