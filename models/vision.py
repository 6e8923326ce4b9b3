"""torchvision, also beside a torch that it was not built for.

A torchvision from PyPI expects PyPI's torch, which has CUDA; beside a CPU build its compiled
operators do not load, and importing it fails because it describes an operator that nobody defined.
Nothing here uses compiled operators.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

from models.errors import ExportError

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

_defined: list[Any] = []
"""The library of these operators: they are gone when it is."""


def torchvision() -> ModuleType:
    """Import torchvision.

    Raises:
        ExportError: it, or torch, is not installed.
    """
    try:
        return importlib.import_module("torchvision")
    except ImportError as error:
        raise ExportError(
            f"{error.name} is missing: run `pip install 'palisade[cpu,train]'`"
        ) from error
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS:
        library.define(schema)
    _defined.append(library)
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    return importlib.import_module("torchvision")
