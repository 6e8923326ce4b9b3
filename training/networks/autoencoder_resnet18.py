"""An auto-encoder, and ResNet18 (He et al. 2016) on what it makes of four images.

The liveness classifier's fourth variant, trained as one. The reference does not say how the four
become one answer; here their logits are averaged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.vision import torchvision
from training.networks.autoencoder import autoencoder, check_side
from training.networks.contracts import Network

if TYPE_CHECKING:
    import torch

IMAGES = 4


def _published() -> torch.nn.Module:
    built: torch.nn.Module = torchvision().models.resnet18(weights=None)
    return built


def _adapted(built: torch.nn.Module, side: int) -> torch.nn.Module:
    from torch import nn

    class Reconstructed(nn.Module):
        """Judges reconstructions, (N, images, 3, side, side) to (N, 2)."""

        def __init__(self, classifier: nn.Module) -> None:
            super().__init__()
            self.autoencoder = autoencoder()
            self.classifier = classifier

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            logits = self.classifier(self.autoencoder(images.flatten(0, 1)))
            answer: torch.Tensor = logits.reshape(-1, IMAGES, logits.shape[-1]).mean(1)
            return answer

    check_side(side)
    built.fc = nn.Linear(built.fc.in_features, 2)
    return Reconstructed(built)


NETWORK = Network(
    name="autoencoder_resnet18",
    published=_published,
    weights="ResNet18_Weights.IMAGENET1K_V1",
    adapted=_adapted,
    head="classifier",
    objective="logits",
    detector="liveness",
    images=IMAGES,
)
