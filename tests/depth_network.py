"""The network of Depth Anything V2 Small, with random weights, as an ONNX file.

A DINOv2 ViT-S/14 encoder tapped after blocks 3, 6, 9 and 12, and a DPT head (Ranftl et al. 2021;
Yang et al. 2024), with the names, shapes and parameter count of the published file, which is too
large to carry around.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SIDE, PATCH = 518, 14
GRID = SIDE // PATCH
WIDTH, BLOCKS, HEADS = 384, 12, 6
TAPS = (2, 5, 8, 11)
REASSEMBLED = (48, 96, 192, 384)
FEATURES = 64


class Network:
    """A graph under construction; values are handled by their names."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def constant(self, value: NDArray[np.generic]) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def fill(self, value: float, *shape: int) -> str:
        return self.constant(np.full(shape, value, np.float32))

    def normal(self, *shape: int, fan_in: int) -> str:
        """He initialisation, which keeps the signal's size through the layers."""
        values = self.rng.standard_normal(shape, dtype=np.float32)
        return self.constant(values * np.float32(np.sqrt(2 / fan_in)))

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def linear(self, x: str, inside: int, outside: int) -> str:
        product = self.op("MatMul", x, self.normal(inside, outside, fan_in=inside))
        return self.op("Add", product, self.fill(0, outside))

    def norm(self, x: str) -> str:
        scale, shift = self.fill(1, WIDTH), self.fill(0, WIDTH)
        return self.op("LayerNormalization", x, scale, shift, axis=-1, epsilon=1e-6)

    def gelu(self, x: str) -> str:
        half = self.op("Mul", x, self.fill(0.5))
        erf = self.op("Erf", self.op("Div", x, self.fill(np.sqrt(2.0))))
        return self.op("Mul", half, self.op("Add", erf, self.fill(1)))

    def conv(
        self, x: str, inside: int, outside: int, side: int, *, stride: int = 1, bias: float | None
    ) -> str:
        weights = [self.normal(outside, inside, side, side, fan_in=inside * side * side)]
        if bias is not None:
            weights.append(self.fill(bias, outside))
        pads = [side // 2 if stride < side else 0] * 4
        return self.op("Conv", x, *weights, strides=[stride] * 2, pads=pads)

    def grow(self, x: str, channels: int, factor: int) -> str:
        kernel = self.normal(channels, channels, factor, factor, fan_in=channels)
        bias = self.fill(0, channels)
        return self.op("ConvTranspose", x, kernel, bias, strides=[factor] * 2)

    def resize(self, x: str, channels: int, side: int) -> str:
        return self.op(
            "Resize",
            x,
            "",
            "",
            self.ints(1, channels, side, side),
            mode="linear",
            coordinate_transformation_mode="align_corners",
        )


def attention(net: Network, x: str) -> str:
    depth = WIDTH // HEADS

    def heads(permutation: list[int]) -> str:
        split = net.op("Reshape", net.linear(x, WIDTH, WIDTH), net.ints(1, -1, HEADS, depth))
        return net.op("Transpose", split, perm=permutation)

    query, key, value = heads([0, 2, 1, 3]), heads([0, 2, 3, 1]), heads([0, 2, 1, 3])
    scores = net.op("Div", net.op("MatMul", query, key), net.fill(np.sqrt(depth)))
    mixed = net.op("MatMul", net.op("Softmax", scores, axis=-1), value)
    joined = net.op("Transpose", mixed, perm=[0, 2, 1, 3])
    flat = net.op("Reshape", joined, net.ints(1, -1, WIDTH))
    return net.linear(flat, WIDTH, WIDTH)


def encoder(net: Network, pixels: str) -> list[str]:
    """Four taps, each (1, WIDTH, GRID, GRID)."""

    def layer_scaled(x: str) -> str:
        return net.op("Mul", x, net.fill(0.2, WIDTH))

    patches = net.conv(pixels, 3, WIDTH, PATCH, stride=PATCH, bias=0)
    flat = net.op("Reshape", patches, net.ints(1, WIDTH, -1))
    tokens = net.op("Transpose", flat, perm=[0, 2, 1])
    tokens = net.op("Concat", net.fill(0, 1, 1, WIDTH), tokens, axis=1)
    x = net.op("Add", tokens, net.normal(1, GRID * GRID + 1, WIDTH, fan_in=WIDTH))
    blocks = []
    for _ in range(BLOCKS):
        x = net.op("Add", x, layer_scaled(attention(net, net.norm(x))))
        hidden = net.gelu(net.linear(net.norm(x), WIDTH, 4 * WIDTH))
        x = net.op("Add", x, layer_scaled(net.linear(hidden, 4 * WIDTH, WIDTH)))
        blocks.append(x)
    scale, shift = net.fill(1, WIDTH), net.fill(0, WIDTH)  # one last norm, shared by the taps
    taps = []
    for index in TAPS:
        normed = net.op("LayerNormalization", blocks[index], scale, shift, axis=-1, epsilon=1e-6)
        grid = net.op(
            "Slice", normed, net.ints(1), net.ints(GRID * GRID + 1), net.ints(1)
        )  # without the class token
        grid = net.op("Transpose", grid, perm=[0, 2, 1])
        taps.append(net.op("Reshape", grid, net.ints(1, WIDTH, GRID, GRID)))
    return taps


def head(net: Network, taps: list[str]) -> str:
    """DPT: bring the taps to four scales, fuse them from coarse to fine, predict disparity."""

    def residual(x: str) -> str:
        y = net.conv(net.op("Relu", x), FEATURES, FEATURES, 3, bias=0)
        y = net.conv(net.op("Relu", y), FEATURES, FEATURES, 3, bias=0)
        return net.op("Add", x, y)

    def project(tap: str, channels: int) -> str:
        return net.conv(tap, WIDTH, channels, 1, bias=0)

    a, b, c, d = REASSEMBLED
    scales = [
        net.grow(project(taps[0], a), a, 4),
        net.grow(project(taps[1], b), b, 2),
        project(taps[2], c),
        net.conv(project(taps[3], d), d, d, 3, stride=2, bias=0),
    ]
    features = [
        net.conv(x, channels, FEATURES, 3, bias=None)
        for x, channels in zip(scales, REASSEMBLED, strict=True)
    ]
    fused = ""
    sides = (GRID, 2 * GRID, 4 * GRID, 8 * GRID)
    for feature, side in zip(reversed(features), sides, strict=True):
        fused = net.op("Add", fused, residual(feature)) if fused else feature
        fused = net.resize(residual(fused), FEATURES, side)
        fused = net.conv(fused, FEATURES, FEATURES, 1, bias=0)
    x = net.conv(fused, FEATURES, FEATURES // 2, 3, bias=0)
    x = net.resize(x, FEATURES // 2, SIDE)
    x = net.op("Relu", net.conv(x, FEATURES // 2, 32, 3, bias=0))
    x = net.op("Relu", net.conv(x, 32, 1, 1, bias=10))  # a bias that keeps the output above zero
    return net.op("Squeeze", x, net.ints(1))


def write(path: Path, seed: int = 0) -> Path:
    """Write the network to ``path`` (99 MB)."""
    net = Network(seed)
    depth = head(net, encoder(net, "pixel_values"))
    net.nodes.append(helper.make_node("Identity", [depth], ["predicted_depth"]))
    graph = helper.make_graph(
        net.nodes,
        "depth_anything_v2_small_random",
        [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("predicted_depth", TensorProto.FLOAT, [1, SIDE, SIDE])],
        net.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path
