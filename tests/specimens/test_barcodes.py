from __future__ import annotations

import json
from datetime import datetime

import numpy as np
import pytest
import zxingcpp
from numpy.typing import NDArray

from docfraud.contracts import Fields
from media.images import decode_image
from specimens import KINDS, Specimen, draw, photograph
from specimens.barcodes import aamva
from specimens.holders import holder
from specimens.mrz_lines import transliterate


@pytest.mark.parametrize("kind", KINDS)
def test_reads_back_as_drawn(kind: str) -> None:
    document = draw(1, kind)
    assert _read(document.pixels) == _expected(document)


@pytest.mark.parametrize("kind", KINDS)
def test_reads_back_from_a_photograph_of_the_default_size(kind: str) -> None:
    document = draw(1, kind)
    assert _read(decode_image(photograph(document.pixels, 1)).pixels) == _expected(document)


def test_the_header_of_aamva_points_to_the_subfile() -> None:
    text = aamva(holder(2))
    assert text.startswith("@\n\x1e\rANSI 636999")
    offset, length = int(text[23:27]), int(text[27:31])
    assert text[21:23] == text[offset : offset + 2] == "DL"
    assert offset + length == len(text)
    assert text.endswith("\r")


def _read(pixels: NDArray[np.uint8]) -> Fields:
    (found,) = zxingcpp.read_barcodes(pixels, text_mode=zxingcpp.TextMode.Plain)
    text = found.text
    if text.startswith("@"):
        return _of_aamva(text)
    if text.startswith("{"):
        return dict(json.loads(text))
    if ";" in text:
        return dict(pair.split("=") for pair in text.split(";"))
    lines = (line.split(": ") for line in text.splitlines())
    return {name.lower().replace(" ", "_"): value for name, value in lines}


def _of_aamva(text: str) -> Fields:
    said = {line[:3]: line[3:].strip() for line in text[text.index("DLDAQ") + 2 :].split("\n")}
    middle = "" if said["DAD"] == "NONE" else " " + said["DAD"]
    days = {"birth_date": "DBB", "expiry_date": "DBA", "issue_date": "DBD"}
    return {
        "surname": said["DCS"],
        "given_names": said["DAC"] + middle,
        "document_number": said["DAQ"],
        "sex": {"1": "M", "2": "F"}[said["DBC"]],
        "issuer": said["DCG"],
        **{
            name: datetime.strptime(said[code], "%m%d%Y").date().isoformat()
            for name, code in days.items()
        },
    }


def _expected(document: Specimen) -> Fields:
    fields = dict(document.sides["barcode"])
    if document.kind == "licence":
        fields |= {name: transliterate(fields[name]) for name in ("surname", "given_names")}
    return fields
