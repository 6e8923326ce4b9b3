from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import toy_teachers
from numpy.typing import NDArray
from toy_teachers import STEEPNESS

from training.errors import TrainingError
from training.exported import Exported


def reds(*odds: float) -> NDArray[np.float32]:
    """Pictures, float32 (N, 3, 32, 32), of which a toy teacher has these log-odds."""
    pixels = np.zeros((len(odds), 3, 32, 32), np.float32)
    pixels[:, 0] = np.array(odds)[:, None, None] / STEEPNESS
    return pixels


@pytest.mark.parametrize("one_by_one", [False, True])
def test_one_logit_is_that_of_a_spoof(one_by_one: bool, tmp_path: Path) -> None:
    path = toy_teachers.write(tmp_path / "toy.onnx")
    if one_by_one:
        content = onnx.load(path)
        content.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
        onnx.save(content, path)
    model = Exported(str(path))
    assert (model.name, model.detector, model.images, model.side) == ("toy.onnx", "liveness", 1, 32)
    assert model.bytes == (tmp_path / "toy.onnx").stat().st_size
    np.testing.assert_allclose(model.log_odds(reds(2, -1, 0.5)), [2, -1, 0.5], atol=1e-3)


def test_of_two_logits_the_second_is_that_of_a_real_face(tmp_path: Path) -> None:
    path = toy_teachers.write(tmp_path / "toy.onnx", classes=2, source="pixel_values")
    model = Exported(str(path))
    assert model.detector == "deepfake"
    np.testing.assert_allclose(model.log_odds(reds(2, -1)), [2, -1], atol=1e-3)


def test_one_picture_at_a_time_has_the_mean_of_its_log_odds(tmp_path: Path) -> None:
    model = Exported(str(toy_teachers.write(tmp_path / "toy.onnx")))
    pixels = np.stack([reds(1, 2, 3, 6), reds(0, 0, 0, -4)])
    np.testing.assert_allclose(model.log_odds(pixels), [3, -1], atol=1e-3)


@pytest.mark.parametrize(
    ("shown", "mean"), [((1, 2, 3, 4), 2.5), ((1, 2), 1.25), ((1, 2, 3, 4, 5), 3.0)]
)
def test_several_at_once_are_the_first_repeated_or_evenly_spread(
    shown: tuple[float, ...], mean: float, tmp_path: Path
) -> None:
    model = Exported(str(toy_teachers.write(tmp_path / "toy.onnx", images=4)))
    assert model.images == 4
    np.testing.assert_allclose(model.log_odds(reds(*shown)[None]), [mean], atol=1e-3)
    np.testing.assert_allclose(model.log_odds(reds(2.5)), [2.5], atol=1e-3)


def test_what_is_no_such_model_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PALISADE_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "damaged.onnx").write_bytes(b"half of it")
    toy_teachers.write(tmp_path / "three.onnx", classes=3)
    toy_teachers.write(tmp_path / "other.onnx", source="image")
    toy_teachers.write(tmp_path / "huge.onnx", side=1025)
    for named, said in {
        "nobody": "neither a model of that name in the store nor such a file",
        str(tmp_path / "damaged.onnx"): "cannot be run",
        str(tmp_path / "three.onnx"): "no answer of 1 finite logits",
        str(tmp_path / "other.onnx"): "expected one input, 'input' or 'pixel_values'",
        str(tmp_path / "huge.onnx"): "expected one input",
    }.items():
        with pytest.raises(TrainingError, match=said) as refused:
            Exported(named)
        assert "\n" not in str(refused.value)


def test_an_answer_that_is_no_number_stops(tmp_path: Path) -> None:
    model = Exported(str(toy_teachers.write(tmp_path / "toy.onnx")))
    with pytest.raises(TrainingError, match="not finite"):
        model.log_odds(reds(np.nan))
