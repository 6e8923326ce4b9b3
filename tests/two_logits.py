"""A network with the interface of the deepfake network: two logits, of a fake and of a real face.

The logit of a fake is a weighted sum of the means of the three channels and that of a real face is
zero, so that the answer is known.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from models import own
from models.own import Card


def write(
    path: Path, weights: tuple[float, float, float], side: int = 260, logits: int = 2
) -> Path:
    """Write a network whose first logit is the sum of ``weights`` times the means of R, G and B."""
    columns = np.zeros((3, logits), np.float32)
    columns[:, 0] = weights
    nodes = [
        helper.make_node("GlobalAveragePool", ["pixel_values"], ["means"]),
        helper.make_node("Flatten", ["means"], ["flat"]),
        helper.make_node("MatMul", ["flat", "columns"], ["logits"]),
    ]
    shape = ["batch", 3, side, side]
    graph = helper.make_graph(
        nodes,
        "two_logits",
        [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", logits])],
        [numpy_helper.from_array(columns, "columns")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def card(**changes: object) -> Card:
    """A card whose file, digest and size are still to be filled in."""
    known = {"name": "deepfake", "file": "", "sha256": "", "bytes": 0, "purpose": "a test"}
    made = {"made_from": "0" * 64, "made_with": "onnx", "parity": 0.0}
    return Card(**(known | made | changes))  # type: ignore[arg-type]


def install(
    weights: tuple[float, float, float] = (1.0, 0.0, 0.0), name: str = "deepfake"
) -> own.Own:
    """Put such a network into the store of this process's environment."""

    def written(path: Path) -> Card:
        write(path, weights)
        return card(name=name)

    return own.register(name, written)


def spoil(made: own.Own, **changes: object) -> None:
    """Change what the card of an installed model says."""
    path = made.path.with_name(f"{made.card.name}.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
