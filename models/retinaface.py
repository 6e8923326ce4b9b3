"""RetinaFace (Deng et al., 2020) with MobileNetV1 × 0.25, from its checkpoint to ONNX.

The checkpoint is that of biubug6/Pytorch_Retinaface: MIT, trained on WIDER FACE. What the answers
mean is in :mod:`detectors.retinaface`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models import own, store
from models.checkpoints import read_weights
from models.errors import ExportError
from models.export import made_with, write_onnx
from models.own import Card, Own

if TYPE_CHECKING:
    import torch

NAME = "retinaface"

INPUT = "pixels"
"""float32 (1, 3, H, W), BGR 0..255 less 104, 117 and 123."""

OUTPUTS = ("boxes", "confidences", "points")
"""float32 (1, A, 4), (1, A, 2) and (1, A, 10), for A anchors."""


def network() -> torch.nn.Module:
    """Build the network, with random weights.

    Raises:
        ExportError: torch is not installed.
    """
    try:
        from models.retinaface_network import RetinaFace
    except ImportError as error:
        raise ExportError(
            f"{error.name} is missing: run `pip install 'palisade[cpu,train]'`"
        ) from error
    built: torch.nn.Module = RetinaFace().eval()
    return built


def export(checkpoint: Path) -> Own:
    """Put the weights of a checkpoint into the model store, as ONNX.

    Args:
        checkpoint: ``mobilenet0.25_Final.pth``.

    Raises:
        ExportError: it is not one, a package is missing, or the file would answer differently.
        FetchError: no folder of the store can be written.
        OSError: the disk is full or broken.
    """
    built = network()
    weights = read_weights(checkpoint, built.state_dict())
    built.load_state_dict(weights, strict=False)

    def write(path: Path) -> Card:
        difference = write_onnx(
            built,
            path,
            (1, 3, 160, 224),
            (INPUT, OUTPUTS),
            {INPUT: {2: "height", 3: "width"}} | {name: {1: "anchors"} for name in OUTPUTS},
            tried=[(1, 3, 160, 224), (1, 3, 131, 97)],
        )
        return Card(
            name=NAME,
            file="",
            sha256="",
            bytes=0,
            purpose="boxes of faces, RetinaFace with MobileNetV1 at a quarter",
            made_from=store.sha256(checkpoint),
            made_with=made_with("torch", "onnx"),
            parity=difference,
        )

    return own.register(NAME, write)
