"""Every notebook runs from top to bottom, with and without model files, and is kept clean."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

import nbformat
import onnx
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from onnx import TensorProto, helper

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


class Expected(NamedTuple):
    """What a notebook shows.

    Attributes:
        figures: pictures with every model file.
        bare: pictures without any.
        missing: what it says of each of the others, in the words of the record.
    """

    figures: int
    bare: int
    missing: tuple[str, ...]


EXPECTED = {
    "01_one_face_every_signal": Expected(
        figures=10,
        bare=9,
        missing=("depth: unavailable, weights_missing",),
    )
}

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def run(notebook: NotebookNode, folder: Path, environment: dict[str, str]) -> None:
    """Run a notebook in place, in a kernel of this interpreter, whatever others are installed."""
    manager = AsyncKernelManager(
        kernel_name="python3",
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
        # The kernel warns of plain text where it could have keys.
        transport_encryption="auto",
    )
    client = NotebookClient(
        notebook, km=manager, timeout=120, resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env=environment, cleanup_kc=True)


def brightness_for_depth() -> onnx.ModelProto:
    """A stand-in with the depth network's input and output, so that its picture can be drawn."""
    pixels = helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, [1, 3, 518, 518])
    depth = helper.make_tensor_value_info("predicted_depth", TensorProto.FLOAT, [1, 518, 518])
    mean = helper.make_node(
        "ReduceMean", ["pixel_values"], ["predicted_depth"], axes=[1], keepdims=0
    )
    graph = helper.make_graph([mean], "brightness", [pixels], [depth])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def figures(notebook: NotebookNode) -> int:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def printed(notebook: NotebookNode) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return "".join(output.get("text", "") for output in outputs)


def test_there_are_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == list(EXPECTED)


@every_notebook
def test_it_runs_without_any_model_file(path: Path, tmp_path: Path) -> None:
    environment = os.environ | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("PALISADE_MODELS", None)
    notebook = nbformat.read(path, as_version=4)
    run(notebook, path.parent, environment)
    expected = EXPECTED[path.stem]
    assert figures(notebook) == expected.bare
    assert [words for words in expected.missing if words not in printed(notebook)] == []


@every_notebook
@pytest.mark.weights
def test_it_runs_with_every_model_file(path: Path, models_dir: Path, tmp_path: Path) -> None:
    weights = tmp_path / "depth.onnx"
    onnx.save(brightness_for_depth(), weights)
    use_them = (
        "from pathlib import Path\n"
        "from detectors.depth import Depth\n"
        f"Depth.__init__.__defaults__ = (Path({str(weights)!r}),)"
    )
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(use_them))
    run(notebook, path.parent, dict(os.environ))
    assert figures(notebook) == EXPECTED[path.stem].figures
    assert "unavailable" not in printed(notebook)


def test_a_cell_that_fails_is_noticed_and_the_interpreter_is_this_one(tmp_path: Path) -> None:
    cells = ["import sys; print(sys.executable)", "1 / 0"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        run(notebook, tmp_path, dict(os.environ))
    assert printed(notebook).strip() == sys.executable


@every_notebook
def test_it_is_committed_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not [cell.id for cell in code if cell.outputs or cell.execution_count]
