"""Pictures as a network sees them, while it is trained and while it is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from detectors.pixels import imagenet
from media.images import decode_image
from models.vision import torchvision
from training.crops import cut_out, resized
from training.examples import Example, fetch
from training.recipe import Augmentation, Recipe

if TYPE_CHECKING:
    import torch


class Pictures:
    """A sequence of (picture, bona fide or not) for torch's ``DataLoader``.

    Pictures are float32 (3, side, side), RGB with ImageNet's mean and standard deviation. How one
    is varied depends on the seed, the epoch and its number and on nothing else, so that neither the
    number of processes that prepare them nor an interruption changes a training.

    Args:
        examples: whose pictures.
        recipe: their size and, where ``epoch`` is given, how they are varied.
        seed: of the variation.
        epoch: None to measure, without variation.
    """

    def __init__(
        self, examples: Sequence[Example], recipe: Recipe, seed: int, epoch: int | None = None
    ) -> None:
        self._examples = examples
        self._recipe = recipe
        self._seed = seed
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, at: int) -> tuple[torch.Tensor, float]:
        import torch

        example = self._examples[at]
        pixels = decode_image(fetch(example.location)).pixels
        crop = resized(cut_out(pixels, example.box), self._recipe.side, self._recipe.crop)
        if self._epoch is not None:
            variant = np.random.SeedSequence((self._seed, self._epoch, at)).generate_state(1)[0]
            crop = _varied(crop, self._recipe.augmentation, int(variant))
        scaled = np.asarray(crop, np.float32) / np.float32(255)
        return torch.from_numpy(imagenet(scaled)[0]), float(example.genuine)


def _varied(crop: Any, how: Augmentation, seed: int) -> Any:
    """Vary a picture, uint8 RGB (H, W, 3)."""
    torchvision()  # makes the next line work in a process that has just begun, too
    import torch
    from torchvision.transforms import v2

    transforms = v2.Compose(
        [
            v2.RandomHorizontalFlip(how.flip),
            v2.RandomRotation(how.rotate_deg),
            v2.ColorJitter(brightness=how.jitter, contrast=how.jitter),
        ]
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        varied = transforms(torch.from_numpy(np.array(crop.transpose(2, 0, 1))))
    return varied.numpy().transpose(1, 2, 0)
