"""A network that was trained on photographs of things, frozen, for comparison only.

MobileNetV1 at a quarter of its width (Howard et al. 2017), trained on ImageNet, whose images may
be used for research only: nothing that rests on it is shipped. It reads what is in a picture; the
control of blur shows how much of its success is that.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from detectors.fingerprint import Vector
from detectors.pixels import Pixels, imagenet

if TYPE_CHECKING:
    import torch

FILE = "mobilenetV1X0.25_pretrain.tar"
"""In the folder of models: a state dict of biubug6/Pytorch_Retinaface, MIT."""

SIDE = 192
STAGES = (
    ((3, 8, 2), (8, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)),
    ((64, 128, 2), (128, 128, 1), (128, 128, 1), (128, 128, 1), (128, 128, 1), (128, 128, 1)),
    ((128, 256, 2), (256, 256, 1)),
)
"""Channels in, channels out and stride of each block; the first is an ordinary convolution."""


def load(path: Path) -> Callable[[Pixels], Vector]:
    """Load the network; returns what gives a patch its 448 features, the mean of each stage.

    Raises:
        ImportError: torch, of the extra ``train``, is not installed.
    """
    import torch

    torch.set_num_threads(1)
    saved = torch.load(path, map_location="cpu", weights_only=True)
    weights = {name.removeprefix("module."): value for name, value in saved["state_dict"].items()}
    stages = []
    for at, blocks in enumerate(STAGES):
        stage = torch.nn.Sequential(
            *[_block(*shape, plain=at == 0 and turn == 0) for turn, shape in enumerate(blocks)]
        )
        prefix = f"stage{at + 1}."
        stage.load_state_dict(
            {n.removeprefix(prefix): v for n, v in weights.items() if n.startswith(prefix)}
        )
        stages.append(stage.eval())

    def features(patch: Pixels) -> Vector:
        how = cv2.INTER_AREA if len(patch) > SIDE else cv2.INTER_CUBIC
        resized = cv2.resize(patch, (SIDE, SIDE), interpolation=how).astype(np.float32) / 255
        seen = torch.from_numpy(np.ascontiguousarray(imagenet(resized)))
        means = []
        with torch.inference_mode():
            for stage in stages:
                seen = stage(seen)
                means.append(seen.mean(dim=(2, 3)).ravel())
        return np.asarray(torch.cat(means).double().numpy())

    return features


def _block(inside: int, outside: int, stride: int, plain: bool) -> torch.nn.Module:
    from torch import nn

    def layers(ins: int, outs: int, side: int, step: int, groups: int) -> list[Any]:
        return [
            nn.Conv2d(ins, outs, side, step, side // 2, groups=groups, bias=False),
            nn.BatchNorm2d(outs),
            nn.LeakyReLU(0.1),
        ]

    if plain:
        return nn.Sequential(*layers(inside, outside, 3, stride, 1))
    return nn.Sequential(
        *layers(inside, inside, 3, stride, inside), *layers(inside, outside, 1, 1, 1)
    )
