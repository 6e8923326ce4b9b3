from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import metadata_blocks as blocks
import numpy as np
import PIL.Image
import pytest
from media_corpus import encode, grey16, oriented, scene
from numpy.typing import NDArray

from media.errors import MediaError
from media.images import decode_image, orientation
from media.limits import ImageLimits

RGB = PIL.Image.fromarray(scene())


def distance(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    assert one.shape == other.shape
    return float(np.abs(one.astype(float) - other).mean())


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True})])
def test_lossless_formats_are_exact(kind: str, options: dict[str, object]) -> None:
    np.testing.assert_array_equal(decode_image(encode(kind=kind, **options)).pixels, scene())


@pytest.mark.parametrize(
    "data",
    [
        encode(quality=95),
        encode(quality=95, progressive=True),
        encode(kind="WEBP", quality=95),
        encode(RGB.convert("CMYK"), quality=95),
        encode(kind="MPO", save_all=True, append_images=[PIL.Image.new("RGB", RGB.size)]),
        encode(RGB.quantize(256), "PNG"),
    ],
    ids=["jpeg", "progressive", "webp", "cmyk", "mpo", "palette"],
)
def test_colours_are_kept(data: bytes) -> None:
    assert distance(decode_image(data).pixels, scene()) < 9


def test_what_is_returned() -> None:
    data = encode()
    image = decode_image(data)
    assert image.format == "jpeg"
    assert image.original is data
    assert image.pixels.dtype == np.uint8
    assert image.pixels.flags.c_contiguous
    assert not image.pixels.flags.writeable


UPRIGHT = {
    1: lambda p: p,
    2: np.fliplr,
    3: lambda p: np.rot90(p, 2),
    4: np.flipud,
    5: lambda p: p.swapaxes(0, 1),
    6: lambda p: np.rot90(p, -1),
    7: lambda p: np.rot90(p, 2).swapaxes(0, 1),
    8: lambda p: np.rot90(p, 1),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation(orientation: int) -> None:
    expected = UPRIGHT[orientation](scene())
    assert distance(decode_image(oriented(orientation)).pixels, expected) < 5


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_a_senseless_orientation_is_ignored(orientation: int) -> None:
    assert decode_image(oriented(orientation)).pixels.shape == (240, 320, 3)


def test_orientation_of_png_and_webp() -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    for kind in ("PNG", "WEBP"):
        assert decode_image(encode(kind=kind, exif=exif)).pixels.shape == (320, 240, 3)


def test_orientation_of_xmp_counts_where_exif_has_none() -> None:
    packet = blocks.xmp('tiff:Orientation="6"')
    turned = blocks.exif({0x0112: 3})
    for exif, expected in ((b"", 6), (turned, 3)):
        data = blocks.jpeg(exif=exif, xmp=packet)
        assert orientation(data, "jpeg") == expected
    assert decode_image(blocks.jpeg(xmp=packet)).pixels.shape == (320, 240, 3)


_DECODE = """
import resource, sys
from docfraud.jpeg import Coding
from media.images import decode_image, orientation

plain, crafted = (open(path, "rb").read() for path in sys.argv[1:])
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
def decode(data):
    assert decode_image(data).pixels.shape == (240, 320, 3)
    assert Coding.of(data) is not None
decode(plain)
before = peak()
decode(crafted)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux only")
def test_exif_whose_entries_all_claim_the_whole_block_takes_no_memory(tmp_path: Path) -> None:
    """64 KB that Pillow's own reader would turn into 290 MB."""
    entries = b"".join(struct.pack("<HHII", tag, 7, 60_000, 8) for tag in range(1, 5_000))
    block = (b"II*\0" + struct.pack("<IH", 8, 4_999) + entries + bytes(4)).ljust(65_000, b"\0")
    paths = [tmp_path / "plain.jpg", tmp_path / "crafted.jpg"]
    for path, exif in zip(paths, (b"", block), strict=True):
        path.write_bytes(blocks.jpeg(exif=exif))
    done = subprocess.run(
        [sys.executable, "-c", _DECODE, *map(str, paths)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert int(done.stdout) < 20


def test_16_bit_grey_keeps_its_levels() -> None:
    pixels = decode_image(grey16()).pixels
    assert np.all(pixels[:, :64] == 0x40)
    assert np.all(pixels[:, 64:] == 0xC0)


def test_grey_becomes_three_equal_channels() -> None:
    grey = RGB.convert("L")
    pixels = decode_image(encode(grey, "PNG")).pixels
    np.testing.assert_array_equal(pixels, np.repeat(np.asarray(grey)[..., None], 3, axis=2))


def test_transparency_is_laid_on_white() -> None:
    alpha = np.zeros((240, 320), np.uint8)
    alpha[:, 160:] = 255
    alpha[100:120] = 128
    image = RGB.copy()
    image.putalpha(PIL.Image.fromarray(alpha))
    share = alpha[..., None] / 255
    expected = share * scene() + (1 - share) * 255
    pixels = decode_image(encode(image, "PNG")).pixels
    assert np.abs(pixels - expected).max() <= 1


def test_transparent_palette_entry_is_white() -> None:
    image = PIL.Image.new("P", (80, 80), 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    image.paste(0, (0, 0, 40, 80))
    pixels = decode_image(encode(image, "PNG", transparency=0)).pixels
    assert np.all(pixels[:, :40] == 255)
    assert np.all(pixels[:, 40:] == (10, 200, 30))


def test_limits_are_inclusive() -> None:
    data = encode(kind="PNG")
    exact = ImageLimits(max_bytes=len(data), max_megapixels=0.0768, min_side=240)
    assert decode_image(data, exact).pixels.shape == (240, 320, 3)


@pytest.mark.parametrize(
    ("limits", "code", "says"),
    [
        (ImageLimits(max_bytes=1000), "image-too-large", "1000"),
        (ImageLimits(max_megapixels=0.0767), "image-too-many-pixels", "320 by 240"),
        (ImageLimits(min_side=241), "image-too-small", "241"),
    ],
)
def test_each_limit(limits: ImageLimits, code: str, says: str) -> None:
    with pytest.raises(MediaError) as caught:
        decode_image(encode(), limits)
    assert caught.value.code == code
    assert says in caught.value.detail


def test_the_detail_repeats_nothing_from_the_file() -> None:
    with pytest.raises(MediaError) as caught:
        decode_image(b"<html><script>alert(1)</script>")
    assert "alert" not in str(caught.value)


@pytest.mark.data
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow grumbles about odd EXIF blocks
def test_camera_files_decode_or_say_why(data_dir: Path) -> None:
    """Files of dozens of cameras, with malformed EXIF blocks among them."""
    codes: dict[str, int] = {}
    for path in sorted((data_dir / "exif").rglob("*.jp*g")):
        try:
            decode_image(path.read_bytes())
            code = "ok"
        except MediaError as error:
            code = error.code
        codes[code] = codes.get(code, 0) + 1
    assert codes["ok"] > 30
    assert set(codes) == {"ok", "image-too-small"}  # thumbnails; nothing honest is refused
