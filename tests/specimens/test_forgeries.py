from __future__ import annotations

import io

import cv2
import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray
from PIL.JpegImagePlugin import JpegImageFile

from specimens import EDITABLE, FORGERIES, Forged, Specimen, draw, forge, photograph
from specimens.cards import LAYOUTS, PX_PER_MM
from specimens.mrz_lines import transliterate

SMALL = 0.3
"""Megapixels where nothing needs to be read."""


@pytest.mark.parametrize("forgery", FORGERIES)
def test_same_seed_same_bytes(forgery: str) -> None:
    document = draw(1, "td1")
    one, same = (forge(document, forgery, 1, megapixels=SMALL) for _ in range(2))
    assert one.jpeg == same.jpeg


@pytest.mark.parametrize(
    ("kind", "field"),
    [*(("td1", field) for field in EDITABLE), ("licence", "birth_date")],
)
def test_an_edit_changes_one_field_on_the_sides_it_names(kind: str, field: str) -> None:
    document = draw(6, kind)
    for forgery, sides in (("text_edited", {"text"}), ("barcode_left", {"text", "mrz"})):
        forged = forge(document, forgery, 6, field=field, megapixels=SMALL)
        assert forged.edit is not None
        assert set(forged.edit.sides) == sides & document.sides.keys()
        assert forged.document.truth == document.truth
        assert transliterate(forged.edit.value) != transliterate(document.truth[field])
        for side, fields in document.sides.items():
            edit = {field: forged.edit.value} if side in forged.edit.sides else {}
            assert forged.document.sides[side] == {**fields, **edit}


@pytest.mark.parametrize("kind", ["licence", "td2"])
def test_an_edited_field_is_all_that_looks_different(kind: str) -> None:
    document = draw(8, kind)
    forged = forge(document, "text_edited", 8, field="document_number", megapixels=SMALL)
    x, y = LAYOUTS[kind].places["document_number"]
    assert _inside(document, forged, (x, y, 35, sum(LAYOUTS[kind].em) * 1.3))


@pytest.mark.parametrize("kind", ["licence", "td3"])
def test_a_replaced_portrait_is_all_that_looks_different(kind: str) -> None:
    document = draw(8, kind)
    forged = forge(document, "portrait_replaced", 8, megapixels=SMALL)
    assert forged.edit is None
    assert forged.document.sides == document.sides
    assert _inside(document, forged, LAYOUTS[kind].portrait)


def test_a_stale_barcode_looks_as_it_did_and_the_zone_does_not() -> None:
    document = draw(8, "td2")
    forged = forge(document, "barcode_left", 8, field="birth_date", megapixels=SMALL)
    differs = (forged.document.pixels != document.pixels).any(axis=2)
    layout = LAYOUTS["td2"]
    left, top, _ = layout.barcode
    zone = round(layout.mrz_top[0] * PX_PER_MM)
    assert not differs[round(top * PX_PER_MM) : zone, round(left * PX_PER_MM) :].any()
    assert differs[zone:].any()


@pytest.mark.parametrize("forgery", ["text_edited", "portrait_replaced"])
def test_off_the_mask_the_file_is_the_photograph_saved_again(forgery: str) -> None:
    document = draw(9, "td3")
    forged = forge(document, forgery, 9, megapixels=SMALL)
    photo = PIL.Image.open(io.BytesIO(photograph(document.pixels, 9, megapixels=SMALL)))
    edited = PIL.Image.open(io.BytesIO(forged.jpeg))
    again = io.BytesIO()
    assert isinstance(edited, JpegImageFile)
    photo.save(again, "JPEG", qtables=edited.quantization, subsampling="4:2:0")
    before, after = np.array(PIL.Image.open(again)), np.array(edited)
    # A macroblock of 4:2:0 has 16 pixels a side, and chroma bleeds one sample over its edge.
    near = cv2.dilate(forged.mask.astype(np.uint8), np.ones((37, 37), np.uint8)) > 0
    assert np.array_equal(before[~near], after[~near])
    assert np.abs(before[forged.mask].astype(int) - after[forged.mask]).mean() > 3


def test_an_editor_leaves_its_name_or_nothing() -> None:
    document = draw(1, "licence")
    seen = set()
    for seed in range(5):
        forged = forge(document, "text_edited", seed, megapixels=SMALL)
        with PIL.Image.open(io.BytesIO(forged.jpeg)) as file:
            assert file.getexif().get(0x0131) == forged.software
        seen.add(forged.software)
    assert None in seen
    assert len(seen) > 1


@pytest.mark.parametrize(("forgery", "field"), [("burned", None), ("text_edited", "shoe_size")])
def test_what_cannot_be_forged_is_refused(forgery: str, field: str | None) -> None:
    with pytest.raises(ValueError, match=field or forgery):
        forge(draw(0, "td1"), forgery, 0, field=field)


def _inside(document: Specimen, forged: Forged, box: tuple[float, float, float, float]) -> bool:
    """Whether the flat documents differ, and only in a box of x, y, width and height in mm."""
    differs: NDArray[np.bool_] = (forged.document.pixels != document.pixels).any(axis=2)
    x, y, width, height = (round(side * PX_PER_MM) for side in box)
    assert differs.any()
    differs[y : y + height, x : x + width] = False
    return not differs.any()
