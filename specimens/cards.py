"""Draw documents: the pixels as the printer got them, before any camera.

Four kinds, each with what a real one of its kind has on either side brought to one, so that a
single photograph holds everything that can be compared:

=========  ======================  ===========================  ====================
kind       size (ISO/IEC 7810)     barcode                      machine-readable zone
=========  ======================  ===========================  ====================
licence    ID-1, 85.6 x 54 mm      PDF417, AAMVA                none
td1        ID-1                    DataMatrix, ``name=value``   TD1, 3 lines of 30
td2        ID-2, 105 x 74 mm       QR, JSON                     TD2, 2 lines of 36
td3        ID-3, 125 x 88 mm       Aztec, ``NAME: value``       TD3, 2 lines of 44
=========  ======================  ===========================  ====================

All of them say UTOPIA and SPECIMEN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import ImageDraw
from zxingcpp import BarcodeFormat

from docfraud.contracts import Fields
from specimens import barcodes, mrz_lines
from specimens.fonts import font
from specimens.guilloche import Colour, ground
from specimens.holders import holder
from specimens.portrait import portrait

PX_PER_MM = 20
"""508 dpi, as card printers of the better kind."""

INK: Colour = (22, 24, 32)
LABEL: Colour = (62, 78, 108)
SPECIMEN_RED: Colour = (196, 30, 44)

MRZ_PITCH_MM = 2.54
"""Ten characters to the inch (Doc 9303-3, section 4.5)."""

_OCRB_ADVANCE = 884 / 1024
"""Advance of the OCR-B font, in ems."""

LABELS = {
    "surname": "Surname",
    "given_names": "Given names",
    "document_number": "Document No.",
    "birth_date": "Date of birth",
    "expiry_date": "Date of expiry",
    "issue_date": "Date of issue",
    "sex": "Sex",
    "nationality": "Nationality",
    "issuer": "Code",
    "personal_number": "Personal No.",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things stand on a kind of document, in millimetres from its upper left corner.

    Attributes:
        size: width and height.
        title: in the band at the top, beside UTOPIA.
        header: height of the band.
        portrait: x, y, width and height.
        places: upper left corner of a field's label, by the field's name.
        em: size of labels and of values.
        day: writes a date.
        symbology: of the barcode.
        payload: writes the fields into the barcode.
        barcode: its x and y, and the side of a module in pixels.
        tints: of the ground, left and right, and its ink.
        mrz: writes the lines; or None.
        mrz_top: of the first line's capitals, and the pitch of lines.
    """

    size: tuple[float, float]
    title: str
    header: float
    portrait: tuple[float, float, float, float]
    places: Mapping[str, tuple[float, float]]
    em: tuple[float, float]
    day: Callable[[date], str]
    symbology: BarcodeFormat
    payload: Callable[[Fields], str]
    barcode: tuple[float, float, int]
    tints: tuple[Colour, Colour, Colour]
    mrz: Callable[[Fields], tuple[str, ...]] | None = None
    mrz_top: tuple[float, float] = (0, 0)


def _spelled(day: date) -> str:
    return f"{day:%d} {_MONTHS[day.month - 1]} {day:%Y}"


def _dotted(day: date) -> str:
    return f"{day:%d.%m.%Y}"


_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

LAYOUTS: Mapping[str, Layout] = {
    "licence": Layout(
        size=(85.6, 54),
        title="DRIVING LICENCE",
        header=7,
        portrait=(4, 8.4, 20, 25),
        places={
            "surname": (27.5, 7.8),
            "given_names": (27.5, 14.3),
            "birth_date": (27.5, 20.8),
            "sex": (49, 20.8),
            "nationality": (60, 20.8),
            "document_number": (27.5, 27.3),
            "issue_date": (45.5, 27.3),
            "expiry_date": (64.5, 27.3),
        },
        em=(2.3, 3.0),
        day=_spelled,
        symbology=BarcodeFormat.PDF417,
        payload=barcodes.aamva,
        barcode=(8.9, 34.9, 6),
        tints=((250, 232, 226), (236, 240, 226), (150, 70, 60)),
    ),
    "td1": Layout(
        size=(85.6, 54),
        title="IDENTITY CARD",
        header=7,
        portrait=(4, 9.2, 22, 27.5),
        places={
            "surname": (29, 8.2),
            "given_names": (29, 14.1),
            "birth_date": (29, 20),
            "sex": (47, 20),
            "issuer": (56, 20),
            "document_number": (29, 25.9),
            "nationality": (47, 25.9),
            "expiry_date": (29, 31.8),
            "personal_number": (47, 31.8),
        },
        em=(2.0, 2.8),
        day=_dotted,
        symbology=BarcodeFormat.DataMatrix,
        payload=barcodes.as_pairs,
        barcode=(67, 20.5, 6),
        mrz=mrz_lines.td1,
        mrz_top=(40, 4.6),
        tints=((226, 236, 246), (246, 230, 228), (40, 90, 140)),
    ),
    "td2": Layout(
        size=(105, 74),
        title="RESIDENT CARD",
        header=9,
        portrait=(5, 12, 28, 35),
        places={
            "issuer": (37, 11.2),
            "document_number": (62, 11.2),
            "surname": (37, 18.8),
            "given_names": (37, 26.4),
            "birth_date": (37, 34),
            "sex": (62, 34),
            "nationality": (68, 34),
            "expiry_date": (37, 41.6),
            "personal_number": (58, 41.6),
        },
        em=(2.4, 3.4),
        day=_dotted,
        symbology=BarcodeFormat.QRCode,
        payload=barcodes.as_json,
        barcode=(81.6, 27.5, 6),
        tints=((226, 242, 230), (242, 240, 220), (40, 110, 80)),
        mrz=mrz_lines.td2,
        mrz_top=(57, 6.35),
    ),
    "td3": Layout(
        size=(125, 88),
        title="PASSPORT",
        header=10,
        portrait=(6, 15, 35, 43.75),
        places={
            "issuer": (46, 12.6),
            "document_number": (84, 12.6),
            "surname": (46, 21.3),
            "given_names": (46, 30),
            "nationality": (46, 38.7),
            "sex": (72, 38.7),
            "birth_date": (46, 47.4),
            "personal_number": (72, 47.4),
            "issue_date": (46, 56.1),
            "expiry_date": (72, 56.1),
        },
        em=(2.6, 3.9),
        day=_spelled,
        symbology=BarcodeFormat.Aztec,
        payload=barcodes.as_lines,
        barcode=(97.5, 39.5, 8),
        mrz=mrz_lines.td3,
        mrz_top=(71, 6.35),
        tints=((232, 230, 246), (226, 242, 242), (86, 70, 150)),
    ),
}

KINDS = tuple(LAYOUTS)


@dataclass(frozen=True, slots=True, eq=False)
class Specimen:
    """A document as printed.

    Attributes:
        kind: one of :data:`KINDS`.
        seed: of the holder and the look.
        truth: all that is known of the holder, by :data:`docfraud.contracts.FIELDS`.
        sides: what is written on each side: ``text``, ``barcode`` and, but for the licence,
            ``mrz``; names in the holder's own letters, which the zone and AAMVA's barcode
            transliterate. The same as ``truth`` unless the document was forged.
        portrait: seed of the portrait.
        pixels: uint8 RGB (H, W, 3), 20 pixels to the millimetre, read-only.
    """

    kind: str
    seed: int
    truth: Fields
    sides: Mapping[str, Fields]
    portrait: int
    pixels: NDArray[np.uint8]


def draw(seed: int, kind: str) -> Specimen:
    """Draw a genuine document; the same seed gives the same pixels.

    Args:
        seed: of the holder and the look, not negative.
        kind: one of :data:`KINDS`.

    Raises:
        ValueError: there is no such kind.
    """
    if kind not in LAYOUTS:
        raise ValueError(f"no kind of specimen is called {kind!r}; there are {', '.join(KINDS)}")
    truth = holder(seed)
    sides = {side: {name: truth[name] for name in names} for side, names in _said(kind).items()}
    pixels = _pixels(kind, seed, truth["sex"], sides, seed)
    return Specimen(kind, seed, truth, sides, seed, pixels)


def redraw(
    specimen: Specimen, sides: Mapping[str, Fields], portrait: int | None = None
) -> Specimen:
    """Draw a document again with other contents.

    Args:
        specimen: what keeps its kind, ground and truth.
        sides: what each side is to say.
        portrait: seed of another portrait, or None for the same.
    """
    portrait = specimen.portrait if portrait is None else portrait
    pixels = _pixels(specimen.kind, specimen.seed, specimen.truth["sex"], sides, portrait)
    return replace(specimen, sides=sides, portrait=portrait, pixels=pixels)


def _said(kind: str) -> Mapping[str, tuple[str, ...]]:
    """Name the fields of each side of a kind."""
    layout = LAYOUTS[kind]
    said = {"text": tuple(layout.places), "barcode": barcodes.CARRIED}
    if layout.payload is barcodes.aamva:
        said["barcode"] += barcodes.AAMVA_ALSO
    if layout.mrz is not None:
        said["mrz"] = mrz_lines.CARRIED
        if layout.mrz is not mrz_lines.td2:
            said["mrz"] += ("personal_number",)
    return said


def _pixels(
    kind: str, seed: int, sex: str, sides: Mapping[str, Fields], face: int
) -> NDArray[np.uint8]:
    layout = LAYOUTS[kind]
    width, height = (round(side * PX_PER_MM) for side in layout.size)
    pixels = ground((width, height), layout.tints, seed)
    if layout.mrz is not None:
        zone = pixels[round((layout.mrz_top[0] - 1.6) * PX_PER_MM) :]
        zone[:] = zone // 4 + 186
    _paste(pixels, _portrait(layout, face, sex), layout.portrait[:2])
    x, y, module = layout.barcode
    symbol = barcodes.symbol(layout.symbology, layout.payload(sides["barcode"]), module)
    # Ink on a light card, not black on white.
    toned = np.where(symbol[..., None] == 0, np.uint8(26), np.uint8(246)).repeat(3, axis=2)
    _paste(pixels, toned, (x, y))

    sheet = PIL.Image.fromarray(pixels)
    pen = ImageDraw.Draw(sheet)
    _write_header(pen, layout)
    _write_text(pen, layout, sides["text"])
    if layout.mrz is not None:
        _write_mrz(pen, layout, layout.mrz(sides["mrz"]))
    pixels = np.array(sheet)
    pixels.setflags(write=False)
    return pixels


def _portrait(layout: Layout, seed: int, sex: str) -> NDArray[np.uint8]:
    width, height = (round(side * PX_PER_MM) for side in layout.portrait[2:])
    drawn = portrait(seed, sex, (width, height))
    cv2.rectangle(drawn, (0, 0), (width - 1, height - 1), LABEL, 2)
    return drawn


def _paste(pixels: NDArray[np.uint8], part: NDArray[np.uint8], corner: tuple[float, float]) -> None:
    x, y = (round(side * PX_PER_MM) for side in corner)
    height, width = part.shape[:2]
    if y + height > pixels.shape[0] or x + width > pixels.shape[1]:
        raise ValueError("a part of the document does not fit on it")
    pixels[y : y + height, x : x + width] = part


def _write_header(pen: ImageDraw.ImageDraw, layout: Layout) -> None:
    width = layout.size[0] * PX_PER_MM
    header = layout.header * PX_PER_MM
    pen.rectangle((0, 0, width, header - 1), fill=layout.tints[2])
    middle = header / 2
    pen.text((80, middle), "UTOPIA", (255, 255, 255), font("bold", header * 0.62), "lm")
    pen.text(
        (width * 0.29, middle), layout.title, (255, 255, 255), font("regular", header * 0.5), "lm"
    )
    stamp = font("bold", header * 0.5)
    box = pen.textbbox((width - 70, middle), "SPECIMEN", stamp, "rm")
    pen.rounded_rectangle((box[0] - 18, box[1] - 12, box[2] + 18, box[3] + 12), 12, (255, 255, 255))
    pen.text((width - 70, middle), "SPECIMEN", SPECIMEN_RED, stamp, "rm")


def _write_text(pen: ImageDraw.ImageDraw, layout: Layout, text: Fields) -> None:
    label, value = (em * PX_PER_MM for em in layout.em)
    for name, (x, y) in layout.places.items():
        left, top = x * PX_PER_MM, y * PX_PER_MM
        said = text[name]
        if name.endswith("_date"):
            said = layout.day(date.fromisoformat(said))
        pen.text((left, top + label * 0.8), LABELS[name], LABEL, font("regular", label), "ls")
        pen.text((left, top + label + 0.95 * value), said, INK, font("semibold", value), "ls")


def _write_mrz(pen: ImageDraw.ImageDraw, layout: Layout, lines: tuple[str, ...]) -> None:
    pitch = MRZ_PITCH_MM * PX_PER_MM
    face = font("ocrb", pitch / _OCRB_ADVANCE)
    left = (layout.size[0] * PX_PER_MM - pitch * len(lines[0])) / 2
    top, step = (side * PX_PER_MM for side in layout.mrz_top)
    capital = -face.getbbox("H", anchor="ls")[1]
    for row, line in enumerate(lines):
        for column, letter in enumerate(line):
            at = (left + column * pitch, top + row * step + capital)
            pen.text(at, letter, INK, face, "ls")
