from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from demo import scenes
from detectors.contracts import Status
from detectors.registry import DETECTORS
from docfraud.contracts import node_of
from docfraud.registry import CHECKS, SENSORS
from fusion.answers import Wanted
from fusion.pictures import illustrate
from fusion.policy import load_policy
from fusion.verdict import Decision, Verdict
from media.capture import Capture
from media.errors import MediaError
from pipeline import DocumentPipeline, Pipeline


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(load_policy("faithful"))


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=92)
    return file.getvalue()


@pytest.fixture(scope="module")
def selfie(astronaut: NDArray[np.uint8]) -> bytes:
    return jpeg(astronaut)


def status(verdict: Verdict, name: str) -> tuple[Status, tuple[str, ...]]:
    signal = next(signal for signal in verdict.signals if signal.name == name)
    return signal.status, signal.reasons


def test_a_face_gets_a_verdict_with_one_signal_for_every_detector(
    pipeline: Pipeline, selfie: bytes
) -> None:
    verdict = pipeline.verify(Capture(selfie))
    assert [signal.name for signal in verdict.signals] == [d.name for d in DETECTORS]
    assert verdict.score is not None
    assert sum(verdict.weights.values()) == pytest.approx(1.0)
    assert verdict.face.quality["faces"] == 1


def test_the_same_capture_scores_the_same(pipeline: Pipeline, selfie: bytes) -> None:
    first, second = (pipeline.verify(Capture(selfie)) for _ in range(2))
    assert first.score == second.score
    assert [s.measures for s in first.signals] == [s.measures for s in second.signals]
    assert first.session_id != second.session_id


def test_a_clip_brings_the_signals_of_clips(pipeline: Pipeline) -> None:
    scene = list(scenes())[-1]
    verdict = pipeline.verify(Capture(scene.selfie, clip=scene.clip))
    assert status(verdict, "rppg")[0] is Status.OK
    assert status(verdict, "parallax")[0] in (Status.OK, Status.ABSTAINED)


def test_stills_with_times_stand_for_a_clip(
    pipeline: Pipeline, astronaut: NDArray[np.uint8], selfie: bytes
) -> None:
    """A face that is lit brighter and darker once a second, as 40 pictures at 10 a second."""
    times = np.arange(40) / 10
    light = 1 + 0.02 * np.sin(2 * np.pi * times)
    stills = [jpeg((astronaut[:300, 90:390] / 1.1 * gain).astype(np.uint8)) for gain in light]
    capture = Capture(selfie, stills=tuple(stills), still_times=tuple(times.tolist()))
    verdict = pipeline.verify(capture)
    rppg = next(signal for signal in verdict.signals if signal.name == "rppg")
    assert rppg.measures["fps"] == pytest.approx(10.0)
    assert rppg.measures["duration_s"] == pytest.approx(3.9)
    assert status(verdict, "parallax") == (Status.ABSTAINED, ("insufficient_motion",))


def test_a_clip_that_was_asked_for_and_not_sent_is_withheld(
    pipeline: Pipeline, selfie: bytes
) -> None:
    asked = pipeline.verify(Capture(selfie, requested=frozenset({"clip"})))
    assert status(asked, "rppg") == (Status.WITHHELD, ("no_clip",))
    unasked = pipeline.verify(Capture(selfie))
    assert status(unasked, "rppg") == (Status.UNAVAILABLE, ("no_clip",))


def test_no_face_is_reviewed_with_its_reason(pipeline: Pipeline) -> None:
    verdict = pipeline.verify(Capture(jpeg(np.full((480, 640, 3), 128, np.uint8))))
    assert verdict.decision is Decision.REVIEW
    assert verdict.score is None
    assert "no_face" in verdict.reasons
    assert {signal.status for signal in verdict.signals} == {Status.UNAVAILABLE}


def test_a_document_is_examined_beside_the_face(pipeline: Pipeline, selfie: bytes) -> None:
    verdict = pipeline.verify(Capture(selfie, document=selfie))
    assert verdict.document is not None
    assert [check.name for check in verdict.document.checks] == [s.name for s in SENSORS]
    assert pipeline.verify(Capture(selfie)).document is None


def test_a_document_that_was_requested_and_not_sent_is_withheld(
    pipeline: Pipeline, selfie: bytes
) -> None:
    verdict = pipeline.verify(Capture(selfie, requested=frozenset({"document"})))
    assert verdict.document is not None
    assert verdict.document.status is Status.WITHHELD
    assert "document_withheld" in verdict.reasons


def test_a_document_alone_is_found_to_be_what_it_is_beside_a_face(
    pipeline: Pipeline, selfie: bytes
) -> None:
    alone = DocumentPipeline(load_policy("faithful"))(selfie, wanted=Wanted(heatmaps=True))
    beside = pipeline.verify(Capture(selfie, document=selfie)).document
    assert beside is not None
    assert alone.findings.score == beside.score
    assert alone.findings.comparisons == beside.comparisons
    assert alone.sides is None
    assert alone.heatmaps is not None
    assert set(alone.heatmaps) <= {check.name for check in CHECKS}


@pytest.mark.parametrize("part", ["selfie", "clip", "document"])
def test_broken_bytes_are_blamed_on_their_part(
    pipeline: Pipeline, selfie: bytes, part: str
) -> None:
    with pytest.raises(MediaError) as caught:
        pipeline.verify(Capture(**({"selfie": selfie} | {part: b"%PDF-1.7 not what you hoped"})))
    assert caught.value.part == part
    assert str(caught.value).startswith(f"{part}: ")


def test_what_is_measured_and_decided_needs_neither_ray_nor_fastapi() -> None:
    code = "import sys, pipeline; print(sorted({'ray', 'fastapi', 'starlette'} & set(sys.modules)))"
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == "[]"


def test_what_was_measured_is_drawn_beside_the_same_verdict(
    pipeline: Pipeline, selfie: bytes
) -> None:
    capture = Capture(selfie, document=selfie)
    verdict, pictures = pipeline.illustrate(capture)
    assert verdict.score == pipeline.verify(capture).score
    shown = [(picture.signal, picture.name) for picture in pictures]
    assert len(set(shown)) == len(shown)
    assert {
        ("eye_specular", "right_eye"),
        ("gan_texture", "radial_spectrum"),
        ("document_moire", "map"),
        ("document_ela", "foreign"),
    } <= set(shown)
    assert {signal for signal, _ in shown} <= {d.name for d in DETECTORS} | {
        node_of(check.name) for check in CHECKS
    }
    assert len(illustrate(verdict.to_json(), pictures)) < 500_000


def test_nothing_is_drawn_of_a_capture_without_a_face(pipeline: Pipeline) -> None:
    verdict, pictures = pipeline.illustrate(Capture(jpeg(np.full((300, 300, 3), 90, np.uint8))))
    assert verdict.score is None
    assert pictures == ()
