"""A network with the interface of the eKYC reference's: one logit, that of a spoof.

The logit is a weighted sum of the means of the three channels, so that its answer is known.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def write(
    path: Path, weights: tuple[float, float, float], side: int = 224, logits: int = 1
) -> Path:
    """Write a network whose logit is the sum of ``weights`` times the means of R, G and B.

    Args:
        path: of the file.
        weights: of the channels.
        side: of its input, in pixels.
        logits: how many it has, all of them the same.
    """
    nodes = [
        helper.make_node("GlobalAveragePool", ["input"], ["means"]),
        helper.make_node("Flatten", ["means"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logit"]),
    ]
    shape = ["batch", 3, side, side]
    columns = np.repeat(np.array(weights, np.float32)[:, None], logits, axis=1)
    graph = helper.make_graph(
        nodes,
        "single_logit",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["batch", logits])],
        [numpy_helper.from_array(columns, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path
