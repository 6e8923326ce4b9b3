"""A small network that answers like MediaPipe's blendshape network, where that one is not here.

It was distilled from it (models/cards/blendshapes.md) and comes with the package: a few matrices,
so that a machine without any model file, and without onnxruntime, has blendshapes.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Array = NDArray[np.float32]

# fmt: off
SEEN = (
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66,
    67, 70, 78, 80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144,
    145, 146, 148, 149, 150, 152, 153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173,
    176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263, 267, 269, 270, 276, 282, 283, 284,
    285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318, 321, 323, 324, 332,
    334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386,
    387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473,
    474, 475, 476, 477,
)
# fmt: on
"""The landmarks that MediaPipe's network is given, in its order (``face_blendshapes_graph.cc`` of
google-ai-edge/mediapipe, Apache-2.0)."""


@dataclass(frozen=True, slots=True, eq=False)
class Distilled:
    """A perceptron: SiLU between its layers (Elfwing et al. 2018), a logistic function at the end.

    Attributes:
        mean, scale: float32 (292,), taken from the features, which are then divided.
        weights: float32 (inputs, outputs) of each layer; 292 inputs at first, 52 outputs at last.
        biases: float32 (outputs,) of each layer.
        sha256: of the file that it was read from, if any.
    """

    mean: Array
    scale: Array
    weights: Sequence[Array]
    biases: Sequence[Array]
    sha256: str | None = None

    def coefficients(self, landmarks: Array) -> Array:
        """Blendshapes, float32 (..., 52), 0..1, of landmarks (..., 478, 2 or 3), in pixels."""
        return self.answers(features(landmarks[..., SEEN, :2]))

    def answers(self, values: Array) -> Array:
        """The same of :func:`features`, float32 (..., 292)."""
        values = (values - self.mean) / self.scale
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            values = values @ weight + bias
            values = values * expit(values)
        return np.asarray(expit(values @ self.weights[-1] + self.biases[-1]), np.float32)


def features(points: Array) -> Array:
    """Points about their mean, in their root mean square distance from it.

    MediaPipe's network does not see place and size either; it does see the tilt of the head.

    Args:
        points: (..., 146, 2), those of :data:`SEEN`.

    Returns:
        float32 (..., 292), x and y in turn.
    """
    centred = points - points.mean(axis=-2, keepdims=True)
    size = np.sqrt(np.mean(np.sum(centred**2, axis=-1), axis=-1))[..., None, None]
    return np.asarray(centred / size, np.float32).reshape(*points.shape[:-2], -1)


def read(data: bytes) -> Distilled:
    """Read the bytes of a file that training wrote: a zip archive of arrays, never of objects."""
    with np.load(io.BytesIO(data), allow_pickle=False) as kept:
        arrays = {name: kept[name].astype(np.float32) for name in kept.files}
    layers = range(sum(name.startswith("weight_") for name in arrays))
    return Distilled(
        arrays["mean"],
        arrays["scale"],
        [arrays[f"weight_{at}"] for at in layers],
        [arrays[f"bias_{at}"] for at in layers],
        hashlib.sha256(data).hexdigest(),
    )


@cache
def shipped() -> Distilled:
    """The network that comes with the package; its card says what it was trained on."""
    return read(files("models").joinpath("blendshapes.npz").read_bytes())
