"""Read a torch checkpoint that somebody else made: only tensors, and only the expected ones."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import ExportError

if TYPE_CHECKING:
    import torch

WRAPPERS = ("model_state_dict", "state_dict")
"""Keys under which training scripts keep the weights beside an optimiser and an epoch."""

UNUSED = ".num_batches_tracked"
"""Ending of counters that only training reads; some exporters leave them out."""

SHOWN = 3


def read_weights(path: Path, wanted: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Read the weights of a network whose names and shapes are known.

    Nothing in the file is run: torch unpickles tensors and plain containers, and refuses the rest.

    Args:
        path: a state dict, alone or under one of :data:`WRAPPERS`; names may begin with
            ``module.``, as those of ``DataParallel`` do.
        wanted: the network's own ``state_dict()``.

    Returns:
        float32 weights by name, as ``load_state_dict(strict=False)`` wants them.

    Raises:
        ExportError: the file cannot be read, holds code, or is another network's.
    """
    state = _unwrapped(_loaded(path), path)
    needed = {name for name in wanted if not name.endswith(UNUSED)}
    if missing := sorted(needed - state.keys()):
        raise ExportError(f"{path}: this is another network: {_some('lacks', missing)}")
    if odd := sorted(state.keys() - wanted.keys()):
        raise ExportError(f"{path}: this is another network: {_some('also has', odd)}")
    for name in sorted(needed):
        found, right = tuple(state[name].shape), tuple(wanted[name].shape)
        if found != right:
            raise ExportError(f"{path}: {name} has the shape {found}, not {right}")
        if not bool(state[name].isfinite().all()):
            raise ExportError(f"{path}: {name} has values that are not finite")
    return {name: state[name].float() for name in needed}


def _loaded(path: Path) -> Any:
    import torch

    try:
        with warnings.catch_warnings(action="ignore"):  # it warns of what it refuses next
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror or error}") from error
    except pickle.UnpicklingError as error:
        raise ExportError(
            f"{path} is no checkpoint, or holds more than tensors; nothing in it was run"
        ) from error
    except Exception as error:  # truncated and damaged archives raise a dozen types
        raise ExportError(
            f"{path} is no checkpoint, or is damaged or cut short ({type(error).__name__})"
        ) from error


def _unwrapped(content: Any, path: Path) -> dict[str, torch.Tensor]:
    import torch

    for key in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content:
        raise ExportError(f"{path} has no state dict, alone or under {' or '.join(WRAPPERS)}")
    if odd := [key for key, value in content.items() if not isinstance(value, torch.Tensor)]:
        raise ExportError(f"{path} has no state dict: {str(odd[0])[:40]!r} is no tensor")
    names = [str(name) for name in content]
    prefix = "module." if all(name.startswith("module.") for name in names) else ""
    return {str(name).removeprefix(prefix): value for name, value in content.items()}


def _some(verb: str, names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"it {verb} {', '.join(name[:60] for name in names[:SHOWN])}{more}"
