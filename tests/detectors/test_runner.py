from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bundles import bundle_with

from detectors.contracts import Clip, Detector, FaceBundle, Measurement, Measures, Score, Status
from detectors.face import FaceProblem, Located
from detectors.pictures import Image
from detectors.registry import DETECTORS
from detectors.rppg import Rppg
from detectors.runner import Runner, missing_input
from models.store import ModelUnavailable


class Probe(Detector[None]):
    name = "probe"
    needs = ("crop",)
    mapping = type(None)

    def __init__(self, found: Measurement | Exception, loading: Exception | None = None) -> None:
        self.found, self.loading = found, loading

    def load(self) -> None:
        if self.loading:
            raise self.loading

    def measure(self, bundle: FaceBundle) -> Measurement:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    @staticmethod
    def score(measures: Measures, mapping: None) -> Score:
        return Score(1.0, {})


@pytest.fixture
def bundle() -> FaceBundle:
    return bundle_with()


def test_a_measurement_passes_through_with_its_time(bundle: FaceBundle) -> None:
    measured = Runner(Probe(Measurement({"a": 1.0})))(bundle)
    assert measured.measures == {"a": 1.0}
    assert measured.status is Status.OK
    assert measured.elapsed_ms > 0


def test_an_exception_becomes_an_error_that_leaks_no_message(bundle: FaceBundle) -> None:
    measured = Runner(Probe(ValueError("secret")))(bundle)
    assert measured.status is Status.ERROR
    assert measured.reasons == ("ValueError",)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_measure_that_is_not_finite_is_an_error(value: float, bundle: FaceBundle) -> None:
    measured = Runner(Probe(Measurement({"a": 1.0, "b": value})))(bundle)
    assert measured.status is Status.ERROR
    assert measured.reasons == ("not_finite:b",)
    assert not measured.measures


def test_missing_weights_make_a_detector_unavailable(bundle: FaceBundle) -> None:
    runner = Runner(Probe(Measurement(), loading=ModelUnavailable("weights_missing", "fetch it")))
    measured = runner(bundle)
    assert measured.status is Status.UNAVAILABLE
    assert measured.lasting
    assert measured.reasons == ("weights_missing",)


def test_any_other_failure_to_load_is_loud() -> None:
    with pytest.raises(MemoryError):
        Runner(Probe(Measurement(), loading=MemoryError()))


@pytest.mark.parametrize(
    ("problems", "requested", "status", "reason"),
    [
        ((), (), Status.UNAVAILABLE, "no_clip"),
        ((), ("clip",), Status.WITHHELD, "no_clip"),
        ((FaceProblem.NO_FACE_IN_CLIP,), ("clip",), Status.ABSTAINED, "no_face_in_clip"),
    ],
)
def test_why_a_detector_of_clips_cannot_look(
    problems: Any, requested: Any, status: Status, reason: str, bundle: FaceBundle
) -> None:
    missing = missing_input(Rppg, Located(bundle, problems, {}), requested)
    assert missing is not None
    assert (missing.status, missing.reasons) == (status, (reason,))


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda d: d.name)
def test_without_a_face_nothing_can_look(detector: Any) -> None:
    missing = missing_input(detector, Located(None, (FaceProblem.NO_FACE,), {}))
    assert missing is not None
    assert missing.status is Status.UNAVAILABLE
    assert missing.reasons == ("no_face",)


def test_a_still_is_enough_for_a_detector_of_stills(bundle: FaceBundle) -> None:
    assert missing_input(DETECTORS[0], Located(bundle, (), {})) is None


def test_only_what_a_detector_needs_travels(bundle: FaceBundle) -> None:
    sent = bundle.only(("landmarks",))
    assert sent.crop.size == 0
    assert sent.frame.size == 0
    assert sent.landmarks.shape == (478, 3)
    assert sent.box == bundle.box
    assert sent.frame_size == bundle.frame_size


class Either(Probe):
    """Reads the clip where there is one."""

    needs = ("crop", "clip.times?")


def test_an_optional_field_is_not_missed_and_travels_where_it_is(bundle: FaceBundle) -> None:
    assert missing_input(Either, Located(bundle, (), {})) is None
    assert bundle.only(Either.needs).clip is None
    times = np.array([0.0, 0.1])
    clip = Clip(
        times=times,
        roi_rgb=np.zeros((2, 4, 3), np.float32),
        boxes=np.zeros((2, 4), np.float32),
        landmarks=np.zeros((2, 478, 3), np.float32),
        blendshapes=None,
        tracks=(),
        frame_size=(8, 8),
    )
    sent = replace(bundle, clip=clip).only(Either.needs).clip
    assert sent is not None
    assert sent.times is times
    assert sent.roi_rgb.size == 0


def test_names_are_unique() -> None:
    names = [detector.name for detector in DETECTORS]
    assert len(set(names)) == len(names)


class Draws(Probe):
    def __init__(self, drawn: Any, loading: Exception | None = None) -> None:
        super().__init__(Measurement(), loading)
        self.drawn = drawn

    def pictures(self, bundle: FaceBundle) -> Any:
        if isinstance(self.drawn, Exception):
            raise self.drawn
        return self.drawn


def test_what_is_drawn_passes_through(bundle: FaceBundle) -> None:
    image = Image("crop", "the crop", bundle.crop)
    assert Runner(Draws([image])).pictures(bundle) == (image,)
    assert Runner(Probe(Measurement())).pictures(bundle) == ()


def test_a_picture_that_fails_is_none_and_its_message_stays_unsaid(
    bundle: FaceBundle, caplog: pytest.LogCaptureFixture
) -> None:
    assert Runner(Draws(ValueError("secret"))).pictures(bundle) == ()
    assert "probe could not be drawn: ValueError" in caplog.text
    assert "secret" not in caplog.text


def test_without_weights_nothing_is_drawn(bundle: FaceBundle) -> None:
    missing = ModelUnavailable("weights_missing", "absent.onnx")
    assert Runner(Draws(ValueError("never asked"), missing)).pictures(bundle) == ()
