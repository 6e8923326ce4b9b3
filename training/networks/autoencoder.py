"""A convolutional auto-encoder: what it was not trained on it reconstructs worse.

It is part of two of the liveness classifier's variants. The reference does not give its layers;
these are ours: four convolutions that halve the sides and four that double them again, with batch
normalisation, through 64 channels of a sixteenth of the side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.errors import TrainingError

if TYPE_CHECKING:
    from torch import nn

WIDTHS = (32, 64, 128)
"""Channels after the first three convolutions."""

CODE = 64
"""Channels of the narrowest place."""

SHRINKS = 16
"""Sides of a picture for each side of the code."""


def autoencoder() -> nn.Sequential:
    """Build it: float32 (N, 3, side, side) to the same, in the scale of its input."""
    from torch import nn

    encoder: list[nn.Module] = []
    for before, after in zip((3, *WIDTHS), (*WIDTHS, CODE), strict=True):
        encoder += [nn.Conv2d(before, after, 4, 2, 1), nn.BatchNorm2d(after), nn.ReLU()]
    decoder: list[nn.Module] = []
    for before, after in zip((CODE, *WIDTHS[:0:-1]), WIDTHS[::-1], strict=True):
        decoder += [nn.ConvTranspose2d(before, after, 4, 2, 1), nn.BatchNorm2d(after), nn.ReLU()]
    decoder.append(nn.ConvTranspose2d(WIDTHS[0], 3, 4, 2, 1))
    return nn.Sequential(nn.Sequential(*encoder), nn.Sequential(*decoder))


def check_side(side: int) -> None:
    """Make sure that a picture comes out as large as it went in.

    Raises:
        TrainingError: it would not.
    """
    if side % SHRINKS:
        raise TrainingError(f"an auto-encoder halves the side four times; {side} is no multiple")
