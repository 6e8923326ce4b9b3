from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from evaluation.pictures import decode
from media.errors import MediaError


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, form, **options)
    return data.getvalue()


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
def test_a_small_crop_is_decoded_without_loss(form: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 90, 3), np.uint8)
    options = {"lossless": True} if form == "WEBP" else {}
    assert np.array_equal(decode(saved(Image.fromarray(pixels), form, **options)).pixels, pixels)


@pytest.mark.parametrize("mode", ["L", "1", "RGBA", "CMYK", "I;16"])
def test_tiff_of_any_mode(mode: str) -> None:
    image = Image.new("L", (30, 10), 255)
    image = image.convert("I").convert("I;16") if mode == "I;16" else image.convert(mode)
    assert decode(saved(image, "TIFF")).pixels.shape == (10, 30, 3)


def test_the_first_page_of_several() -> None:
    pages = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")]
    found = decode(saved(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert found.pixels[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"II*\0" + b"\xff" * 40, "image-damaged"),
        (b"GIF89a" + b"\0" * 40, "image-format-unsupported"),
        (b"", "image-empty"),
    ],
)
def test_what_cannot_be_decoded_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(MediaError) as caught:
        decode(data)
    assert caught.value.code == code
