"""ONNX Runtime sessions, made the same way for every model."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from models.store import ModelUnavailable

if TYPE_CHECKING:
    import onnxruntime as ort


def session(path: Path) -> ort.InferenceSession:
    """Open an ONNX file with one thread, on a CUDA device if there is one, else on the CPU.

    One thread, because the graph runs many detectors side by side: Serve scales by replicas,
    and threads of several sessions on the same cores only slow each other down.

    Raises:
        ModelUnavailable: ``onnxruntime_missing``, or ``weights_unreadable`` where the file is not
            a model that this runtime can run.
    """
    try:
        import onnxruntime as ort
    except ImportError as error:
        raise ModelUnavailable(
            "onnxruntime_missing",
            "onnxruntime is not installed; run `pip install 'palisade[cpu]'` (or [gpu])",
        ) from error
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    try:
        return ort.InferenceSession(
            str(path), options, providers=_providers(ort.get_available_providers())
        )
    except Exception as error:  # the runtime's own exception types share no public base
        raise ModelUnavailable("weights_unreadable", f"{path} cannot be run: {error}") from error


Shapes = Mapping[str, Sequence[int | str | None]]
"""Of inputs, by name; what is no number may be of any size."""


def inputs_of(session: ort.InferenceSession) -> Shapes:
    """The inputs of a model."""
    return {node.name: node.shape for node in session.get_inputs()}


def check(
    session: ort.InferenceSession,
    inputs: Mapping[str, Sequence[int]],
    outputs: Sequence[str],
) -> None:
    """Make sure that a model has the interface that its detector was written for.

    Args:
        session: the opened model.
        inputs: name and shape of each input; a symbolic dimension of the model fits any size.
        outputs: names that must be among its outputs.

    Raises:
        ModelUnavailable: ``weights_interface``, saying what was expected and what was found.
    """
    found = inputs_of(session)
    produced = [node.name for node in session.get_outputs()]
    fits = found.keys() == inputs.keys() and all(
        _fits(found[name], shape) for name, shape in inputs.items()
    )
    if not fits or not set(outputs) <= set(produced):
        raise ModelUnavailable(
            "weights_interface",
            f"expected {dict(inputs)} -> {list(outputs)}, the model has {found} -> {produced}",
        )


def _fits(found: Sequence[int | str | None], wanted: Sequence[int]) -> bool:
    return len(found) == len(wanted) and all(
        have == want or not isinstance(have, int) for have, want in zip(found, wanted, strict=True)
    )


def _providers(available: Sequence[str]) -> list[str]:
    cuda = "CUDAExecutionProvider" in available and _cuda_devices() > 0
    return [*(["CUDAExecutionProvider"] if cuda else []), "CPUExecutionProvider"]


@cache
def _cuda_devices() -> int:
    """Ask the driver: the GPU wheel lists its provider on machines without a GPU, too."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value
