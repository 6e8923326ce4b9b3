from __future__ import annotations

import numpy as np
import pytest

from docfraud.contracts import FIELDS
from specimens import KINDS, draw
from specimens.barcodes import symbol
from specimens.cards import LAYOUTS, PX_PER_MM
from specimens.holders import GIVEN_NAMES, SURNAMES, holder


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_document(kind: str) -> None:
    one, same, other = draw(3, kind), draw(3, kind), draw(4, kind)
    assert np.array_equal(one.pixels, same.pixels)
    assert one.truth == same.truth
    assert not np.array_equal(one.pixels, other.pixels)


@pytest.mark.parametrize("kind", KINDS)
def test_a_genuine_document_says_the_truth_on_every_side(kind: str) -> None:
    document = draw(5, kind)
    assert tuple(document.truth) == FIELDS
    assert document.sides.keys() == {"text", "barcode"} | ({"mrz"} if kind != "licence" else set())
    for fields in document.sides.values():
        assert fields.items() <= document.truth.items()


@pytest.mark.parametrize("kind", KINDS)
def test_size_is_that_of_iso_7810(kind: str) -> None:
    width, height = {"td2": (105, 74), "td3": (125, 88)}.get(kind, (85.6, 54))
    assert draw(0, kind).pixels.shape == (height * PX_PER_MM, width * PX_PER_MM, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_longest_names_fit_into_the_barcode(kind: str) -> None:
    layout = LAYOUTS[kind]
    given = [name for names in GIVEN_NAMES.values() for name in names]
    longest = {
        **holder(0),
        "surname": max(SURNAMES, key=lambda name: len(name.encode())),
        "given_names": max(given, key=lambda name: len(name.encode())),
    }
    x, y, module = layout.barcode
    height, width = symbol(layout.symbology, layout.payload(longest), module).shape
    assert x * PX_PER_MM + width <= layout.size[0] * PX_PER_MM
    bottom = layout.size[1] if layout.mrz is None else layout.mrz_top[0]
    assert y * PX_PER_MM + height <= bottom * PX_PER_MM


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no kind of specimen"):
        draw(0, "td9")
