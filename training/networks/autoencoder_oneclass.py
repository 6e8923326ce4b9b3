"""An auto-encoder of live faces, and how badly it reconstructs: one-class learning.

The liveness classifier's fifth variant. It learns from bona fide presentations alone, so that an
attack of a sort that nobody has seen is as strange to it as one that everybody has. The threshold
comes from the ROC curve of the validation part, where the two error rates add up to the least
(Youden, 1950).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics import curve
from training.networks.autoencoder import autoencoder, check_side
from training.networks.contracts import Network

if TYPE_CHECKING:
    import torch

LEAST_SPREAD = 1e-6
"""Errors that are all the same would otherwise be divided by nothing."""


def _published() -> torch.nn.Module:
    import torch
    from torch import nn

    class OneClass(nn.Module):
        """The logit of an attack, from the error of the reconstruction.

        Until it has settled, the logit is the error itself: the loss that it learns by.
        """

        def __init__(self) -> None:
            super().__init__()
            self.autoencoder = autoencoder()
            self.register_buffer("threshold", torch.zeros(()))
            self.register_buffer("spread", torch.ones(()))

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            difference = self.autoencoder(pictures) - pictures
            error = difference.square().mean((1, 2, 3))
            answer: torch.Tensor = ((error - self.threshold) / self.spread)[:, None]
            return answer

        def settle(self, answers: NDArray[np.float64], genuine: NDArray[np.bool_]) -> None:
            """Choose the threshold, and the spread of bona fide errors as the unit.

            Args:
                answers: logits that it gave, float64 (N,).
                genuine: what they were given about, bool (N,).
            """
            errors = answers * float(self.spread) + float(self.threshold)
            self.threshold.fill_(-curve(-errors, genuine).best_threshold)
            self.spread.fill_(max(float(np.std(errors[genuine])), LEAST_SPREAD))

    return OneClass()


def _adapted(built: torch.nn.Module, side: int) -> torch.nn.Module:
    check_side(side)
    return built


NETWORK = Network(
    name="autoencoder_oneclass",
    published=_published,
    weights=None,
    adapted=_adapted,
    head="autoencoder",
    objective="reconstruction",
    detector="liveness",
)
