"""EfficientNet-B2 (Tan and Le, 2019) with the head of DFDS: class 0 is a fake, class 1 real."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.vision import torchvision
from training.networks.contracts import Network

if TYPE_CHECKING:
    import torch


def _published() -> torch.nn.Module:
    built: torch.nn.Module = torchvision().models.efficientnet_b2(weights=None)
    return built


def _adapted(built: torch.nn.Module, side: int) -> torch.nn.Module:
    from torch import nn

    # The layout of models.deepfake, so that what is trained here is exported there as well.
    built.classifier = nn.Sequential(nn.Dropout(0.3), nn.Linear(1408, 2))
    return built


NETWORK = Network(
    name="efficientnet_b2",
    published=_published,
    weights="EfficientNet_B2_Weights.IMAGENET1K_V1",
    adapted=_adapted,
    head="classifier",
    objective="logits",
    detector="deepfake",
)
