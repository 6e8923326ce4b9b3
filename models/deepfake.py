"""The network of DFDS (T. Wickramasinghe, 2026), from its published checkpoint to ONNX.

torchvision's EfficientNet-B2 (Tan and Le, 2019) with a head of its own: dropout 0.3 and a linear
layer of 1408 by 2. Class 0 is a fake, class 1 a real face.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models import own, store
from models.checkpoints import read_weights
from models.export import made_with, write_onnx
from models.own import Card, Own
from models.vision import torchvision

if TYPE_CHECKING:
    import torch

NAME = "deepfake"

SIDE = 260
"""Pixels of the square input."""

INPUT, OUTPUT = "pixel_values", "logits"
"""float32 (N, 3, 260, 260), RGB with ImageNet's mean and standard deviation; float32 (N, 2)."""


def network() -> torch.nn.Module:
    """Build the network, with random weights.

    Raises:
        ExportError: torch or torchvision is not installed.
    """
    torchvision()
    from torch import nn
    from torchvision.models import efficientnet_b2

    built: nn.Module = efficientnet_b2(weights=None)
    built.classifier = nn.Sequential(nn.Dropout(0.3), nn.Linear(1408, 2))
    return built.eval()


def export(checkpoint: Path) -> Own:
    """Put the weights of a checkpoint into the model store, as ONNX.

    Args:
        checkpoint: ``pytorch_model.bin`` of the publisher, or what its training code saves.

    Raises:
        ExportError: it is not one, a package is missing, or the file would answer differently.
        FetchError: no folder of the store can be written.
        OSError: the disk is full or broken.
    """
    built = network()
    built.load_state_dict(read_weights(checkpoint, built.state_dict()), strict=False)

    def write(path: Path) -> Card:
        difference = write_onnx(
            built,
            path,
            (1, 3, SIDE, SIDE),
            (INPUT, [OUTPUT]),
            {INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
            tried=[(1, 3, SIDE, SIDE), (3, 3, SIDE, SIDE)],
        )
        return Card(
            name=NAME,
            file="",
            sha256="",
            bytes=0,
            purpose="real or manipulated face, EfficientNet-B2 as DFDS has it",
            made_from=store.sha256(checkpoint),
            made_with=made_with("torch", "torchvision", "onnx"),
            parity=difference,
        )

    return own.register(NAME, write)
