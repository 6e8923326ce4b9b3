from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import single_logit
from numpy.typing import NDArray
from PIL import Image

from detectors.contracts import Status
from detectors.liveness import OWN_MODEL, Liveness
from detectors.pixels import Box, Pixels
from docfraud.contracts import Page
from evaluation.errors import EvaluationError
from evaluation.face_signal import FaceSignal
from evaluation.pictures import decode


def page(pixels: NDArray[np.uint8]) -> Page:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return Page.of(decode(file.getvalue()))


@pytest.fixture
def signal(tmp_path: Path) -> FaceSignal:
    made = FaceSignal(Liveness(single_logit.write(tmp_path / "own.onnx", (1.0, 0.0, 0.0))))
    made.load()
    return made


def test_a_face_is_found_and_measured(signal: FaceSignal, astronaut: NDArray[np.uint8]) -> None:
    measured = signal.measure(page(astronaut))
    assert measured.status is Status.OK
    assert "own" in measured.measures
    assert signal.name == "liveness"


def test_without_a_face_there_is_no_response(signal: FaceSignal) -> None:
    measured = signal.measure(page(np.full((200, 200, 3), 128, np.uint8)))
    assert (measured.status, measured.reasons) == (Status.UNAVAILABLE, ("no_face",))


class Ensemble(Liveness):
    """One whose networks need no files."""

    def load(self) -> None:
        pass

    def log_odds(self, pixels: Pixels, box: Box) -> dict[str, float]:
        return {"v2_2_7": 1.0}


def test_whoever_insists_gets_an_answer_where_the_signal_abstains(
    astronaut: NDArray[np.uint8],
) -> None:
    tight = page(np.ascontiguousarray(astronaut[55:180, 175:270]))
    found = {}
    for insist in (False, True):
        signal = FaceSignal(Ensemble(), insist=insist)
        signal.load()
        found[insist] = signal.measure(tight)
    assert (found[False].status, found[False].reasons) == (Status.ABSTAINED, ("crop_too_tight",))
    assert (found[True].status, found[True].reasons) == (Status.OK, ())
    assert found[True].measures == found[False].measures


def test_without_weights_the_error_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(OWN_MODEL, raising=False)
    monkeypatch.setenv("PALISADE_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(EvaluationError, match="palisade models fetch minifasnet_v2"):
        FaceSignal(Liveness()).load()
