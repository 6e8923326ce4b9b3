from __future__ import annotations

import io

import numpy as np
import PIL.Image

from media.images import decode_image
from specimens import draw, photograph
from specimens.camera import MEGAPIXELS


def test_same_seed_same_bytes() -> None:
    pixels = draw(1, "licence").pixels
    jpeg = photograph(pixels, 5, megapixels=0.3)
    assert jpeg == photograph(pixels, 5, megapixels=0.3)
    assert jpeg != photograph(pixels, 6, megapixels=0.3)


def test_the_file_is_a_camera_s() -> None:
    jpeg = photograph(draw(1, "td3").pixels, 5)
    with PIL.Image.open(io.BytesIO(jpeg)) as file:
        width, height = file.size
        exif = file.getexif()
    assert abs(width * height / 1e6 - MEGAPIXELS) < 0.01
    assert exif[0x010F] == "Utopia Optics"
    assert exif.get_ifd(0x8769)[0xA002] == width
    assert exif.get_ifd(0x8769)[0xA003] == height


def test_light_paper_has_the_noise_of_a_sensor() -> None:
    paper = np.full((540, 856, 3), 200, np.uint8)
    pixels = decode_image(photograph(paper, 1, quality=95)).pixels
    height, width = pixels.shape[:2]
    middle = pixels[height // 2 - 32 : height // 2 + 32, width // 2 - 32 : width // 2 + 32]
    across = np.diff(middle.astype(float), axis=1)
    assert 0.5 < across.std() / np.sqrt(2) < 5
