from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from models import onnx
from models.store import ModelUnavailable


@pytest.fixture
def doubling(tmp_path: Path) -> Path:
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "doubling",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path / "doubling.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_a_session_runs_with_one_thread(doubling: Path) -> None:
    session = onnx.session(doubling)
    (y,) = session.run(None, {"x": np.ones((2, 3), np.float32)})
    np.testing.assert_array_equal(y, np.full((2, 3), 2, np.float32))
    options = session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)


@pytest.mark.parametrize(
    ("listed", "devices", "chosen"),
    [
        (["CPUExecutionProvider"], 1, ["CPUExecutionProvider"]),
        (["CUDAExecutionProvider", "CPUExecutionProvider"], 0, ["CPUExecutionProvider"]),
        (
            ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"],
            1,
            ["CUDAExecutionProvider", "CPUExecutionProvider"],
        ),
    ],
)
def test_cuda_needs_the_provider_and_a_device(
    monkeypatch: pytest.MonkeyPatch, listed: list[str], devices: int, chosen: list[str]
) -> None:
    monkeypatch.setattr(onnx, "_cuda_devices", lambda: devices)
    assert onnx._providers(listed) == chosen


def test_counting_devices_never_raises() -> None:
    assert onnx._cuda_devices() >= 0


@pytest.mark.parametrize("body", [b"", b"not a model"])
def test_a_file_that_is_no_model_is_unavailable(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(body)
    with pytest.raises(ModelUnavailable, match=r"bad\.onnx cannot be run") as unreadable:
        onnx.session(path)
    assert unreadable.value.reason == "weights_unreadable"


def test_a_missing_runtime_says_what_to_install(
    doubling: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelUnavailable, match=r"palisade\[cpu\]") as missing:
        onnx.session(doubling)
    assert missing.value.reason == "onnxruntime_missing"


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ({"x": (1, 4)}, ("y",)),
        ({"x": (3,)}, ("y",)),
        ({"pixels": (1, 3)}, ("y",)),
        ({"x": (1, 3)}, ("z",)),
    ],
)
def test_another_interface_is_refused_by_name_and_shape(
    doubling: Path, inputs: dict[str, tuple[int, ...]], outputs: tuple[str, ...]
) -> None:
    session = onnx.session(doubling)
    with pytest.raises(ModelUnavailable, match=r"the model has .*batch.* -> \['y'\]") as refused:
        onnx.check(session, inputs, outputs)
    assert refused.value.reason == "weights_interface"


def test_a_symbolic_dimension_fits_any_size(doubling: Path) -> None:
    onnx.check(onnx.session(doubling), {"x": (7, 3)}, ("y",))
