"""From a network in torch to an ONNX file that answers the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models import onnx
from models.errors import ExportError

if TYPE_CHECKING:
    import torch

OPSET = 17

PARITY = 1e-4
"""Largest difference between an answer of the ONNX file and one of torch."""


def write_onnx(
    network: torch.nn.Module,
    path: Path,
    shape: tuple[int, ...],
    names: tuple[str, Sequence[str]],
    free: Mapping[str, Mapping[int, str]],
    tried: Sequence[tuple[int, ...]],
) -> float:
    """Write a network, and hold the file against it.

    Args:
        network: with one input.
        path: of the file.
        shape: of an input to trace it with.
        names: of the input and of the outputs.
        free: the axes of inputs and outputs whose length may change, by name.
        tried: shapes of inputs that are asked of both.

    Returns:
        The largest difference between the two.

    Raises:
        ExportError: they differ by more than :data:`PARITY`, or are not finite.
    """
    import torch

    source, outputs = names
    network.eval()
    torch.onnx.export(
        network,
        (torch.zeros(shape),),
        str(path),
        opset_version=OPSET,
        input_names=[source],
        output_names=list(outputs),
        dynamic_axes={name: dict(axes) for name, axes in free.items()},
        # The other exporter needs onnxscript, and writes nothing that this one does not.
        dynamo=False,
    )
    session, generator = onnx.session(path), torch.Generator().manual_seed(0)
    worst = 0.0
    for size in tried:
        pixels = torch.randn(size, generator=generator)
        with torch.inference_mode():
            expected = network(pixels)
        if isinstance(expected, torch.Tensor):
            expected = (expected,)
        found = session.run(list(outputs), {source: pixels.numpy()})
        for right, answer in zip(expected, found, strict=True):
            worst = max(worst, float(np.abs(right.numpy() - answer).max()))
    if not worst <= PARITY:  # also where it is not a number
        raise ExportError(f"the ONNX file differs from torch by {worst:.1e}, over {PARITY:.0e}")
    return worst


def made_with(*packages: str) -> str:
    """Packages and their versions, for a card."""
    return ", ".join(f"{package} {version(package)}" for package in packages)
