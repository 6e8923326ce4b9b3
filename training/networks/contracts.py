"""What a network is to the pipeline that trains it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Objective = Literal["logit", "logits", "reconstruction"]
"""What a network answers, and learns by:

``logit``
    that of an attack, float32 (N, 1); binary cross-entropy.
``logits``
    of an attack and of a bona fide presentation, in this order, float32 (N, 2); cross-entropy.
``reconstruction``
    a logit of an attack that rises with the mean squared error of the picture's reconstruction,
    which is the loss; it learns from bona fide presentations alone, and then settles on a
    threshold (``settle(errors, genuine)``).
"""


@dataclass(frozen=True, slots=True)
class Network:
    """A network, with what it has to know and to answer.

    Attributes:
        name: how recipes call it.
        published: builds it with the head that it was published with, for 1000 classes of
            ImageNet and pictures of 224 pixels, and random weights.
        weights: name of torchvision's entry for weights of that; None where nobody published any.
        adapted: makes of that the network of the reference, for pictures of the given side.
        head: name of the module that is its head.
        objective: what it answers.
        detector: whose model it can be.
        images: how many pictures it looks at together; its input is float32 (N, 3, side, side) of
            one and (N, images, 3, side, side) of several.
    """

    name: str
    published: Callable[[], torch.nn.Module]
    weights: str | None
    adapted: Callable[[torch.nn.Module, int], torch.nn.Module]
    head: str
    objective: Objective
    detector: Literal["liveness", "deepfake"]
    images: int = 1
