"""ResNet50 (He et al. 2016) with an MLP head, the liveness classifier's variant for one image.

The reference names the MLP without its sizes; 512 units between, with dropout, are ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.vision import torchvision
from training.networks.contracts import Network

if TYPE_CHECKING:
    import torch

HIDDEN = 512


def _published() -> torch.nn.Module:
    built: torch.nn.Module = torchvision().models.resnet50(weights=None)
    return built


def _adapted(built: torch.nn.Module, side: int) -> torch.nn.Module:
    from torch import nn

    built.fc = nn.Sequential(
        nn.Linear(built.fc.in_features, HIDDEN), nn.ReLU(), nn.Dropout(0.5), nn.Linear(HIDDEN, 2)
    )
    return built


NETWORK = Network(
    name="resnet50",
    published=_published,
    weights="ResNet50_Weights.IMAGENET1K_V1",
    adapted=_adapted,
    head="fc",
    objective="logits",
    detector="liveness",
)
