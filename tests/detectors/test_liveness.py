from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import single_logit
from bundles import bundle_with
from moving_faces import Frame
from numpy.typing import NDArray

from detectors.chroma import ColourFormula
from detectors.contracts import FaceBundle, Status, Still
from detectors.face import FaceLocator
from detectors.liveness import (
    MIN_BOX,
    MIN_ROOM,
    Liveness,
    LivenessMapping,
    mesh_box,
)
from detectors.liveness_own import OWN_MODEL
from detectors.minifasnet import MEMBERS
from detectors.pixels import IMAGENET_MEAN, IMAGENET_STD, Box, Pixels
from media.images import decode_image
from models import manifest
from models.store import ACCEPT_RESEARCH, ModelUnavailable

PAIR = LivenessMapping()
"""As the reference has it."""
FUSED = LivenessMapping(members=tuple(MEMBERS), mean="log_odds")


@pytest.fixture(autouse=True)
def _nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(OWN_MODEL, raising=False)
    monkeypatch.delenv(ACCEPT_RESEARCH, raising=False)


@pytest.fixture(scope="module")
def locator() -> FaceLocator:
    made = FaceLocator()
    made.load()
    return made


@pytest.fixture(scope="module")
def astronauts_face(locator: FaceLocator, astronaut: NDArray[np.uint8]) -> FaceBundle:
    bundle = locator.locate(astronaut).bundle
    assert bundle is not None
    return bundle


def loaded(own: Path | None = None) -> Liveness:
    detector = Liveness(own)
    detector.load()
    return detector


def plain(red: int, green: int, blue: int) -> FaceBundle:
    """A frame of one colour, with a face of 100 by 120 pixels in its middle."""
    landmarks = np.zeros((478, 3), np.float32)
    landmarks[:2, :2] = (150, 140), (250, 260)
    landmarks[2:, :2] = (200, 200)
    return bundle_with(
        frame=np.full((400, 400, 3), (red, green, blue), np.uint8),
        frame_size=(400, 400),
        landmarks=landmarks,
    )


# A model of the operator's own.


def test_its_one_logit_is_that_of_a_spoof(tmp_path: Path) -> None:
    """White is 2.4 standard deviations above ImageNet's mean, black 2 below."""
    detector = loaded(single_logit.write(tmp_path / "own.onnx", (1.0, 0.0, 0.0)))
    for level, sign in ((255, -1), (0, 1)):
        measured = detector.measure(plain(level, 0, 0))
        wanted = -float((level / 255 - IMAGENET_MEAN[0]) / IMAGENET_STD[0])
        assert measured.measures["own"] == pytest.approx(wanted, rel=1e-3)
        assert math.copysign(1, measured.measures["own"]) == sign
        score = Liveness.score(measured.measures, PAIR)
        assert score.value == pytest.approx(1 / (1 + math.exp(-wanted)), rel=1e-3)
        assert score == Liveness.score(measured.measures, FUSED)


def test_it_is_asked_in_rgb_with_the_statistics_of_imagenet(tmp_path: Path) -> None:
    own = single_logit.write(tmp_path / "own.onnx", (1.0, 10.0, 100.0))
    measured = loaded(own).measure(plain(10, 20, 30))
    normal = (np.array([10, 20, 30]) / 255 - IMAGENET_MEAN) / IMAGENET_STD
    assert -measured.measures["own"] == pytest.approx(normal @ [1, 10, 100], rel=1e-3)


def test_it_answers_alone_and_is_recorded_by_its_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = single_logit.write(tmp_path / "own.onnx", (1.0, 0.0, 0.0))
    monkeypatch.setenv(OWN_MODEL, str(own))
    measured = loaded().measure(plain(9, 9, 9))
    assert not measured.measures.keys() & MEMBERS.keys()
    assert measured.model == hashlib.sha256(own.read_bytes()).hexdigest()


def test_one_that_looks_at_four_pictures_sees_the_selfie_and_four_stills(tmp_path: Path) -> None:
    detector = loaded(single_logit.write(tmp_path / "own.onnx", (1.0, 0.0, 0.0), 32, images=4))
    alone = detector.measure(plain(100, 0, 0)).measures
    assert "own_clip" not in alone
    stills = tuple(still(at, float(at)) for at in range(6))
    found = detector.measure(replace(plain(100, 0, 0), stills=stills)).measures
    assert found["own"] == alone["own"] == pytest.approx(-normal(100), rel=1e-3)
    assert found["stills"] == 4
    levels = [100 + 10 * at for at in (0, 2, 3, 5)]
    assert found["own_clip"] == pytest.approx(-np.mean([normal(level) for level in levels]), 1e-3)


def test_the_selfie_counts_beside_four_stills() -> None:
    """Or a live clip would carry any selfie."""
    measures = {"own": -2.0, "own_clip": 4.0, "stills": 4.0, "box_px": 90.0}
    score = Liveness.score(measures, LivenessMapping(own_shift=0.5, clip_weight=0.5))
    assert score.value == pytest.approx(1 / (1 + math.exp(-(1.0 - 0.5))))
    assert score.components.keys() == {"own", "clip"}
    whole = Liveness.score(measures, LivenessMapping(clip_weight=1.0)).value
    assert whole == pytest.approx(1 / (1 + math.exp(-4.0)))


def normal(level: int) -> float:
    """What a network sees of a red of 0 to 255."""
    return float((level / 255 - IMAGENET_MEAN[0]) / IMAGENET_STD[0])


# Which members answer.


def test_without_any_weights_it_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PALISADE_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ModelUnavailable, match="palisade models fetch minifasnet_v2") as missing:
        loaded()
    assert missing.value.reason == "weights_missing"


@pytest.mark.weights
@pytest.mark.parametrize(
    ("files", "accept", "members"),
    [
        (("minifasnet_v2",), "0", {"v2_1_5", "v2_2_7"}),
        (("minifasnet_v1se",), "0", {"v1se_4_0"}),
        (("minifasnet_v2", "minifasnet_v2se"), "0", {"v2_1_5", "v2_2_7"}),
        (("minifasnet_v2se",), "1", {"v2se_1_5", "v2se_2_0"}),
        (("minifasnet_v2", "minifasnet_v1se", "minifasnet_v2se"), "1", set(MEMBERS)),
    ],
)
def test_each_file_that_is_here_and_allowed_is_asked(
    files: tuple[str, ...],
    accept: str,
    members: set[str],
    models_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in files:
        shutil.copy(models_dir / manifest.models()[name].file, tmp_path)
    monkeypatch.setenv("PALISADE_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv(ACCEPT_RESEARCH, accept)
    measured = loaded().measure(plain(90, 90, 90))
    assert measured.measures.keys() & MEMBERS.keys() == members
    used = [name for name in files if accept == "1" or name != "minifasnet_v2se"]
    assert measured.model == "+".join(manifest.models()[name].sha256 for name in used)


# Real faces.


@pytest.mark.weights
@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "live"), [("image_T1.jpg", True), ("image_F1.jpg", False), ("image_F2.jpg", False)]
)
def test_the_polarity_of_every_member_on_the_publishers_own_samples(
    file: str,
    live: bool,
    models_dir: Path,
    data_dir: Path,
    locator: FaceLocator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(ACCEPT_RESEARCH, "1")
    image = decode_image((data_dir / "pad/samples/minivision" / file).read_bytes())
    bundle = locator.locate(image.pixels).bundle
    assert bundle is not None
    measures = loaded().measure(bundle).measures
    assert {name: measures[name] > 0 for name in MEMBERS} == dict.fromkeys(MEMBERS, live)
    for mapping in (PAIR, FUSED):
        assert (Liveness.score(measures, mapping).value > 0.5) is live


@pytest.mark.weights
def test_every_answer_on_a_known_face(
    models_dir: Path, astronauts_face: FaceBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pinned: another crop, colour order, scale or class order moves these by whole units."""
    monkeypatch.setenv(ACCEPT_RESEARCH, "1")
    measures = loaded().measure(astronauts_face).measures
    known = {"v2_1_5": 1.7, "v2_2_7": 4.7, "v1se_4_0": 4.7, "v2se_1_5": 5.6, "v2se_2_0": 4.3}
    assert {name: measures[name] for name in MEMBERS} == pytest.approx(known, abs=0.5)


# Where it is asked, and where it is not believed.


def framed(left: int, top: int, right: int, bottom: int) -> FaceBundle:
    """A face of 100 by 120 pixels with so many pixels of the frame around it."""
    size = (left + 100 + right, top + 120 + bottom)
    landmarks = np.zeros((478, 3), np.float32)
    landmarks[:, :2] = (left + 50, top + 60)
    landmarks[:2, :2] = (left, top), (left + 100, top + 120)
    return bundle_with(
        frame=np.zeros((size[1], size[0], 3), np.uint8), frame_size=size, landmarks=landmarks
    )


class Told(Liveness):
    """An ensemble whose networks need no files."""

    def log_odds(self, pixels: Pixels, box: Box) -> dict[str, float]:
        return {"v2_2_7": float(pixels.mean()) + box[0]}


@pytest.fixture
def detector() -> Liveness:
    return Told()


def test_the_box_is_that_of_the_landmarks_in_the_reduced_frame() -> None:
    bundle = replace(
        framed(50, 40, 50, 40), crop_origin=(10.0, 20.0), crop_scale=2.0, frame_size=(400, 400)
    )
    # Halved, moved by the crop's corner, then halved again in a frame of 200 by 200.
    assert mesh_box(bundle) == pytest.approx((17.5, 20.0, 42.5, 50.0))


@pytest.mark.parametrize(
    ("around", "room", "status"),
    [
        ((100, 120, 100, 120), 3.0, Status.OK),
        ((0, 0, 200, 240), 3.0, Status.OK),  # a face in a corner has surroundings
        ((12, 20, 12, 20), 1.24, Status.OK),
        ((5, 60, 5, 60), 1.1, Status.ABSTAINED),
        ((60, 5, 60, 5), 130 / 120, Status.ABSTAINED),
    ],
)
def test_a_tight_crop_is_not_believed(
    detector: Liveness, around: tuple[int, int, int, int], room: float, status: Status
) -> None:
    measured = detector.measure(framed(*around))
    assert measured.measures["room"] == pytest.approx(room)
    assert measured.status is status
    assert measured.reasons == (() if status is Status.OK else ("crop_too_tight",))
    assert 1.0 < MIN_ROOM < 1.24
    assert "v2_2_7" in measured.measures  # on record all the same


def test_a_model_that_sees_only_the_face_needs_no_room(tmp_path: Path) -> None:
    own = loaded(single_logit.write(tmp_path / "own.onnx", (1.0, 0.0, 0.0)))
    assert own.measure(framed(5, 60, 5, 60)).status is Status.OK


def test_a_face_of_few_pixels_is_not_believed(detector: Liveness) -> None:
    bundle = framed(100, 120, 100, 120)
    for share, status in ((0.49, Status.OK), (0.47, Status.ABSTAINED)):
        height, width = (round(side * share) for side in bundle.frame.shape[:2])
        measured = detector.measure(replace(bundle, frame=bundle.frame[:height, :width]))
        assert measured.status is status, measured.measures
        assert (measured.measures["box_px"] >= MIN_BOX) is (status is Status.OK)


def test_what_the_bundle_was_not_sent_is_not_read(
    detector: Liveness, astronauts_face: FaceBundle
) -> None:
    only = astronauts_face.only(Liveness.needs)
    assert len(only.crop) == 0
    assert detector.measure(only).measures == detector.measure(astronauts_face).measures


# Scores.


MEASURES = {"v2_1_5": 2.0, "v2_2_7": 1.0, "v1se_4_0": -1.0, "v2se_1_5": 4.0, "v2se_2_0": 3.0}


def logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def test_the_reference_takes_the_mean_of_two_probabilities() -> None:
    score = Liveness.score({**MEASURES, "v2_2_7": 5.0}, PAIR)
    assert score.value == pytest.approx((logistic(5.0) + logistic(-1.0)) / 2)
    assert score.components == pytest.approx({"v2_2_7": logistic(5.0), "v1se_4_0": logistic(-1.0)})


def test_the_mean_of_log_odds_with_a_shift() -> None:
    wanted = logistic((2.0 + 1.0 - 1.0 + 4.0 + 3.0) / 5 - 0.5)
    assert Liveness.score(MEASURES, replace(FUSED, shift=0.5)).value == pytest.approx(wanted)


def test_a_model_of_the_operators_own_has_a_shift_of_its_own() -> None:
    mapping = replace(FUSED, shift=3.0, own_shift=1.0)
    assert Liveness.score({"own": 1.5}, mapping).value == pytest.approx(logistic(0.5))


def test_whoever_was_measured_counts_and_without_those_named_everybody() -> None:
    some = {"v2_1_5": 2.0, "v2se_1_5": 4.0}
    assert Liveness.score(some, FUSED).value == pytest.approx(logistic(3.0))
    fallback = Liveness.score(some, PAIR)
    assert fallback.value == pytest.approx((logistic(2.0) + logistic(4.0)) / 2)


def test_an_extreme_answer_overflows_nothing() -> None:
    for value, wanted in ((-5000.0, 0.0), (5000.0, 1.0)):
        assert Liveness.score({"v2_2_7": value}, PAIR).value == wanted


# Colours and detail.


COLOURS = {"colours": 0.1, "hue_spread_deg": 0.0, "fine_detail": 0.5}
FLAT = ColourFormula(bias=-3.0, colours=0.0, hue_spread=0.0, fine_detail=0.0)


def test_colours_support_within_their_cap_and_the_reference_has_none() -> None:
    plain = Liveness.fused(MEASURES, FUSED)
    for cap in (0.0, 1.0, 2.5):
        mapping = replace(FUSED, colour=FLAT, colour_cap=cap)
        assert Liveness.fused({**MEASURES, **COLOURS}, mapping) == pytest.approx(plain - cap)
        assert Liveness.fused(MEASURES, mapping) == plain  # an old record has no colours
    assert LivenessMapping().colour_cap == 0
    coloured = Liveness.score({**MEASURES, **COLOURS}, PAIR)
    assert coloured == Liveness.score(MEASURES, PAIR)


def test_a_model_of_the_operators_own_is_asked_alone() -> None:
    mapping = replace(FUSED, colour=FLAT, colour_cap=2.0)
    assert Liveness.fused({"own": 1.5, **COLOURS}, mapping) == 1.5


# The clip's stills.


def still(at: int, answer: float) -> Still:
    """A face of 60 by 72 pixels with room, of the colour that makes :class:`Answers` say so."""
    landmarks = np.zeros((478, 3), np.float32)
    landmarks[:, :2] = (100, 100)
    landmarks[:2, :2] = (70, 64), (130, 136)
    return Still(float(at), np.full((200, 200, 3), round(100 + 10 * answer), np.uint8), landmarks)


class Answers(Liveness):
    """Says what a still is told to say."""

    def log_odds(self, pixels: Pixels, box: Box) -> dict[str, float]:
        return {"v2_2_7": (float(pixels.mean()) - 100) / 10, "v1se_4_0": 0.0}


def asked(*answers: float) -> Mapping[str, float]:
    stills = tuple(still(at, 2 * answer) for at, answer in enumerate(answers))
    return Answers().measure(replace(framed(100, 120, 100, 120), stills=stills)).measures


@pytest.mark.parametrize(
    ("answers", "looked", "mean"),
    [
        ((5.0, -5.0, 3.0), 2, 4.0),  # both ends, and clear
        ((-4.5,), 1, -4.5),
        ((2.0, 3.5, 3.0), 3, 8.5 / 3),  # 2.5 < 4/√2, 2.83 > 4/√3
        ((2.0, -2.0, 1.0, -1.0, 0.5), 5, 0.1),  # never clear: all of them
        ((5.0, 5.0, 5.0, -5.0), 4, 2.5),  # who changes at the end is looked at throughout
    ],
)
def test_stills_are_asked_until_their_answers_are_clear(
    answers: tuple[float, ...], looked: int, mean: float
) -> None:
    found = asked(*answers)
    assert found["stills"] == looked
    assert (found["v2_2_7_clip"] + found["v1se_4_0_clip"]) / 2 == pytest.approx(mean)
    assert found["colours_clip"] == pytest.approx(1 / 2000)


def test_without_a_clip_there_are_no_votes() -> None:
    assert not [name for name in asked() if name.endswith("_clip") or name == "stills"]


def test_a_still_without_room_or_pixels_is_not_asked() -> None:
    tight = Still(0.0, still(0, 9.0).pixels[60:140, 68:132], still(0, 0).landmarks - (68, 60, 0))
    small = Still(1.0, still(1, 9.0).pixels, still(1, 0).landmarks * np.float32(0.5))
    bundle = replace(framed(100, 120, 100, 120), stills=(tight, small, still(2, 3.0)))
    found = Answers().measure(bundle).measures
    assert found["stills"] == 1
    assert found["v2_2_7_clip"] == pytest.approx(3.0)


def test_selfie_and_clip_both_count() -> None:
    measures = {**MEASURES, "stills": 3.0, **{f"{name}_clip": -2.0 for name in MEASURES}}
    selfie = Liveness.fused(MEASURES, FUSED)
    for weight in (0.0, 0.5, 1.0):
        mapping = replace(FUSED, clip_weight=weight, shift=0.5)
        wanted = (1 - weight) * selfie + weight * -2.0
        assert Liveness.fused(measures, mapping) == pytest.approx(wanted)
        score = Liveness.score(measures, mapping)
        assert score.value == pytest.approx(logistic(wanted - 0.5))
        assert ("clip" in score.components) is (weight > 0)
    assert Liveness.score(measures, PAIR) == Liveness.score(MEASURES, PAIR)


@pytest.mark.weights
def test_a_clip_of_a_known_face_is_judged_like_its_selfie(
    models_dir: Path, locator: FaceLocator, astronaut: NDArray[np.uint8]
) -> None:
    """Each network alone moves by units when a face is reduced; what they say together stays."""
    film = [Frame(at / 10, astronaut) for at in range(12)]
    bundle = locator.follow(locator.locate(astronaut), film).bundle
    assert bundle is not None
    assert len(bundle.stills) > 3
    found = loaded().measure(bundle.only(Liveness.needs)).measures
    assert 1 <= found["stills"] <= len(bundle.stills)
    means = [
        np.mean([found[name + end] for name in ("v2_1_5", "v2_2_7", "v1se_4_0")])
        for end in ("", "_clip")
    ]
    assert min(means) > 1
