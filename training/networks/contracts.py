"""What a network is to the pipeline that trains it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Network:
    """A network, with what it has to know and to answer.

    Attributes:
        name: how recipes call it.
        published: builds it with the head that it was published with, for 1000 classes of
            ImageNet, and random weights.
        weights: name of torchvision's entry for weights of that.
        with_head: gives it the reference's head in place of that one.
        head: name of the module that the head is.
        logits: 1 for that of an attack, learnt with binary cross-entropy; 2 for an attack and for
            a bona fide presentation, in this order, learnt with cross-entropy.
        detector: whose model it can be.
    """

    name: str
    published: Callable[[], torch.nn.Module]
    weights: str
    with_head: Callable[[torch.nn.Module], torch.nn.Module]
    head: str
    logits: Literal[1, 2]
    detector: Literal["liveness", "deepfake"]
