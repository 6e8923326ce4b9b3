"""A screen is drawn pixel by pixel and photographed by a simulated camera."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from simulated_screen import recaptured

from detectors.contracts import Measures, Status
from detectors.moire import MoireMapping, measure_moire, score_moire
from detectors.pixels import Pixels

PATCHWISE = MoireMapping(ratio_weight=0.0, interference_weight=1.0)
FOUND = {"peak_ratio": 0.5, "prominence": 5.0, "consistency": 0.5, "texture": 1.0}


def measures(pixels: Pixels) -> Measures:
    measured = measure_moire(pixels)
    assert measured.status is Status.OK
    return measured.measures


def patchwise(pixels: Pixels) -> float:
    return score_moire(measures(pixels), PATCHWISE).value


def test_a_real_face_is_no_screen(astronaut: Pixels) -> None:
    found = measures(astronaut)
    assert score_moire(found, MoireMapping()).value > 0.8
    assert score_moire(found, PATCHWISE).value > 0.9


@pytest.mark.parametrize("pitch", [2.3, 3.3])
def test_a_screen_is_one(astronaut: Pixels, pitch: float) -> None:
    scores = [patchwise(recaptured(astronaut, pitch, gap)) for gap in (0.05, 0.15, 0.4)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] < 0.5
    assert scores[-1] < 0.05


def test_the_reference_sees_a_coarse_grid(astronaut: Pixels) -> None:
    found = measures(recaptured(astronaut, 3.3, 0.4))
    assert found["peak_ratio"] > 1
    assert score_moire(found, MoireMapping()).value < 0.2


def test_a_grid_too_fine_for_the_camera_leaves_nothing(astronaut: Pixels) -> None:
    sharp = recaptured(astronaut, 2.3, 0.4)
    blurred = cv2.resize(sharp, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)
    assert measures(blurred.astype(np.uint8))["prominence"] < measures(sharp)["prominence"] - 2


def test_scores_worked_by_hand() -> None:
    mapping = MoireMapping(bias=-5, prominence=1, consistency=3, texture=-0.5, ratio_weight=3)
    scored = score_moire(FOUND, replace(mapping, interference_weight=1))
    expected = {"peak_ratio": 0.8, "interference": 1 / (1 + np.exp(1.0))}
    assert scored.components == pytest.approx(expected)
    assert scored.value == pytest.approx((3 * 0.8 + expected["interference"]) / 4)


def test_the_default_is_the_reference() -> None:
    at_limit = score_moire({**FOUND, "peak_ratio": 1.0}, MoireMapping())
    assert at_limit.value == at_limit.components["peak_ratio"] == pytest.approx(0.5)


@pytest.mark.parametrize("peak", [0.0, 1e3, 1e6])
def test_no_measure_is_too_large(peak: float) -> None:
    scored = score_moire({**FOUND, "peak_ratio": peak, "prominence": peak}, PATCHWISE)
    assert 0 <= scored.value <= 1


@pytest.mark.parametrize(("side", "status"), [(255, Status.ABSTAINED), (256, Status.OK)])
def test_a_small_picture_is_not_judged(astronaut: Pixels, side: int, status: Status) -> None:
    measured = measure_moire(astronaut[:side])
    assert measured.status is status
    assert measured.measures["side_px"] == side
    assert measured.reasons == (() if status is Status.OK else ("too_small_for_moire",))


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_even_picture_is_not_judged(level: int) -> None:
    measured = measure_moire(np.full((300, 400, 3), level, np.uint8))
    assert measured.status is Status.ABSTAINED
    assert measured.reasons == ("no_texture",)


@pytest.mark.data
def test_photographs_of_screens_score_lower(data_dir: Path) -> None:
    """Four collectors with several of each; the AUC of every one, so no camera explains it."""
    for collector in ("DEVANSH263", "SilentCanary", "avnirastogi14", "yash2607"):
        scores = {
            kind: [
                patchwise(np.asarray(cv2.imread(str(file))[..., ::-1], np.uint8))
                for file in sorted((data_dir / "moire" / collector / kind).iterdir())
            ]
            for kind in ("real", "screen")
        }
        assert min(map(len, scores.values())) >= 6
        wins = [real > screen for real in scores["real"] for screen in scores["screen"]]
        assert np.mean(wins) > 0.7
