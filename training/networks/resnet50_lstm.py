"""ResNet50 (He et al. 2016) and an LSTM (Hochreiter and Schmidhuber, 1997) over four images.

The liveness classifier's second variant: the features of the images, one after the other, then a
linear layer on the last state. The reference does not give the size of the state; 256 is ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.vision import torchvision
from training.networks.contracts import Network

if TYPE_CHECKING:
    import torch

IMAGES = 4

STATE = 256


def _published() -> torch.nn.Module:
    built: torch.nn.Module = torchvision().models.resnet50(weights=None)
    return built


def _adapted(built: torch.nn.Module, side: int) -> torch.nn.Module:
    from torch import nn

    class Last(nn.Module):
        """The answer after the last image of a sequence, (N, images, features) to (N, 2)."""

        def __init__(self, features: int) -> None:
            super().__init__()
            self.lstm = nn.LSTM(features, STATE, batch_first=True)
            self.classes = nn.Linear(STATE, 2)

        def forward(self, sequence: torch.Tensor) -> torch.Tensor:
            states, _ = self.lstm(sequence)
            answer: torch.Tensor = self.classes(states[:, -1])
            return answer

    class InTurn(nn.Module):
        """Looks at each image, then at the sequence of what it saw."""

        def __init__(self, backbone: nn.Module, head: nn.Module) -> None:
            super().__init__()
            self.backbone = backbone
            self.head = head

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            features = self.backbone(images.flatten(0, 1))
            answer: torch.Tensor = self.head(features.reshape(-1, IMAGES, features.shape[-1]))
            return answer

    head = Last(built.fc.in_features)
    built.fc = nn.Identity()
    return InTurn(built, head)


NETWORK = Network(
    name="resnet50_lstm",
    published=_published,
    weights="ResNet50_Weights.IMAGENET1K_V1",
    adapted=_adapted,
    head="head",
    objective="logits",
    detector="liveness",
    images=IMAGES,
)
