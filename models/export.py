"""From a network in torch to an ONNX file that answers the same."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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
"""Largest difference between an answer of the ONNX file and one of torch, as a share of answers
beyond 1."""


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
    with _tracing():
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
            unit = np.maximum(np.abs(right.numpy()), 1)
            worst = max(worst, float((np.abs(right.numpy() - answer) / unit).max()))
    if not worst <= PARITY:  # also where it is not a number
        raise ExportError(f"the ONNX file differs from torch by {worst:.1e}, over {PARITY:.0e}")
    return worst


@contextmanager
def _tracing() -> Iterator[None]:
    """Have a network do what ONNX has words for, and without warnings of what may go wrong.

    Whatever depends on the one input that it is traced with is found when the file is asked about
    others.
    """
    import torch

    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # attention in one operator of torch's own
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", torch.jit.TracerWarning)
            warnings.filterwarnings("ignore", "Exporting a model to ONNX with a batch_size other")
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


def made_with(*packages: str) -> str:
    """Packages and their versions, for a card."""
    return ", ".join(f"{package} {version(package)}" for package in packages)
