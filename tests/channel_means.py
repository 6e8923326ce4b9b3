"""Networks that weigh the means of the three channels, so that every answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper


def write(
    path: Path,
    names: tuple[str, str],
    side: int,
    columns: NDArray[np.float32],
    images: int = 1,
) -> Path:
    """Write a network as ONNX.

    Args:
        path: of the file.
        names: of its input, float32 (N, 3, side, side), or (N, images, 3, side, side) of several,
            and of its output, float32 (N, logits).
        side: of its input, in pixels.
        columns: what the means of R, G and B count in each logit, float32 (3, logits).
        images: how many pictures it looks at together.
    """
    asked, answer = names
    pixels = ["batch", *([images] if images > 1 else []), 3, side, side]
    logits = ["batch", columns.shape[1]]
    all_but_colour = [at for at in range(1, len(pixels)) if at != len(pixels) - 3]
    nodes = [
        helper.make_node("ReduceMean", [asked], ["means"], axes=all_but_colour, keepdims=0),
        helper.make_node("MatMul", ["means", "columns"], [answer]),
    ]
    graph = helper.make_graph(
        nodes,
        "channel_means",
        [helper.make_tensor_value_info(asked, TensorProto.FLOAT, pixels)],
        [helper.make_tensor_value_info(answer, TensorProto.FLOAT, logits)],
        [numpy_helper.from_array(columns, "columns")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path
