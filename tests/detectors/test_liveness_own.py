from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import single_logit
from numpy.typing import NDArray

from detectors.liveness_own import OWN_MODEL, OwnModel, evenly, own_model
from models.store import ModelUnavailable


def crop(level: int, side: int = 50) -> NDArray[np.uint8]:
    return np.full((side, side, 3), level, np.uint8)


@pytest.mark.parametrize("side", [32, 224])
def test_the_side_is_that_of_the_model(side: int, tmp_path: Path) -> None:
    model = OwnModel(single_logit.write(tmp_path / "own.onnx", (1.0, 0.0, 0.0), side))
    assert (model.images, model.side) == (1, side)
    assert model.log_odds([crop(0)]) > 0 > model.log_odds([crop(255)])


def test_the_first_picture_is_repeated_where_there_are_too_few(tmp_path: Path) -> None:
    model = OwnModel(single_logit.write(tmp_path / "own.onnx", (1.0, 0.0, 0.0), 32, images=4))
    assert model.images == 4
    dark, light = model.log_odds([crop(0)]), model.log_odds([crop(255)])
    assert model.log_odds([crop(0), crop(255)]) == pytest.approx(
        0.75 * dark + 0.25 * light, rel=1e-3
    )
    assert model.log_odds([crop(0)] * 2 + [crop(255)] * 2) == pytest.approx(
        (dark + light) / 2, rel=1e-3
    )


@pytest.mark.parametrize(
    ("count", "chosen"),
    [(1, [0, 0, 0, 0]), (3, [0, 1, 2, 0]), (4, [0, 1, 2, 3]), (6, [0, 2, 3, 5])],
)
def test_places_are_chosen_from_the_first_to_the_last(count: int, chosen: list[int]) -> None:
    assert evenly(count, 4) == chosen


def test_a_setting_is_a_path_where_no_model_has_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PALISADE_MODELS", str(tmp_path))
    monkeypatch.delenv(OWN_MODEL, raising=False)
    assert own_model() is None
    monkeypatch.setenv(OWN_MODEL, "some.onnx")
    assert own_model() == Path("some.onnx")


@pytest.mark.parametrize("wrong", ["absent", "noise", "size", "images", "logits"])
def test_another_file_is_refused(wrong: str, tmp_path: Path) -> None:
    path = tmp_path / "own.onnx"
    if wrong == "noise":
        path.write_bytes(b"no model")
    if wrong == "size":
        single_logit.write(path, (1, 1, 1), side=2048)
    if wrong == "images":
        single_logit.write(path, (1, 1, 1), side=16, images=17)
    if wrong == "logits":
        single_logit.write(path, (1, 1, 1), logits=2)
    with pytest.raises(ModelUnavailable) as refused:
        OwnModel(path)
    reasons = {"absent": "missing", "noise": "unreadable"}
    assert refused.value.reason == f"weights_{reasons.get(wrong, 'interface')}"
