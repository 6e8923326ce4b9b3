"""The architecture of DFDS with random weights that let a signal through.

Freshly made, the normalisations of EfficientNet expect a variance that nothing has, and the answer
is the same for every input. Here they have seen noise.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from models import deepfake


@cache
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    built = deepfake.network()
    for part in built.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = None  # a mean over all that was seen
    built.train()
    with torch.no_grad():
        built(torch.randn(4, 3, 128, 128))
    return built.eval()


def state() -> dict[str, Any]:
    """A copy of its state dict, to be spoilt."""
    return {name: value.clone() for name, value in network().state_dict().items()}
