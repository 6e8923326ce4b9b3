"""Headers that Pillow and OpenCV wrote."""

from __future__ import annotations

import io

import cv2
import numpy as np
import PIL.Image
import pytest

from detectors.pixels import Pixels
from docfraud.contracts import Page
from docfraud.jpeg import Coding, as_stored, upright
from media.images import decode_image


def jpeg(pixels: Pixels, mode: str = "RGB", **options: object) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).convert(mode).save(file, "JPEG", **options)
    return file.getvalue()


def oriented(data: bytes, orientation: int) -> bytes:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    block = exif.tobytes()
    return data[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + data[2:]


def test_the_table_is_in_rows_of_rising_horizontal_frequency(astronaut: Pixels) -> None:
    table = list(range(1, 65))
    coding = Coding.of(jpeg(astronaut, qtables=[table, table]))
    assert coding is not None
    assert coding.table.ravel().tolist() == table


@pytest.mark.parametrize(
    ("options", "sampling"),
    [
        ({"subsampling": "4:4:4"}, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
        ({"subsampling": "4:2:2"}, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422),
        ({"subsampling": "4:2:0"}, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420),
        ({"mode": "L"}, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
    ],
)
def test_sampling(astronaut: Pixels, options: dict[str, str], sampling: int) -> None:
    coding = Coding.of(jpeg(astronaut, **options))
    assert coding is not None
    assert coding.sampling == sampling


@pytest.mark.parametrize("sampling", ["411", "440"])
def test_sampling_of_opencv(astronaut: Pixels, sampling: str) -> None:
    constant = getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{sampling}")
    _, data = cv2.imencode(".jpg", astronaut, [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, constant])
    coding = Coding.of(data.tobytes())
    assert coding is not None
    assert coding.sampling == constant


@pytest.mark.parametrize(("mode", "options"), [("CMYK", {}), ("RGB", {"keep_rgb": True})])
def test_other_colour_models(astronaut: Pixels, mode: str, options: dict[str, bool]) -> None:
    assert Coding.of(jpeg(astronaut, mode, **options)) is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_go_back_to_where_they_were_stored(astronaut: Pixels, orientation: int) -> None:
    scene = np.ascontiguousarray(astronaut[:128, :200])
    plain = decode_image(jpeg(scene)).pixels
    page = Page.of(decode_image(oriented(jpeg(scene), orientation)))
    coding = Coding.of(page.original)
    assert coding is not None
    assert coding.orientation == orientation
    stored = as_stored(page, coding)
    assert (stored == plain).all()
    assert stored.flags.c_contiguous
    assert (upright(stored, coding) == page.pixels).all()


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_odd_orientation_is_none(astronaut: Pixels, orientation: int) -> None:
    coding = Coding.of(oriented(jpeg(astronaut), orientation))
    assert coding is not None
    assert coding.orientation == 1
