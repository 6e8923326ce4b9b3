"""ViT-B/16 (Dosovitskiy et al. 2021) over four images, whose embeddings are averaged.

The liveness classifier's third variant, which takes the network from timm
(``vit_base_patch16_224``); torchvision's is the same, and its weights come the way of all others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.vision import torchvision
from training.errors import TrainingError
from training.networks.contracts import Network

if TYPE_CHECKING:
    import torch

IMAGES = 4

PATCH = 16

PUBLISHED_SIDE = 224


def _published() -> torch.nn.Module:
    built: torch.nn.Module = torchvision().models.vit_b_16(weights=None)
    return built


def _adapted(built: torch.nn.Module, side: int) -> torch.nn.Module:
    from torch import nn

    class Mean(nn.Module):
        """Embeds each image, and judges the mean, (N, images, 3, side, side) to (N, 2)."""

        def __init__(self, backbone: nn.Module, features: int) -> None:
            super().__init__()
            self.backbone = backbone
            self.head = nn.Linear(features, 2)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            embedded = self.backbone(images.flatten(0, 1))
            answer: torch.Tensor = self.head(
                embedded.reshape(-1, IMAGES, embedded.shape[-1]).mean(1)
            )
            return answer

    features = built.heads.head.in_features
    if side != PUBLISHED_SIDE:
        built = _for_side(built, side)
    built.heads = nn.Identity()
    return Mean(built, features)


def _for_side(built: torch.nn.Module, side: int) -> torch.nn.Module:
    """The same for pictures of another side: the embeddings of places are interpolated."""
    if side % PATCH:
        raise TrainingError(f"vit_mean looks at patches of {PATCH} pixels; {side} is no multiple")
    vision = torchvision().models
    other: torch.nn.Module = vision.vit_b_16(weights=None, image_size=side)
    weights = vision.vision_transformer.interpolate_embeddings(side, PATCH, built.state_dict())
    other.load_state_dict(weights)
    return other


NETWORK = Network(
    name="vit_mean",
    published=_published,
    weights="ViT_B_16_Weights.IMAGENET1K_V1",
    adapted=_adapted,
    head="head",
    objective="logits",
    detector="liveness",
    images=IMAGES,
)
