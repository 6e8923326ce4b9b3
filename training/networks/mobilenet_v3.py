"""MobileNetV3-Small (Howard et al. 2019) with one logit, that of a spoof, of the eKYC reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.vision import torchvision
from training.networks.contracts import Network

if TYPE_CHECKING:
    import torch


def _published() -> torch.nn.Module:
    built: torch.nn.Module = torchvision().models.mobilenet_v3_small(weights=None)
    return built


def _adapted(built: torch.nn.Module, side: int) -> torch.nn.Module:
    from torch import nn

    # The last layer only; the one before it comes from ImageNet as well.
    built.classifier[3] = nn.Linear(built.classifier[3].in_features, 1)
    return built


NETWORK = Network(
    name="mobilenet_v3",
    published=_published,
    weights="MobileNet_V3_Small_Weights.IMAGENET1K_V1",
    adapted=_adapted,
    head="classifier",
    objective="logit",
    detector="liveness",
)
