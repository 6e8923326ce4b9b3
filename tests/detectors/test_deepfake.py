from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import two_logits
from bundles import bundle_with
from media_corpus import clip
from numpy.typing import NDArray

from detectors import deepfake
from detectors.contracts import FaceBundle, Status
from detectors.deepfake import (
    MIN_CONFIDENCE,
    SEARCHED_CROP,
    SEARCHED_FRAME,
    Deepfake,
    DeepfakeMapping,
    Network,
    Undecided,
    padded,
    predict_deepfake,
    prepared,
)
from detectors.face import FaceLocator
from detectors.finders import Sighting, YuNet
from detectors.pixels import IMAGENET_MEAN, IMAGENET_STD, Box, Pixels
from models.store import ModelUnavailable, sha256

FACE: Box = (60.0, 60.0, 140.0, 160.0)
RED = (1.0, 0.0, 0.0)


class Finder:
    """Sees what it is told to, and keeps what it was asked."""

    name = "told"
    digest = "f" * 64

    def __init__(self, *faces: Sighting) -> None:
        self.faces = list(faces)
        self.asked: list[tuple[tuple[int, ...], float, int]] = []

    def find(self, pixels: Pixels, least: float, side: int) -> list[Sighting]:
        self.asked.append((pixels.shape, least, side))
        return [face for face in self.faces if face.confidence >= least]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A network that takes red faces for fakes."""
    return two_logits.write(tmp_path / "network.onnx", RED)


def loaded(weights: Path, *faces: Sighting) -> Deepfake:
    detector = Deepfake(weights, Finder(*(faces or (Sighting(FACE, 0.99),))))
    detector.load()
    return detector


def plain(red: int, green: int = 0, blue: int = 0) -> FaceBundle:
    return bundle_with(crop=np.full((200, 200, 3), (red, green, blue), np.uint8))


# Polarity and preparation, pinned.


@pytest.mark.parametrize(("level", "fake"), [(255, True), (0, False)])
def test_class_0_is_a_fake(weights: Path, level: int, fake: bool) -> None:
    """White red is 2.2 standard deviations above ImageNet's mean, black 2.1 below."""
    measured = loaded(weights).measure(plain(level))
    logit = float((level / 255 - IMAGENET_MEAN[0]) / IMAGENET_STD[0])
    assert measured.status is Status.OK
    assert measured.measures["log_odds"] == pytest.approx(-logit, rel=1e-3)
    score = Deepfake.score(measured.measures, DeepfakeMapping())
    assert (score.value < 0.5) is fake
    fakes = math.exp(logit) / (math.exp(logit) + 1)  # the softmax of the two logits
    assert score.value == pytest.approx(1 - fakes, rel=1e-3)


def test_it_is_asked_in_rgb_with_the_statistics_of_imagenet(tmp_path: Path) -> None:
    network = two_logits.write(tmp_path / "network.onnx", (1.0, 10.0, 100.0))
    measured = loaded(network).measure(plain(10, 20, 30))
    normal = (np.array([10, 20, 30]) / 255 - IMAGENET_MEAN) / IMAGENET_STD
    assert -measured.measures["log_odds"] == pytest.approx(normal @ [1, 10, 100], rel=1e-3)


def test_the_face_is_cut_with_20_pixels_around_it_where_there_are_so_many() -> None:
    picture = np.zeros((200, 200, 3), np.uint8)
    picture[40:180, 40:160] = 255  # the box, and 20 pixels
    assert padded(picture, Sighting(FACE, 1.0), 20.0).shape == (140, 120, 3)
    assert padded(picture, Sighting(FACE, 1.0), 20.0).min() == 255
    at_edge = Sighting((-10.0, 150.0, 50.0, 230.0), 1.0)
    assert padded(picture, at_edge, 20.0).shape == (70, 70, 3)


def test_the_padding_is_in_pixels_of_the_photograph(weights: Path) -> None:
    """Only the face is red; in a crop of half the size 20 pixels are 10."""
    crop = np.zeros((200, 200, 3), np.uint8)
    crop[60:160, 60:140] = (255, 0, 0)
    bundle = bundle_with(crop=crop)
    whole = loaded(weights).measure(bundle).measures["log_odds"]
    half = loaded(weights).measure(replace(bundle, crop_scale=0.5)).measures["log_odds"]
    assert half < whole  # less black around the face
    black, red = -IMAGENET_MEAN[0] / IMAGENET_STD[0], (1 - IMAGENET_MEAN[0]) / IMAGENET_STD[0]
    share = 80 * 100 / (100 * 120)
    assert -half == pytest.approx(share * red + (1 - share) * black, rel=0.02)


def test_the_filter_is_bicubic_and_smooth_where_it_shrinks() -> None:
    lines = np.zeros((1040, 1040, 3), np.uint8)
    lines[::4] = 255  # a filter of four pixels of the source would see but one line in four
    level = prepared(lines)[0, 0, 10:-10, 10:-10] * IMAGENET_STD[0] + IMAGENET_MEAN[0]
    assert level.mean() == pytest.approx(0.25, abs=0.01)
    assert level.std() < 0.01
    image = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 280, 3), np.uint8))
    bicubic = np.asarray(image.resize((260, 260), PIL.Image.Resampling.BICUBIC), np.float32)
    back = prepared(np.asarray(image))[0].transpose(1, 2, 0) * IMAGENET_STD + IMAGENET_MEAN
    np.testing.assert_allclose(back * 255, bicubic, atol=1e-2)


# Which face, and whether it is believed.


def test_the_largest_face_of_those_that_are_sure_is_asked_about(weights: Path) -> None:
    crop = np.zeros((200, 400, 3), np.uint8)
    crop[:, 200:] = (255, 0, 0)
    small, large, unsure = (
        Sighting((20.0, 20.0, 90.0, 90.0), 0.999),
        Sighting((240.0, 40.0, 360.0, 160.0), 0.91),
        Sighting((0.0, 0.0, 190.0, 190.0), 0.89),
    )
    measured = loaded(weights, small, large, unsure).measure(bundle_with(crop=crop))
    assert measured.measures["face_confidence"] == 0.91
    assert measured.measures["face_px"] == 120.0
    assert measured.measures["log_odds"] < 0  # it is the red one


def test_a_face_that_is_not_sure_is_none(weights: Path) -> None:
    detector = loaded(weights, Sighting(FACE, 0.8999))
    measured = detector.measure(plain(9))
    assert (measured.status, measured.reasons) == (Status.ABSTAINED, ("no_face",))
    assert MIN_CONFIDENCE == 0.90
    assert loaded(weights, Sighting(FACE, 0.90)).measure(plain(9)).status is Status.OK


@pytest.mark.parametrize(
    ("side", "scale", "status"),
    [
        (50.0, 1.0, Status.OK),
        (49.0, 1.0, Status.ABSTAINED),
        (30.0, 0.5, Status.OK),  # 60 pixels of the photograph
        (24.0, 0.5, Status.ABSTAINED),
    ],
)
def test_a_face_of_few_pixels_is_not_believed(
    weights: Path, side: float, scale: float, status: Status
) -> None:
    detector = loaded(weights, Sighting((10.0, 10.0, 10.0 + side, 110.0), 0.99))
    measured = detector.measure(replace(plain(9), crop_scale=scale))
    assert measured.status is status
    assert measured.reasons == (() if status is Status.OK else ("face_too_small",))
    assert measured.measures["face_px"] == side / scale
    assert ("log_odds" in measured.measures) is (status is Status.OK)


def test_a_crop_is_searched_small_and_a_picture_larger(weights: Path) -> None:
    detector = loaded(weights)
    detector.measure(plain(9))
    detector.look(plain(9).crop)
    assert [side for _, _, side in detector.finder.asked] == [SEARCHED_CROP, SEARCHED_FRAME]  # type: ignore[attr-defined]


def test_the_record_names_the_network_and_what_found_the_face(weights: Path) -> None:
    assert loaded(weights).measure(plain(9)).model == f"{sha256(weights)}+{Finder.digest}"


def test_a_shift_moves_where_it_is_undecided() -> None:
    assert Deepfake.score({"log_odds": 1.5}, DeepfakeMapping(1.5)).value == 0.5
    assert Deepfake.score({"log_odds": -5000.0}, DeepfakeMapping()).value == 0.0


# Files.


def test_without_weights_it_is_unavailable_and_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PALISADE_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert not Deepfake.installed()
    with pytest.raises(ModelUnavailable, match="palisade models export deepfake") as missing:
        Deepfake(finder=Finder()).load()
    assert missing.value.reason == "weights_missing"
    two_logits.install()
    assert Deepfake.installed()
    Deepfake(finder=Finder()).load()
    monkeypatch.setenv(deepfake.MODEL, "mine")
    assert not Deepfake.installed()
    with pytest.raises(ModelUnavailable, match="no model 'mine' here"):
        Deepfake(finder=Finder()).load()


def test_the_side_is_that_of_the_model(tmp_path: Path) -> None:
    small = loaded(two_logits.write(tmp_path / "small.onnx", RED, side=32))
    assert small.network.side == 32
    usual = loaded(two_logits.write(tmp_path / "usual.onnx", RED))
    answers = [one.measure(plain(200)).measures["log_odds"] for one in (small, usual)]
    assert answers[0] == pytest.approx(answers[1], rel=1e-4)


@pytest.mark.parametrize("wrong", ["noise", "size", "logits"])
def test_another_file_is_refused(wrong: str, tmp_path: Path) -> None:
    path = tmp_path / "network.onnx"
    if wrong == "noise":
        path.write_bytes(b"no model")
    if wrong == "size":
        two_logits.write(path, RED, side=2048)
    if wrong == "logits":
        two_logits.write(path, RED, logits=3)
    with pytest.raises(ModelUnavailable) as refused:
        Network(path)
    assert refused.value.reason == (
        "weights_unreadable" if wrong == "noise" else "weights_interface"
    )


def test_several_crops_have_several_answers(weights: Path) -> None:
    network = Network(weights)
    crops = np.concatenate([prepared(plain(level).crop) for level in (0, 128, 255)])
    together = network(crops)
    assert together.shape == (3,)
    assert together.tolist() == sorted(together, reverse=True)
    alone = [float(network(crop[None])[0]) for crop in crops]
    np.testing.assert_allclose(together, alone, rtol=1e-6)


# In one line, as in the reference.


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Finder]:
    """The store has a network, and faces are where the test says."""
    finder = Finder(Sighting((10.0, 5.0, 86.0, 60.0), 0.99))
    monkeypatch.setenv("PALISADE_MODELS", str(tmp_path / "store"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(deepfake, "best_finder", lambda: finder)
    deepfake._loaded.cache_clear()
    two_logits.install()
    yield finder
    deepfake._loaded.cache_clear()


@pytest.mark.parametrize(("level", "prediction"), [(255, "FAKE"), (0, "REAL")])
def test_the_answer_has_the_references_words(
    told: Finder, tmp_path: Path, level: int, prediction: str
) -> None:
    file = tmp_path / "face.png"
    PIL.Image.new("RGB", (96, 70), (level, 0, 0)).save(file)
    answer = predict_deepfake(str(file))
    assert list(answer) == ["prediction", "fake_confidence", "real_confidence"]
    assert answer["prediction"] == prediction
    fake = 1 / (1 + math.exp(-(level / 255 - IMAGENET_MEAN[0]) / IMAGENET_STD[0]))
    for word, share in (("fake_confidence", fake), ("real_confidence", 1 - fake)):
        assert re.fullmatch(r"\d{1,3}\.\d\d%", answer[word])
        assert float(answer[word][:-1]) == pytest.approx(100 * share, abs=0.02)


def test_of_a_clip_ten_frames_are_asked_about(told: Finder, tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    file.write_bytes(clip(frames=40, size=(96, 64)))
    assert predict_deepfake(file)["prediction"] in {"FAKE", "REAL"}
    assert len(told.asked) == 10


def test_three_frames_of_a_clip_need_a_face(told: Finder, tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    file.write_bytes(clip(frames=2, size=(96, 64)))
    with pytest.raises(Undecided, match="2 of 2 frames"):
        predict_deepfake(file)


def test_without_a_face_there_is_no_answer(told: Finder, tmp_path: Path) -> None:
    told.faces = []
    file = tmp_path / "wall.png"
    PIL.Image.new("RGB", (96, 70)).save(file)
    with pytest.raises(Undecided, match="no_face"):
        predict_deepfake(file)


# A real face.


@pytest.mark.weights
def test_a_real_face_is_found_again_in_its_crop(
    models_dir: Path, tmp_path: Path, weights: Path, astronaut: NDArray[np.uint8]
) -> None:
    locator = FaceLocator()
    locator.load()
    bundle = locator.locate(astronaut).bundle
    assert bundle is not None
    detector = Deepfake(weights, YuNet())
    detector.load()
    measured = detector.measure(bundle.only(Deepfake.needs))
    assert measured.status is Status.OK
    x0, _, x1, _ = bundle.box
    assert measured.measures["face_px"] == pytest.approx(x1 - x0, rel=0.25)
    whole = detector.look(astronaut)
    assert whole.measures["log_odds"] == pytest.approx(measured.measures["log_odds"], abs=0.2)
    mirrored = detector.look(np.ascontiguousarray(astronaut[:, ::-1]))
    assert mirrored.measures["log_odds"] == pytest.approx(whole.measures["log_odds"], abs=0.2)
