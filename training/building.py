"""A network as its recipe starts it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.checkpoints import read_weights
from models.vision import torchvision
from training.errors import TrainingError
from training.networks import NETWORKS
from training.recipe import Recipe

if TYPE_CHECKING:
    import torch

MOMENTUM = 0.1
"""Of normalisations that start from nothing. torch's default; MobileNetV3's own, 0.01, would take
hundreds of steps to learn what its layers see, and until then every answer is the same."""


def build(recipe: Recipe, seed: int) -> torch.nn.Module:
    """Build the network of a recipe, with the weights that it starts from.

    Args:
        recipe: whose ``start`` says which.
        seed: of all that is random in it.

    Raises:
        ExportError: torch or torchvision is missing, or a file holds no weights of this network.
        TrainingError: the weights cannot be fetched, nobody published any, or the network does not
            take pictures of that side.
    """
    vision = torchvision()
    import torch

    torch.manual_seed(seed)
    network = NETWORKS[recipe.network]
    built = network.published()
    if recipe.start == "random":
        for part in built.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.momentum = MOMENTUM
    elif network.weights is None:
        raise TrainingError(
            f"nobody published weights of {network.name}; put `start: random` into the recipe"
        )
    elif recipe.start == "imagenet":
        weights = vision.models.get_weight(network.weights)
        try:
            state = weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
        except (OSError, RuntimeError) as error:  # no way to the server, or another file's hash
            raise TrainingError(
                f"{weights.url} cannot be fetched ({type(error).__name__}); fetch it elsewhere and "
                "put its path into the recipe as `start`, or `start: random`"
            ) from error
        built.load_state_dict(state)
    else:
        state = read_weights(Path(recipe.start), built.state_dict())
        built.load_state_dict(state, strict=False)
    return network.adapted(built, recipe.side)
