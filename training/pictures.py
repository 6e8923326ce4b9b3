"""Pictures as a network sees them, while it is trained and while it is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from detectors.pixels import Pixels, imagenet
from media.images import decode_image
from models.vision import torchvision
from training.crops import cut_out, resized
from training.examples import Example, fetch
from training.presentations import Presentation
from training.recipe import Augmentation, Recipe

if TYPE_CHECKING:
    pass


class Pictures:
    """A sequence of (pixels, bona fide or not) for torch's ``DataLoader``.

    Pixels are float32 (3, side, side), RGB with ImageNet's mean and standard deviation, and
    (images, 3, side, side) of presentations of several. How a picture is varied depends on
    the seed, the epoch and its number and on nothing else, so that neither the number of processes
    that prepare them nor an interruption changes a training, and a teacher sees what its student
    sees: the same part of the face, turned and lit alike.

    Args:
        presentations: whose pictures.
        recipe: their size and, where ``epoch`` is given, how they are varied.
        seed: of the variation.
        epoch: None to measure, without variation.
        teacher_side: where a teacher looks on, of its input; its pixels come as a third element.
    """

    def __init__(
        self,
        presentations: Sequence[Presentation],
        recipe: Recipe,
        seed: int,
        epoch: int | None = None,
        teacher_side: int | None = None,
    ) -> None:
        self._presentations = presentations
        self._recipe = recipe
        self._seed = seed
        self._epoch = epoch
        self._sides = [recipe.side] if teacher_side is None else [recipe.side, teacher_side]

    def __len__(self) -> int:
        return len(self._presentations)

    def __getitem__(self, at: int) -> tuple[Any, ...]:
        import torch

        one = self._presentations[at]
        seen = [self._pixels(image, at, number) for number, image in enumerate(one.images)]
        pixels, *shown = [
            torch.from_numpy(np.stack(images) if len(images) > 1 else images[0])
            for images in zip(*seen, strict=True)
        ]
        return pixels, float(one.genuine), *shown

    def _pixels(self, image: Example, at: int, number: int) -> list[NDArray[np.float32]]:
        """What is seen of one picture at each of the sides, float32 (3, side, side)."""
        pixels = decode_image(fetch(image.location)).pixels
        upright = np.ascontiguousarray(np.rot90(pixels, image.turns))
        crop = cut_out(upright, image.box)
        return [self._at_side(crop, side, at, number) for side in self._sides]

    def _at_side(self, crop: Pixels, side: int, at: int, number: int) -> NDArray[np.float32]:
        picture = resized(crop, side, self._recipe.crop)
        if self._epoch is not None:
            drawn = np.random.SeedSequence((self._seed, self._epoch, at, number))
            picture = _varied(picture, self._recipe.augmentation, int(drawn.generate_state(1)[0]))
        (scaled,) = imagenet(np.asarray(picture, np.float32) / np.float32(255))
        return np.asarray(scaled, np.float32)


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
