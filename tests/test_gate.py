"""Real faces, good and spoilt, before the gate of `hardened`: the expected reason for each."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from moving_faces import face_depth
from moving_faces import turned as turned_head
from numpy.typing import NDArray
from PIL import Image
from poor_faces import (
    blurred,
    compressed,
    exposed,
    lit_from_the_left,
    turned,
    with_hair_over_the_right_eye,
    with_sunglasses,
)

from detectors.face import FaceLocator
from fusion.policy import load_policy
from fusion.quality import Assessment, QualityRefused, assess
from media.capture import Capture
from media.errors import MediaError
from pipeline import FaceStage, Pipeline

Pixels = NDArray[np.uint8]
Points = NDArray[np.float32]

HARDENED = load_policy("hardened").quality


@pytest.fixture(scope="module")
def locator() -> FaceLocator:
    locator = FaceLocator()
    locator.load()
    return locator


@pytest.fixture(scope="module")
def portrait(astronaut: Pixels) -> Pixels:
    """The astronaut as a selfie: 840 by 840 pixels, a face of 250."""
    cut = cv2.resize(astronaut[:280, 84:364], (840, 840), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(cut)


@pytest.fixture(scope="module")
def points(locator: FaceLocator, portrait: Pixels) -> Points:
    return landmarks_of(locator, portrait)


def landmarks_of(locator: FaceLocator, pixels: Pixels) -> Points:
    bundle = locator.locate(pixels).bundle
    assert bundle is not None
    return np.asarray(bundle.landmarks[:, :2] / bundle.crop_scale + bundle.crop_origin, np.float32)


def judged(locator: FaceLocator, pixels: Pixels) -> Assessment:
    return assess(HARDENED, locator.locate(pixels).quality)


def profile(pixels: Pixels, points: Points, yaw: float) -> Pixels:
    landmarks = np.column_stack([points, np.zeros(len(points), np.float32)])
    depth = face_depth(landmarks, pixels.shape[:2])
    centre = (float(points[:468, 0].mean()), float(points[:468, 1].mean()))
    return turned_head(pixels, depth, centre, 3.0 * float(np.ptp(points[:468, 0])), yaw)


def small(pixels: Pixels) -> Pixels:
    canvas = np.full((900, 1200, 3), 120, np.uint8)
    canvas[300:580, 400:680] = cv2.resize(pixels, (280, 280), interpolation=cv2.INTER_AREA)
    return canvas


def beside_another(pixels: Pixels) -> Pixels:
    return np.ascontiguousarray(np.hstack([pixels, pixels[:, ::-1]]))


SPOILT: dict[str, tuple[Callable[[Pixels, Points], Pixels], set[str]]] = {
    "blurred": (lambda pixels, _: blurred(pixels, 6.0), {"face_blurry"}),
    "dark": (lambda pixels, _: exposed(pixels, 0.1), {"low_brightness", "face_dark"}),
    "bright": (lambda pixels, _: exposed(pixels, 2.5), {"face_bright"}),
    "small": (lambda pixels, _: small(pixels), {"face_too_small"}),
    "rotated": (lambda pixels, _: turned(pixels, 35.0), {"head_tilted"}),
    "profile": (lambda pixels, points: profile(pixels, points, 50.0), {"head_turned"}),
    "other profile": (lambda pixels, points: profile(pixels, points, -50.0), {"head_turned"}),
    "sunglasses": (with_sunglasses, {"eyes_covered"}),
    "brown sunglasses": (lambda p, points: with_sunglasses(p, points, 0.25), {"eyes_covered"}),
    "hair": (with_hair_over_the_right_eye, {"eye_covered"}),
    "side light": (lambda p, points: lit_from_the_left(p, points, 0.04), {"uneven_light"}),
    "compressed": (lambda pixels, _: compressed(pixels, 10), {"compressed"}),
    "cut": (lambda pixels, points: pixels[int(points[:, 1].min()) + 20 :], {"face_at_edge"}),
    "two": (lambda pixels, _: beside_another(pixels), {"several_faces"}),
    "none": (lambda pixels, _: np.full_like(pixels, 128), {"no_face"}),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_face_is_refused_for_what_is_wrong_with_it(
    locator: FaceLocator, portrait: Pixels, points: Points, how: str
) -> None:
    spoil, expected = SPOILT[how]
    found = judged(locator, np.ascontiguousarray(spoil(portrait, points)))
    assert not found.is_valid
    assert expected <= set(found.reasons)
    assert found.score < 50


MILD: dict[str, Callable[[Pixels, Points], Pixels]] = {
    "untouched": lambda pixels, _: pixels,
    "a little soft": lambda pixels, _: blurred(pixels, 0.6),
    "dim": lambda pixels, _: exposed(pixels, 0.45),
    "mirrored": lambda pixels, _: pixels[:, ::-1],
    "tilted a little": lambda pixels, _: turned(pixels, 10.0),
    "turned a little": lambda pixels, points: profile(pixels, points, 10.0),
    "light from a window": lambda pixels, points: lit_from_the_left(pixels, points, 0.6),
    "saved again": lambda pixels, _: compressed(pixels, 80),
    "tinted glasses": lambda pixels, points: with_sunglasses(pixels, points, 0.75),
}


@pytest.mark.parametrize("how", MILD)
def test_a_good_face_passes(
    locator: FaceLocator, portrait: Pixels, points: Points, how: str
) -> None:
    found = judged(locator, np.ascontiguousarray(MILD[how](portrait, points)))
    assert found.reasons == ()
    assert found.score > 50


@pytest.mark.data
def test_real_sunglasses_are_seen_and_real_glasses_are_not_taken_for_them(
    locator: FaceLocator, data_dir: Any
) -> None:
    def reasons(name: str) -> set[str]:
        pixels = cv2.imread(str(data_dir / "synthetic/ffhq_real" / name))[..., ::-1]
        return set(judged(locator, np.ascontiguousarray(pixels)).reasons)

    dark = {"162.jpg", "358.jpg", "362.jpg", "370.jpg", "412.jpg"}
    for name in dark:
        assert "eyes_covered" in reasons(name), name
    faces = {path.name for path in (data_dir / "synthetic/ffhq_real").glob("*.jpg")}
    for name in sorted(faces - dark)[:40]:
        assert not reasons(name) & {"eyes_covered", "eye_covered"}, name


@pytest.mark.data
@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda p, points: blurred(p, 0.03 * float(np.ptp(points[:468, 0]))), "face_blurry"),
        (with_sunglasses, "eyes_covered"),
        (lambda p, _: exposed(p, 0.1), "face_dark"),
        (lambda p, _: turned(p, 35.0), "head_tilted"),
    ],
    ids=["blurred", "sunglasses", "dark", "rotated"],
)
def test_dark_and_light_faces_of_a_webcam_are_refused_alike(
    locator: FaceLocator, data_dir: Any, spoil: Any, expected: str
) -> None:
    """Twelve people of Replay-Attack before its plain background, spoilt and not."""
    folder = data_dir / "pad/replay_attack/devel"
    files = sorted(folder.glob("*authenticate_controlled_1_frame_00000.jpg"))[:12]
    assert len(files) == 12
    refused = 0
    for file in files:
        pixels = np.ascontiguousarray(cv2.imread(str(file))[..., ::-1])
        points = landmarks_of(locator, pixels)
        assert expected not in judged(locator, pixels).reasons
        refused += expected in judged(locator, spoil(pixels, points)).reasons
    assert refused >= 11


@pytest.mark.data
def test_real_profiles_and_closed_eyes(locator: FaceLocator, data_dir: Any) -> None:
    folder = data_dir / "synthetic/ffhq_real"
    for name, word in (("28.jpg", "head_turned"), ("120.jpg", "head_turned")):
        pixels = np.ascontiguousarray(cv2.imread(str(folder / name))[..., ::-1])
        assert word in judged(locator, pixels).reasons


# The stages


def jpeg(pixels: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95)
    return file.getvalue()


def test_a_poor_selfie_is_refused_before_its_clip_is_looked_at(portrait: Pixels) -> None:
    """The clip is no clip, which is found out only by whoever decodes it."""
    stage = FaceStage()
    capture = Capture(jpeg(exposed(portrait, 0.1)), clip=b"%PDF-1.7", gate=True)
    found = stage(capture, HARDENED)
    assert found.refusal is not None
    assert "low_brightness" in found.refusal.reasons
    with pytest.raises(MediaError):
        stage(capture)
    with pytest.raises(MediaError):
        stage(Capture(jpeg(portrait), clip=b"%PDF-1.7", gate=True), HARDENED)


def test_the_pipeline_refuses_only_where_the_capture_asks_for_the_gate(portrait: Pixels) -> None:
    pipeline = Pipeline(load_policy("hardened"))
    poor, good = jpeg(exposed(portrait, 0.1)), jpeg(portrait)
    with pytest.raises(QualityRefused) as caught:
        pipeline.verify(Capture(poor, gate=True))
    assert "face_dark" in caught.value.assessment.reasons
    ungated = pipeline.verify(Capture(poor)).face.assessment
    assert ungated == caught.value.assessment
    passed = pipeline.verify(Capture(good, gate=True)).face.assessment
    assert passed is not None
    assert passed.is_valid


def test_a_selfie_that_is_looked_at_is_measured_as_one_that_is_verified(portrait: Pixels) -> None:
    pipeline = Pipeline(load_policy("faithful"))
    looked, found = pipeline.look(jpeg(portrait)), pipeline.locate(Capture(jpeg(portrait)))
    assert looked.quality == found.located.quality
    assert looked.box == found.located.box
