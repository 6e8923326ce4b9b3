"""RetinaFace in torch, with the names of weights of biubug6/Pytorch_Retinaface.

MobileNetV1 × 0.25, a feature pyramid of three levels, a context module (SSH) and three heads for
each. Only exporting imports it: it needs torch.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

LEAK = 0.1
"""Slope of the leaky ReLUs, as for every pyramid of at most 64 channels."""

ANCHORS = 2
"""In each cell of a level."""


class RetinaFace(nn.Module):
    """From float32 (1, 3, H, W), BGR 0..255 less the mean, to boxes, confidences and points.

    They are float32 (1, A, 4), (1, A, 2) and (1, A, 10), for A anchors.
    """

    def __init__(self) -> None:
        super().__init__()
        self.body, self.fpn = Body(), Pyramid()
        self.ssh1, self.ssh2, self.ssh3 = Context(), Context(), Context()
        self.ClassHead = nn.ModuleList(Head(2) for _ in range(3))
        self.BboxHead = nn.ModuleList(Head(4) for _ in range(3))
        self.LandmarkHead = nn.ModuleList(Head(10) for _ in range(3))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Look at one picture."""
        pyramid = self.fpn(self.body(x))
        levels = [
            see(level)
            for see, level in zip((self.ssh1, self.ssh2, self.ssh3), pyramid, strict=True)
        ]
        boxes, confidences, points = (
            torch.cat([head(level) for head, level in zip(heads, levels, strict=True)], 1)
            for heads in (self.BboxHead, self.ClassHead, self.LandmarkHead)
        )
        return boxes, torch.softmax(confidences, -1), points


class Body(nn.Module):
    """MobileNetV1 × 0.25, tapped at three depths."""

    def __init__(self) -> None:
        super().__init__()
        self.stage1 = nn.Sequential(
            unit(3, 8, stride=2),
            separable(8, 16, 1),
            separable(16, 32, 2),
            separable(32, 32, 1),
            separable(32, 64, 2),
            separable(64, 64, 1),
        )
        same = [separable(128, 128, 1) for _ in range(5)]
        self.stage2 = nn.Sequential(separable(64, 128, 2), *same)
        self.stage3 = nn.Sequential(separable(128, 256, 2), separable(256, 256, 1))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Features at an eighth, a sixteenth and a 32nd of the resolution."""
        first = self.stage1(x)
        second = self.stage2(first)
        return [first, second, self.stage3(second)]


class Pyramid(nn.Module):
    """Lends the finer levels what the coarser ones know."""

    def __init__(self) -> None:
        super().__init__()
        self.output1, self.output2, self.output3 = (unit(n, 64, 1) for n in (64, 128, 256))
        self.merge1, self.merge2 = unit(64, 64), unit(64, 64)

    def forward(self, levels: list[torch.Tensor]) -> list[torch.Tensor]:
        """Fuse three levels, from fine to coarse."""
        fine, middle, coarse = levels
        coarse = self.output3(coarse)
        middle = self.output2(middle)
        middle = self.merge2(middle + _as_large_as(middle, coarse))
        fine = self.output1(fine)
        fine = self.merge1(fine + _as_large_as(fine, middle))
        return [fine, middle, coarse]


class Context(nn.Module):
    """SSH: three sizes of surroundings side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.conv3X3 = unit(64, 32, leak=None)
        self.conv5X5_1, self.conv5X5_2 = unit(64, 16), unit(16, 16, leak=None)
        self.conv7X7_2, self.conv7x7_3 = unit(16, 16), unit(16, 16, leak=None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See 3, 5 and 7 cells far."""
        shared = self.conv5X5_1(x)
        far = self.conv7x7_3(self.conv7X7_2(shared))
        return functional.relu(torch.cat([self.conv3X3(x), self.conv5X5_2(shared), far], 1))


class Head(nn.Module):
    """``width`` numbers for each anchor."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1x1 = nn.Conv2d(64, ANCHORS * width, 1)
        self.width = width

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """One row for each anchor, by rows of the level, then columns."""
        return self.conv1x1(x).permute(0, 2, 3, 1).reshape(x.shape[0], -1, self.width)


def unit(
    inside: int, outside: int, side: int = 3, stride: int = 1, leak: float | None = LEAK
) -> nn.Sequential:
    """A convolution, its normalisation, and a leaky ReLU unless ``leak`` is None."""
    activation = [] if leak is None else [nn.LeakyReLU(leak)]
    return nn.Sequential(
        nn.Conv2d(inside, outside, side, stride, side // 2, bias=False),
        nn.BatchNorm2d(outside),
        *activation,
    )


def separable(inside: int, outside: int, stride: int) -> nn.Sequential:
    """A convolution of each channel, then one across channels."""
    return nn.Sequential(
        nn.Conv2d(inside, inside, 3, stride, 1, groups=inside, bias=False),
        nn.BatchNorm2d(inside),
        nn.LeakyReLU(LEAK),
        nn.Conv2d(inside, outside, 1, bias=False),
        nn.BatchNorm2d(outside),
        nn.LeakyReLU(LEAK),
    )


def _as_large_as(large: torch.Tensor, small: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(small, size=large.shape[2:], mode="nearest")
