"""Forge specimens in named ways, each as a forger would.

``text_edited``        one visible field is changed in a photograph of the genuine document.
``barcode_left``       the field is changed in the MRZ too, where there is one; the barcode is
                       left and stale.
``portrait_replaced``  the portrait is changed in a photograph of the genuine document.
``screen``             the genuine document is shown on a screen, and the screen photographed.
``print``              the genuine document is printed with halftone, and the print photographed.

The first three are edits of a JPEG that a camera made: decoded, painted over, and saved again by an
editor at another quality. What is painted fits in place, light and sharpness, but no sensor has
seen it: it has no noise, and was compressed once where all around it was twice.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import date

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from docfraud.contracts import Fields
from specimens import camera, recaptures
from specimens.camera import Light, Pixels
from specimens.cards import PX_PER_MM, Specimen, redraw
from specimens.holders import GIVEN_NAMES, SURNAMES, years_on
from specimens.mrz_lines import transliterate
from specimens.rng import generator

_EDITS = {
    "text_edited": ("text",),
    "barcode_left": ("text", "mrz"),
    "portrait_replaced": (),
}
"""Sides that each way of editing changes, where the document has them."""

FORGERIES = (*_EDITS, *recaptures.WAYS)

EDITABLE = ("surname", "given_names", "document_number", "birth_date", "expiry_date", "sex")
"""Fields that every side of every kind says, so that an edit of one side shows on another."""

EDITORS = ("Adobe Photoshop 25.9 (Windows)", "GIMP 2.10.38", "Canva", None)
"""What the editor writes into the file; None for one that leaves no metadata at all."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One field that was changed.

    Attributes:
        field: of :data:`EDITABLE`.
        sides: that now say ``value``; every other says what it did.
        value: what they say instead of the truth.
    """

    field: str
    sides: tuple[str, ...]
    value: str


@dataclass(frozen=True, slots=True, eq=False)
class Forged:
    """A forged document.

    Attributes:
        jpeg: the photograph that the forger sends.
        forgery: one of :data:`FORGERIES`.
        document: as it now looks, flat and without a camera; its ``truth`` is still that of the
            genuine one, its ``sides`` say what a reader finds.
        edit: the field that was changed, or None where none was.
        mask: bool (h, w), pixels of the photograph that were painted over; all False for a
            recapture, which has no such place.
        frequencies: of the screen's pixel grid, or the screens of the print, at the middle of the
            photograph: cycles per pixel along x and y, as sampling leaves them, within ±0.5.
        software: what the file says it was saved with.
    """

    jpeg: bytes
    forgery: str
    document: Specimen
    edit: Edit | None
    mask: NDArray[np.bool_]
    frequencies: tuple[tuple[float, float], ...] = ()
    software: str | None = None


def forge(
    specimen: Specimen,
    forgery: str,
    seed: int,
    *,
    field: str | None = None,
    quality: int = camera.QUALITY,
    megapixels: float = camera.MEGAPIXELS,
) -> Forged:
    """Forge a document; the same arguments give the same bytes.

    Args:
        specimen: the genuine document.
        forgery: one of :data:`FORGERIES`.
        seed: of the forger's choices and of the photograph, not negative. ``photograph`` with it
            shows the genuine document as it was photographed before the edit.
        field: of :data:`EDITABLE`, which to change; by chance if None.
        quality: of the camera's JPEG, 1 to 95.
        megapixels: of the photograph.

    Raises:
        ValueError: there is no such forgery or field.
    """
    if forgery not in FORGERIES:
        raise ValueError(f"no forgery is called {forgery!r}; there are {', '.join(FORGERIES)}")
    if field is not None and field not in EDITABLE:
        raise ValueError(f"{field!r} is not a field that can be edited: {', '.join(EDITABLE)}")
    if forgery in recaptures.WAYS:
        taken = recaptures.WAYS[forgery](specimen.pixels, seed, quality, megapixels)
        untouched = np.zeros(taken.size, np.bool_)
        return Forged(taken.jpeg, forgery, specimen, None, untouched, taken.frequencies)
    rng = generator("edit", seed)
    edit, portrait = None, None
    if forgery == "portrait_replaced":
        portrait = specimen.portrait + int(rng.integers(1, 1_000_000))
    else:
        name = field or str(rng.choice(EDITABLE))
        sides = tuple(side for side in _EDITS[forgery] if side in specimen.sides)
        edit = Edit(name, sides, _other(name, specimen.truth, rng))
    document = redraw(specimen, _edited(specimen, edit), portrait)
    return _painted(specimen, document, forgery, edit, seed, quality, megapixels)


def _edited(specimen: Specimen, edit: Edit | None) -> dict[str, Fields]:
    sides = dict(specimen.sides)
    if edit is not None:
        for side in edit.sides:
            sides[side] = {**sides[side], edit.field: edit.value}
    return sides


def _other(name: str, truth: Fields, rng: np.random.Generator) -> str:
    """Choose another value, one that is not the same when transliterated."""
    value = truth[name]
    if name == "sex":
        return {"M": "F", "F": "M"}[value]
    if name == "document_number":
        letters = list(value)
        for i in rng.choice(len(letters), 2, replace=False):
            letters[i] = str(rng.choice(list("123456789".replace(letters[i], ""))))
        return "".join(letters)
    if name == "birth_date":
        years = int(rng.choice([-12, -8, -5, -3, 3, 5, 8, 12]))
        return years_on(date.fromisoformat(value), years).isoformat()
    if name == "expiry_date":
        return years_on(date.fromisoformat(value), int(rng.integers(1, 9))).isoformat()
    names = SURNAMES if name == "surname" else GIVEN_NAMES[truth["sex"]]
    old = transliterate(value)
    return str(rng.choice([other for other in names if transliterate(other)[:3] != old[:3]]))


def _painted(
    genuine: Specimen,
    document: Specimen,
    forgery: str,
    edit: Edit | None,
    seed: int,
    quality: int,
    megapixels: float,
) -> Forged:
    """Photograph the genuine document, paint what changed over it, and save it again."""
    place = camera.view(genuine.pixels.shape, seed, megapixels)
    original = _decoded(
        camera.photograph(genuine.pixels, seed, quality=quality, megapixels=megapixels)
    )
    light = camera.expose(camera.scene(document.pixels, place, seed), seed, noise=False)
    paint = camera.develop(light, seed)
    mask = camera.warped(_patches(genuine.pixels, document.pixels), place) > 0.5
    rng = generator("save", seed)
    editor = EDITORS[rng.integers(len(EDITORS))]
    again = int(rng.choice([q for q in (80, 85, 88, 90, 95) if abs(q - quality) > 1]))
    saved = camera.encode(
        np.where(mask[..., None], paint, original),
        seed,
        again,
        software=editor,
        exif=editor is not None,
    )
    return Forged(saved, forgery, document, edit, mask, software=editor)


def _decoded(jpeg: bytes) -> Pixels:
    with PIL.Image.open(io.BytesIO(jpeg)) as file:
        return np.array(file.convert("RGB"))


def _patches(before: Pixels, after: Pixels) -> Light:
    """Frame what differs by upright rectangles, as a forger selects: float32 (H, W), 0 or 1."""
    differs = (before != after).any(axis=2).astype(np.uint8)
    near = cv2.dilate(differs, np.ones((PX_PER_MM, 2 * PX_PER_MM), np.uint8))
    patches = np.zeros(differs.shape, np.float32)
    count, _, stats, _ = cv2.connectedComponentsWithStats(near)
    for x, y, width, height, _ in stats[1:count]:
        part = differs[y : y + height, x : x + width]
        x0, y0, w, h = cv2.boundingRect(part)
        margin = PX_PER_MM // 5
        top, left = max(y + y0 - margin, 0), max(x + x0 - margin, 0)
        patches[top : y + y0 + h + margin, left : x + x0 + w + margin] = 1
    return patches
