"""Photographs by a phone, changed in one named way each, and real files."""

from __future__ import annotations

import io
import math
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import metadata_blocks as blocks
import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.contracts import Measurement, Score, Status
from detectors.runner import Runner
from docfraud.contracts import Page
from docfraud.exif import Exif, ExifMapping
from fusion.policy import load_policy
from media.capture import Channel
from media.errors import MediaError
from media.headers import ImageFormat
from media.images import decode_image

NOW = datetime(2025, 6, 1, tzinfo=UTC)

HARDENED = load_policy("hardened").documents.check("exif").mapping


CARD = blocks.scene(856, 540)
"""A picture with the ratio of ID-1, as a scanner or a guided capture cuts it out."""


def measure(data: bytes, channel: Channel = "upload") -> Measurement:
    return Exif(lambda: NOW).measure(Page.of(decode_image(data), channel))


def score(data: bytes, mapping: ExifMapping | None = None, channel: Channel = "upload") -> Score:
    return Exif.score(measure(data, channel).measures, mapping or ExifMapping())


def phone(
    main: Mapping[int, object] = {},
    capture: Mapping[int, object] = {},
    image: PIL.Image.Image | None = None,
    thumbnail: PIL.Image.Image | None = None,
) -> bytes:
    """A photograph by a phone, with tags changed or added."""
    block = blocks.exif(
        {**blocks.CAMERA, **main},
        {**blocks.CAPTURE, **capture},
        {2: (52, 30, 0), 4: (13, 24, 0)},
        thumbnail=blocks.encode(thumbnail) if thumbnail else b"",
    )
    return blocks.jpeg(exif=block, image=image)


def test_texts_of_the_upload_are_not_quoted() -> None:
    secret = "Erika Mustermann"
    data = blocks.jpeg(
        exif=blocks.exif({0x0131: f"GIMP by {secret}", 0x010E: secret, 0x013B: secret}),
        xmp=blocks.xmp(f'xmp:CreatorTool="{secret}"'),
        comment=secret.encode(),
    )
    found = measure(data)
    assert found.reasons == ("editor:gimp",)
    assert "Erika" not in repr(found)


# The score


def test_a_photograph_by_a_phone_is_genuine() -> None:
    found = measure(phone())
    assert found.status is Status.OK
    assert found.reasons == ()
    assert found.measures["gps"] == found.measures["camera"] == found.measures["maker_note"] == 1
    scored = Exif.score(found.measures, HARDENED)
    assert scored.value == 1.0
    assert scored.reasons == ()


def test_a_score_worked_by_hand() -> None:
    """Half the weight is the editor's; two thirds of the rest of the metadata are there."""
    block = blocks.exif({**blocks.CAMERA, 0x0131: "GIMP 2.10"}, {0x9003: "2023:12:01 10:00:00"})
    data = blocks.jpeg(exif=block, image=CARD)
    scored = score(data)
    assert scored.components == pytest.approx(
        {"software": 0.0, "metadata": 2 / 3, "dimensions": 1.0, "history": 1.0}
    )
    assert scored.value == pytest.approx(0.5 * 0 + 0.3 * 2 / 3 + 0.2)
    assert score(data, ExifMapping(worst=0.5)).value == pytest.approx(0.5 * scored.value)


@pytest.mark.parametrize("name", ["Adobe Photoshop 25.0", "GIMP 2.10", "Canva", "Midjourney"])
def test_an_editor_lowers_the_score(name: str) -> None:
    edited = phone({0x0131: name}, image=CARD)
    assert score(edited).value == pytest.approx(0.5)
    assert score(edited, HARDENED).value < 0.3


@pytest.mark.parametrize("channel", ["upload", "sdk"])
def test_stripped_metadata_where_they_should_be(channel: Channel) -> None:
    found = measure(blocks.jpeg(image=CARD), channel)
    assert found.status is Status.OK
    assert found.reasons == ("no_metadata",)
    assert Exif.score(found.measures, ExifMapping()).components["metadata"] == 0.0
    assert Exif.score(found.measures, ExifMapping()).value == pytest.approx(0.7)
    assert Exif.score(found.measures, HARDENED).value == pytest.approx(0.64, abs=0.05)


def test_a_canvas_strips_everything() -> None:
    found = measure(blocks.jpeg(), "browser")
    assert found.status is Status.ABSTAINED
    assert found.reasons == ("no_metadata_in_this_channel",)


def test_an_editor_counts_in_a_browser_too() -> None:
    edited = blocks.jpeg(exif=blocks.exif({0x0131: "GIMP 2.10"}), image=CARD)
    assert measure(edited, "browser").reasons == ("editor:gimp",)
    scored = score(edited, channel="browser")
    assert "metadata" not in scored.components
    assert scored.value == pytest.approx(0.2 / 0.7)


@pytest.mark.parametrize(
    ("size", "of_document", "of_camera"),
    [
        ((856, 540), True, False),  # ID-1
        ((1050, 740), True, False),  # ID-2
        ((880, 1250), True, False),  # ID-3, upright
        ((1200, 900), False, True),  # 4:3
        ((900, 1600), False, True),  # 9:16
        ((1000, 1000), False, True),
        ((1130, 1000), False, False),
        ((1000, 350), False, False),
    ],
)
def test_dimensions(size: tuple[int, int], of_document: bool, of_camera: bool) -> None:
    found = measure(blocks.jpeg(image=blocks.scene(*size))).measures
    assert found["aspect_ratio"] == max(size) / min(size)
    for mapping, usual in ((ExifMapping(), of_document), (HARDENED, of_document or of_camera)):
        scored = Exif.score(found, mapping)
        assert scored.components["dimensions"] == (1.0 if usual else 0.0)
        assert ("unusual_dimensions" in scored.reasons) is not usual


def test_the_ratio_of_a_document() -> None:
    found = measure(blocks.jpeg(image=blocks.scene(856, 540))).measures
    assert found["document_ratio_error"] < 0.001
    assert found["camera_ratio_error"] == pytest.approx(85.6 / 54.0 / 1.5 - 1, abs=0.001)


# Contradictions


def history(data: bytes) -> Score:
    return score(data, HARDENED)


def test_modified_after_capture() -> None:
    taken = {0x9003: "2024:01:01 10:00:00"}
    assert history(phone({0x0132: "2024:01:01 10:00:30"}, taken)).reasons == ()
    later = history(phone({0x0132: "2024:01:01 12:00:00"}, taken))
    assert later.reasons == ("modified_after_capture",)
    assert later.components["history"] == 0.5
    found = measure(phone({0x0132: "2024:01:01 12:00:00"}, taken)).measures
    assert found["seconds_to_modification"] == 7200


def test_modified_before_capture() -> None:
    """Local times of two zones may be a day apart, and no more."""
    taken = {0x9003: "2024:01:03 10:00:00"}
    assert history(phone({0x0132: "2024:01:02 10:00:00"}, taken)).reasons == ()
    earlier = history(phone({0x0132: "2024:01:01 10:00:00"}, taken))
    assert earlier.reasons == ("modified_before_capture",)
    assert earlier.components["history"] == 0.5


def test_taken_in_the_future() -> None:
    """The time is local, and may be 14 hours ahead of UTC."""
    assert history(phone(capture={0x9003: "2025:06:02 10:00:00"})).reasons == ()
    ahead = history(phone(capture={0x9003: "2025:06:09 10:00:00"}))
    assert ahead.reasons == ("taken_in_the_future",)
    assert ahead.components["history"] == 0.0
    assert ahead.value < 0.3


@pytest.mark.parametrize(
    ("tags", "taken", "possible"),
    [
        ({0x0110: "iPhone 12 Pro", 0x0131: "14.1"}, "2020:11:01 10:00:00", True),
        ({0x0110: "iPhone 12 Pro", 0x0131: "14.1"}, "2019:11:01 10:00:00", False),
        ({0x0110: "iPhone 12", 0x0131: "17.1"}, "2021:11:01 10:00:00", False),
        ({0x0110: "iPhone 8", 0x0131: "GIMP 2"}, "2018:11:01 10:00:00", True),
        ({0x010F: "Google", 0x0110: "Pixel 8 Pro"}, "2023:10:06 22:53:51", True),
        ({0x010F: "Google", 0x0110: "Pixel 8 Pro"}, "2022:10:06 22:53:51", False),
        ({0x010F: "samsung", 0x0110: "SM-G991B"}, "2019:05:01 10:00:00", False),
        ({0x010F: "samsung", 0x0110: "SM-G991B"}, "2022:05:01 10:00:00", True),
        ({0x010F: "NoName", 0x0110: "Pixel 8"}, "1999:01:01 10:00:00", True),
    ],
)
def test_taken_before_the_camera_was_sold(
    tags: dict[int, object], taken: str, possible: bool
) -> None:
    scored = history(phone(tags, {0x9003: taken}))
    assert ("taken_before_the_camera" in scored.reasons) is not possible


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        ((320, 240), ()),
        ((240, 320), ()),  # turned
        ((4032, 3024), ("resized_after_capture",)),
        ((320, 320), ("cropped_after_capture",)),
    ],
)
def test_another_size_than_exif_says(stated: tuple[int, int], reason: tuple[str, ...]) -> None:
    assert history(phone(capture={0xA002: stated[0], 0xA003: stated[1]})).reasons == reason


def test_sizes_beyond_reason_stay_finite() -> None:
    page = Page.of(decode_image(phone(capture={0xA002: 2**32 - 1, 0xA003: 1})))
    assert Runner(Exif())(page).status is Status.OK


# Thumbnails


def small(image: PIL.Image.Image, size: tuple[int, int] = (160, 120)) -> PIL.Image.Image:
    return image.resize(size, PIL.Image.Resampling.BOX)


def test_the_thumbnail_of_the_picture() -> None:
    image = blocks.scene(640, 480)
    scored = history(phone(image=image, thumbnail=small(image)))
    assert scored.components["thumbnail"] == 1.0
    assert scored.reasons == ()


def test_a_portrait_replaced_under_the_thumbnail() -> None:
    image = blocks.scene(640, 480)
    edited = image.copy()
    edited.paste(blocks.scene(160, 200, seed=9), (40, 120))
    found = measure(phone(image=edited, thumbnail=small(image))).measures
    assert found["thumbnail_ratio_error"] == 0
    assert found["thumbnail_difference"] < 0.5
    assert found["thumbnail_local_difference"] > 0.7
    scored = history(phone(image=edited, thumbnail=small(image)))
    assert scored.reasons == ("thumbnail_differs",)
    assert scored.components["thumbnail"] == 0.0


def test_a_thumbnail_of_another_ratio() -> None:
    image = blocks.scene(640, 480)
    scored = history(phone(image=image.crop((0, 0, 640, 400)), thumbnail=small(image)))
    assert "thumbnail_differs" in scored.reasons
    assert (
        "thumbnail_local_difference"
        not in measure(phone(image=image.crop((0, 0, 640, 400)), thumbnail=small(image))).measures
    )


def test_brightness_and_contrast_do_not_matter() -> None:
    image = blocks.scene(640, 480)
    dull = small(image).point(lambda level: 40 + level // 2)
    assert history(phone(image=image, thumbnail=dull)).components["thumbnail"] == 1.0


@pytest.mark.parametrize("junk", [b"\xff\xd8\xff", b"not an image", b"\xff\xd8\xff\xd9" * 20])
def test_a_thumbnail_that_is_none(junk: bytes) -> None:
    block = blocks.exif(blocks.CAMERA, blocks.CAPTURE, thumbnail=junk)
    found = measure(blocks.jpeg(exif=block))
    assert found.status is Status.OK
    assert "thumbnail_ratio_error" not in found.measures


def test_the_picture_of_the_check() -> None:
    image = blocks.scene(640, 480)
    page = Page.of(decode_image(phone(image=image, thumbnail=small(image))))
    picture = Exif().picture(page)
    assert picture is not None
    assert (picture.shape, picture.dtype) == ((120, 3 * 160, 3), np.uint8)
    assert picture[:, 320:].mean() < 5
    assert Exif().picture(Page.of(decode_image(phone()))) is None


def test_the_input_is_not_changed() -> None:
    page = Page.of(decode_image(phone(thumbnail=small(blocks.scene()))))
    before = page.pixels.copy()
    first = Exif(lambda: NOW).measure(page)
    assert Exif(lambda: NOW).measure(page) == first
    assert (page.pixels == before).all()


# Damaged files


def _full(form: str) -> bytes:
    block = blocks.exif(
        {**blocks.CAMERA, 0x0132: "2024:01:01 00:00:00"},
        blocks.CAPTURE,
        {2: (1, 2, 3), 4: (4, 5, 6)},
        thumbnail=blocks.encode(blocks.scene(80, 60)),
    )
    packet = blocks.xmp('xmp:CreatorTool="GIMP 2.10"', blocks.history("Gimp 2.10"))
    small = blocks.scene(64, 64)
    if form == "jpeg":
        resources = blocks.iptc((65, "FotoStation")) + blocks.version("a", "b")
        return blocks.jpeg(
            exif=block, xmp=packet, resources=resources, comment=b"hello", image=small
        )
    if form == "png":
        return blocks.png({"Software": "Canva", "XML:com.adobe.xmp": packet}, True)
    return blocks.encode(small, "WEBP", exif=b"Exif\0\0" + block, xmp=packet.encode())


PIXELS = np.asarray(blocks.scene(64, 48))
FULL = {form: _full(form) for form in ("jpeg", "png", "webp")}


@settings(max_examples=300, deadline=None)
@given(
    form=st.sampled_from(["jpeg", "png", "webp"]),
    patches=st.lists(
        st.tuples(st.integers(0, 2**16), st.binary(min_size=1, max_size=8)), max_size=12
    ),
    cut=st.integers(0, 2**16),
)
def test_no_damage_raises(form: ImageFormat, patches: list[tuple[int, bytes]], cut: int) -> None:
    data = bytearray(FULL[form])
    for at, patch in patches:
        at %= min(len(data), 6_000)  # where the metadata lie
        data[at : at + len(patch)] = patch
    if cut % 3 == 0:
        del data[cut % len(data) :]
    page = Page(PIXELS, form, bytes(data))
    found = Exif(lambda: NOW).measure(page)
    assert all(map(math.isfinite, found.measures.values()))
    for mapping in (ExifMapping(), HARDENED):
        assert 0 <= Exif.score(found.measures, mapping).value <= 1
    Exif().picture(page)


# Real programs and real files


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    path = tmp_path / "photograph.jpg"
    path.write_bytes(phone(image=blocks.scene(640, 480)))
    return path


def _program(names: tuple[str, ...], says: str) -> str:
    """A program's path; a stand-in of the same name does not say what the program says."""
    for name in names:
        path = shutil.which(name)
        if path is None:
            continue
        flag = "--version" if name.startswith("gimp") else "-version"
        run = subprocess.run([path, flag], capture_output=True, text=True, timeout=60, check=False)
        if says in run.stdout:
            return path
    pytest.skip(f"{names[0]} is not installed")


def test_edited_with_imagemagick(photograph: Path) -> None:
    """It names itself in a PNG only; a JPEG shows the size that EXIF still gives."""
    magick = _program(("magick", "convert"), "Version: ImageMagick")
    edited = photograph.with_suffix(".png")
    subprocess.run([magick, photograph, "-negate", edited], check=True, timeout=60)
    found = measure(edited.read_bytes())
    assert "editor:imagemagick" in found.reasons
    assert found.measures["malformed_blocks"] == 0
    assert found.measures["camera"] == 1


def test_edited_with_gimp(photograph: Path) -> None:
    gimp = _program(("gimp-console", "gimp"), "GNU Image Manipulation Program")
    edited = [photograph.with_name(f"edited{suffix}") for suffix in (".jpg", ".png")]
    saved = " ".join(
        f'(gimp-file-save RUN-NONINTERACTIVE image layer "{path}" "b")' for path in edited
    )
    script = (
        f'(let* ((image (car (gimp-file-load RUN-NONINTERACTIVE "{photograph}" "a")))'
        " (layer (car (gimp-image-get-active-drawable image))))"
        f" (gimp-drawable-invert layer FALSE) {saved})"
    )
    subprocess.run(
        [gimp, "-n", "-i", "-d", "-f", "-b", script, "-b", "(gimp-quit 0)"],
        check=False,  # some versions crash on leaving
        capture_output=True,
        timeout=200,
    )
    for path in edited:
        found = measure(path.read_bytes())
        assert "editor:gimp" in found.reasons
        assert found.measures["malformed_blocks"] == 0
        scored = Exif.score(found.measures, HARDENED)
        assert "modified_after_capture" in scored.reasons
        assert scored.value < 0.3


@pytest.mark.data
def test_real_files(data_dir: Path) -> None:
    """Of files large enough to be let in, every one is judged; no honest thumbnail differs."""
    edited, thumbnails, untouched = [], [], []
    for file in sorted((data_dir / "exif").rglob("*.*")):
        try:
            page = Page.of(decode_image(file.read_bytes()))
        except MediaError:
            continue
        measured = Runner(Exif(lambda: NOW))(page)
        assert measured.status is Status.OK
        value = Exif.score(measured.measures, HARDENED).value
        (edited if measured.measures["editor_tags"] else untouched).append(value)
        if "thumbnail_local_difference" in measured.measures:
            thumbnails.append(measured.measures["thumbnail_local_difference"])
    assert len(edited) == 15
    assert max(edited) < 0.2
    assert len(untouched) == 26
    assert sum(value < 0.5 for value in untouched) == 1  # a camera whose clock is years ahead
    assert len(thumbnails) == 28
    assert max(thumbnails) < 0.4


def test_pillow_keeps_what_it_is_given() -> None:
    """The blocks that the tests build are blocks that others read, too."""
    with PIL.Image.open(io.BytesIO(phone({0x0131: "GIMP 2.10"}))) as image:
        assert image.getexif()[0x0131] == "GIMP 2.10"
