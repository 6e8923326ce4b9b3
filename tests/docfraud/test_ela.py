"""Pages are saved twice, with a part between that was never compressed; its place is known."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from detectors.contracts import Measurement, Status
from detectors.runner import Runner
from docfraud.contracts import Page
from docfraud.ela import SIDE, Ela, ElaMapping, error_levels
from docfraud.jpeg import Coding
from media.errors import MediaError
from media.images import decode_image

Pixels = NDArray[np.uint8]

HARDENED = ElaMapping(error_levels_weight=0.0, foreign_weight=1.0)

PLACE = (slice(203, 301), slice(307, 421))
"""Of the part that is pasted in: off the grid of blocks."""

ORIENTATION = 0x0112


def jpeg(pixels: Pixels, quality: int, **options: object) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "JPEG", quality=quality, **options)
    return file.getvalue()


def page(data: bytes) -> Page:
    return Page.of(decode_image(data))


def measure(data: bytes) -> Measurement:
    """Also asserts that nothing but finite measures comes out, and no exception."""
    measured = Runner(Ela())(page(data))
    assert measured.status is not Status.ERROR, measured.reasons
    return measured


def spliced(scene: Pixels, before: int = 75, after: int = 90) -> bytes:
    """``scene`` saved, a part of it laid over another place uncompressed, and saved again."""
    canvas = page(jpeg(scene, before)).pixels.copy()
    canvas[PLACE] = scene[120:218, 180:294]
    return jpeg(canvas, after)


def resaved(scene: Pixels, before: int = 75, after: int = 90) -> bytes:
    return jpeg(page(jpeg(scene, before)).pixels, after)


def redness(picture: Pixels) -> NDArray[np.int64]:
    """Of the right half."""
    right = picture[:, picture.shape[1] // 2 :].astype(np.int64)
    return right[..., 0] - right[..., 2]


@pytest.mark.parametrize(("before", "after"), [(60, 90), (70, 95), (75, 90), (85, 95)])
def test_a_splice_is_foreign_and_a_second_saving_is_not(
    astronaut: Pixels, before: int, after: int
) -> None:
    clean = measure(resaved(astronaut, before, after))
    forged = measure(spliced(astronaut, before, after))
    assert clean.measures["traces"] > 10
    assert clean.measures["foreign"] < 15
    assert forged.measures["foreign"] > 100
    assert Ela.score(clean.measures, HARDENED).value > 0.9
    assert Ela.score(forged.measures, HARDENED).value < 0.01


@pytest.mark.parametrize(("before", "after"), [(90, 60), (80, 80), (96, 90)])
def test_what_a_coarser_or_equal_saving_hides_is_not_found(
    astronaut: Pixels, before: int, after: int
) -> None:
    """A limit of the method, not a wish."""
    assert measure(spliced(astronaut, before, after)).measures["foreign"] < 40


def test_a_part_on_the_same_grid_with_the_same_history_is_not_found(astronaut: Pixels) -> None:
    """As a copy within the page, moved by whole blocks: another limit."""
    canvas = page(jpeg(astronaut, 75)).pixels.copy()
    canvas[200:296, 304:424] = canvas[104:200, 184:304].copy()
    assert measure(jpeg(canvas, 90)).measures["foreign"] < 40


def test_a_photograph_saved_once_shows_no_traces(astronaut: Pixels) -> None:
    for quality in (60, 75, 90, 95):
        measured = measure(jpeg(astronaut, quality))
        assert measured.measures["traces"] == 0
        assert measured.measures["history"] == 0
        assert measured.measures["foreign"] == 0


def test_the_picture_is_brightest_at_the_splice(astronaut: Pixels) -> None:
    picture = Ela().picture(page(spliced(astronaut)))
    assert picture is not None
    assert picture.shape == (512, 1024, 3)
    assert picture.dtype == np.uint8
    red = redness(picture)
    outside = np.ones(red.shape, bool)
    outside[179:325, 283:445] = False  # windows of five blocks reach three beyond the part
    assert red[outside].max() < 60
    assert red[PLACE].max() > 180
    assert red[PLACE].mean() > 100


def test_the_picture_of_an_even_history_is_not_red(astronaut: Pixels) -> None:
    picture = Ela().picture(page(resaved(astronaut)))
    assert picture is not None
    assert redness(picture).max() < 60


def test_error_levels_are_brightest_where_the_page_was_never_compressed(
    astronaut: Pixels,
) -> None:
    """The reference's case: coarse compression first, then lossless editing, then a fine saving."""
    smooth = cv2.GaussianBlur(astronaut, (0, 0), 2.0)
    canvas = page(jpeg(np.asarray(smooth, np.uint8), 40)).pixels.copy()
    noise = np.random.default_rng(0).normal(128, 20, canvas[PLACE].shape)
    canvas[PLACE] = np.clip(noise, 0, 255).astype(np.uint8)
    forged, clean = jpeg(canvas, 98), resaved(np.asarray(smooth, np.uint8), 40, 98)
    errors = Ela().picture(page(forged))
    assert errors is not None
    left = errors[:, :512].mean(axis=2)
    outside = np.ones(left.shape, bool)
    outside[PLACE] = False
    assert left[PLACE].mean() > 2 * left[outside].mean()
    between = [measure(data).measures["error_between"] for data in (clean, forged)]
    assert between[1] > 3 * between[0]
    scores = [Ela.score(measure(data).measures, ElaMapping()).value for data in (clean, forged)]
    assert scores[1] < scores[0]


def test_error_levels_are_what_saving_again_changes(astronaut: Pixels) -> None:
    data = jpeg(astronaut, 80, subsampling=0)
    coding = Coding.of(data)
    assert coding is not None
    stored = page(data).pixels
    again = page(jpeg(stored, 95, subsampling=0)).pixels
    expected = np.abs(stored.astype(int) - again)
    found = error_levels(np.ascontiguousarray(stored), coding).astype(int)
    assert np.abs(found - expected).max() <= 1  # two builds of libjpeg round alike, or nearly
    assert found.mean() == pytest.approx(expected.mean(), rel=0.02)
    measured = measure(data).measures
    blocks = found.mean(axis=2).reshape(64, 8, 64, 8).mean(axis=(1, 3))
    assert measured["error_mean"] == pytest.approx(found.mean(), rel=1e-4)
    assert measured["error_between"] == pytest.approx(blocks.var(), rel=1e-3)


def test_a_score_worked_by_hand() -> None:
    found = {"error_between": 0.75, "foreign": 50.0, "noise_spread": 1.1}
    scored = Ela.score(found, ElaMapping(foreign_weight=1.0, noise_weight=2.0))
    assert scored.components == pytest.approx(
        {"error_levels": 0.25, "foreign": 1 / (1 + np.e), "noise": 0.75}
    )
    assert scored.value == pytest.approx((0.25 + 1 / (1 + np.e) + 1.5) / 4)
    assert scored.reasons == ("foreign_part",)


def test_the_reference_counts_error_levels_alone() -> None:
    found = {"error_between": 0.25, "foreign": 1e6, "noise_spread": 9.0}
    scored = Ela.score(found, ElaMapping())
    assert scored.value == pytest.approx(0.5)
    assert scored.reasons == ()


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_only_a_jpeg_is_measured(astronaut: Pixels, format: str) -> None:
    file = io.BytesIO()
    PIL.Image.fromarray(astronaut).save(file, format)
    measured = measure(file.getvalue())
    assert measured.status is Status.UNAVAILABLE
    assert measured.reasons == ("not_a_jpeg",)
    assert Ela().picture(page(file.getvalue())) is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_page_measures_the_same(astronaut: Pixels, orientation: int) -> None:
    """The grid starts in the corner of the stored picture; 500 x 396 is not whole blocks."""
    data = spliced(astronaut[:396, :500])
    exif = PIL.Image.Exif()
    exif[ORIENTATION] = orientation
    block = exif.tobytes()
    marker = b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block
    turned, plain = page(data[:2] + marker + data[2:]), page(data)
    assert turned.pixels.shape[:2] == ((396, 500) if orientation < 5 else (500, 396))
    assert Ela().measure(turned).measures == Ela().measure(plain).measures
    picture, straight = Ela().picture(turned), Ela().picture(plain)
    assert picture is not None
    assert straight is not None
    half = straight[:, 500:]
    back = PIL.Image.fromarray(half)
    steps = {
        2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
        3: PIL.Image.Transpose.ROTATE_180,
        4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
        5: PIL.Image.Transpose.TRANSPOSE,
        6: PIL.Image.Transpose.ROTATE_270,
        7: PIL.Image.Transpose.TRANSVERSE,
        8: PIL.Image.Transpose.ROTATE_90,
    }
    expected = np.asarray(back.transpose(steps[orientation]) if orientation > 1 else back)
    assert (picture[:, picture.shape[1] // 2 :] == expected).all()


def test_a_progressive_jpeg_measures_as_a_baseline_one(astronaut: Pixels) -> None:
    plain, progressive = (jpeg(astronaut, 80, progressive=way) for way in (False, True))
    assert measure(plain).measures == measure(progressive).measures


def test_a_grey_jpeg_is_measured(astronaut: Pixels) -> None:
    grey = np.asarray(cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY), np.uint8)
    once = page(jpeg(grey, 75)).pixels[..., 0].copy()
    clean = measure(jpeg(once, 90))
    once[PLACE] = grey[120:218, 180:294]
    forged = measure(jpeg(once, 90))
    assert clean.status is Status.OK
    assert clean.measures["foreign"] < 15
    assert forged.measures["foreign"] > 100


@pytest.mark.parametrize("mode", ["CMYK", "RGB"])
def test_components_that_are_not_luma_and_chroma(astronaut: Pixels, mode: str) -> None:
    file = io.BytesIO()
    options = {"keep_rgb": True} if mode == "RGB" else {}
    PIL.Image.fromarray(astronaut).convert(mode).save(file, "JPEG", **options)
    measured = measure(file.getvalue())
    assert measured.status is Status.ABSTAINED
    assert measured.reasons == ("coding_unsupported",)
    assert Ela().picture(page(file.getvalue())) is None


@pytest.mark.parametrize("size", [(127, 500), (64, 64)])
def test_a_small_page_is_not_judged(astronaut: Pixels, size: tuple[int, int]) -> None:
    data = jpeg(np.ascontiguousarray(astronaut[: size[0], : size[1]]), 90)
    assert measure(data).status is Status.ABSTAINED
    assert measure(data).reasons == ("page_too_small",)
    assert Ela().picture(page(data)) is None


@pytest.mark.parametrize("size", [(128, 128), (131, 509), (512, 129)])
def test_any_size_from_there_on_is_judged(astronaut: Pixels, size: tuple[int, int]) -> None:
    data = jpeg(np.ascontiguousarray(astronaut[: size[0], : size[1]]), 90)
    assert measure(data).status is Status.OK
    assert Ela().picture(page(data)) is not None


def test_a_coarse_page_is_not_judged(astronaut: Pixels) -> None:
    assert measure(jpeg(astronaut, 45)).reasons == ("quality_too_low",)
    assert measure(jpeg(astronaut, 50)).status is Status.OK


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_even_page_is_not_judged(level: int) -> None:
    data = jpeg(np.full((300, 400, 3), level, np.uint8), 90)
    assert measure(data).reasons == ("no_texture",)
    assert Ela().picture(page(data)) is not None


@pytest.mark.parametrize("kept", [0.05, 0.3, 0.6, 0.95])
def test_a_truncated_page_is_refused_or_judged(astronaut: Pixels, kept: float) -> None:
    data = jpeg(astronaut, 90)
    cut = data[: int(len(data) * kept)]
    try:
        seen = page(cut)
    except MediaError:
        return
    assert Ela().measure(seen).status in (Status.OK, Status.ABSTAINED)


def test_broken_exif_is_no_obstacle(astronaut: Pixels) -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(range(64))
    assert measure(jpeg(astronaut, 90, exif=exif)).status is Status.OK


def test_white_paper_that_was_cut_off_is_not_foreign() -> None:
    """Sharp text on white overshoots; what is cut off there looks like another history."""
    sheet = np.full((480, 640, 3), 255, np.uint8)
    for row in range(40, 240, 24):
        cv2.putText(
            sheet, "SPECIMEN 0123456789", (20, row), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0,) * 3, 2
        )
    noise = np.random.default_rng(1).normal(120, 12, (220, 640, 3))
    sheet[260:] = cv2.GaussianBlur(noise, (0, 0), 0.8).astype(np.uint8)
    measured = measure(resaved(sheet, 75, 92))
    assert measured.measures["traces"] > 10
    assert measured.measures["foreign"] < 15


def test_a_large_page(astronaut: Pixels) -> None:
    """12 megapixels; a splice of 400 x 600 is found all the same."""
    large = np.tile(astronaut, (6, 8, 1))[:3000, :4000]
    canvas = page(jpeg(large, 75)).pixels.copy()
    clean = measure(jpeg(canvas, 90))
    canvas[1403:1803, 2001:2601] = large[803:1203, 1101:1701]
    forged = page(jpeg(canvas, 90))
    measured = Ela().measure(forged)
    assert clean.measures["foreign"] < 40
    assert measured.measures["foreign"] > 100
    picture = Ela().picture(forged)
    assert picture is not None
    assert picture.shape == (576, 2 * SIDE, 3)
    red = redness(picture)
    y, x = np.unravel_index(red.argmax(), red.shape)
    assert 1403 - 24 <= y * 3000 / 576 <= 1803 + 24
    assert 2001 - 24 <= x * 4000 / SIDE <= 2601 + 24


@pytest.mark.data
def test_authentic_photographs_saved_again_are_clean(data_dir: Path) -> None:
    folder = data_dir / "tamper" / "casia2_subset"
    authentic = sorted((folder / "authentic").glob("*.jpg"))[:15]
    tampered = sorted((folder / "tampered").glob("Tp_D_CNN_*.jpg"))
    assert len(authentic) == 15
    assert len(tampered) == 11
    clean = [
        measure(resaved(decode_image(file.read_bytes()).pixels, 75, 92)).measures["foreign"]
        for file in authentic
    ]
    found = [measure(file.read_bytes()).measures["foreign"] for file in tampered]
    assert max(clean) < 40
    assert sum(value > 100 for value in found) >= 5
