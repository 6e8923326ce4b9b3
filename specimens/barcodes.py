"""What the barcodes of the specimens say, and how they look."""

from __future__ import annotations

import json

import numpy as np
import zxingcpp
from numpy.typing import NDArray
from zxingcpp import BarcodeFormat

from docfraud.contracts import Fields
from specimens.mrz_lines import transliterate

ISSUER = "636999"
"""Issuer identification number of the fictitious licensing authority, in AAMVA's range 6360nn but
above those that are assigned."""

_SEX = {"M": "1", "F": "2", "X": "9"}

CARRIED = ("surname", "given_names", "document_number", "birth_date", "expiry_date", "sex")
"""Fields that every barcode carries."""

AAMVA_ALSO = ("issue_date", "issuer")


def aamva(fields: Fields) -> str:
    """Write a licence as the AAMVA card design standard of 2020 has it (version 10, annex D).

    Names are upper-case A to Z, days are MMDDCCYY. The first word of the given names is DAC, the
    rest is DAD. What the holder looks like and may drive is left out for the sake of the symbol's
    size.
    """
    first, _, middle = transliterate(fields["given_names"]).partition(" ")
    elements = {
        "DAQ": fields["document_number"],
        "DCS": transliterate(fields["surname"]),
        "DDE": "N",
        "DAC": first,
        "DDF": "N",
        "DAD": middle or "NONE",
        "DDG": "N",
        "DBD": _american(fields["issue_date"]),
        "DBB": _american(fields["birth_date"]),
        "DBA": _american(fields["expiry_date"]),
        "DBC": _SEX[fields["sex"]],
        "DAG": "1 AMAUROT SQUARE",
        "DAI": "AMAUROT",
        "DAJ": "ZZ",
        "DAK": "00000",
        "DCF": fields["document_number"] + "01",
        "DCG": fields["issuer"],
    }
    body = "DL" + "\n".join(code + value for code, value in elements.items()) + "\r"
    prefix = f"@\n\x1e\rANSI {ISSUER}100001"
    offset = len(prefix) + len("DL00000000")
    return f"{prefix}DL{offset:04d}{len(body):04d}{body}"


def as_json(fields: Fields) -> str:
    """Write the fields as JSON."""
    return json.dumps(dict(fields), ensure_ascii=False)


def as_pairs(fields: Fields) -> str:
    """Write the fields as ``name=value``, separated by semicolons."""
    return ";".join(f"{name}={value}" for name, value in fields.items())


def as_lines(fields: Fields) -> str:
    """Write the fields as ``NAME: value``, one on a line."""
    return "\n".join(f"{name.replace('_', ' ').upper()}: {value}" for name, value in fields.items())


def symbol(symbology: BarcodeFormat, text: str, module: int) -> NDArray[np.uint8]:
    """Draw a barcode with its quiet zone: uint8 grey (H, W), 0 and 255.

    Args:
        symbology: PDF417, QRCode, DataMatrix or Aztec.
        text: what it says.
        module: side of a module in pixels.
    """
    options, quiet = _STYLES[symbology]
    made = zxingcpp.create_barcode(text, symbology, **options)
    drawn = np.array(made.to_image(scale=1, add_quiet_zones=False), dtype=np.uint8)
    return np.pad(drawn, quiet, constant_values=255).repeat(module, 0).repeat(module, 1)


_STYLES: dict[BarcodeFormat, tuple[dict[str, str | int], int]] = {
    # AAMVA asks for correction level 3 or more. zxing-cpp loses the rows of a turned symbol the
    # sooner the wider it is: 13 columns at 3 degrees, 9 columns at 4. And it needs modules of five
    # pixels: at four, it did not read four photographs of ten.
    BarcodeFormat.PDF417: ({"ec_level": "4", "columns": 9}, 2),
    BarcodeFormat.QRCode: ({"ec_level": "M"}, 4),
    BarcodeFormat.DataMatrix: ({"force_square": True}, 2),
    BarcodeFormat.Aztec: ({}, 2),
}
"""Options of zxing-cpp, and the margin that the symbology asks for, in modules."""


def _american(iso: str) -> str:
    return iso[5:7] + iso[8:10] + iso[0:4]
