"""How a payload travels between deployments."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, cast

import numpy as np
from ray.serve.handle import DeploymentHandle, DeploymentResponse

BY_VALUE_BYTES = 1_000_000
"""Below this, a gRPC message beats a trip through the object store; above, it loses."""


def send(handle: DeploymentHandle[Any], payload: Any, *more: Any) -> DeploymentResponse[Any]:
    """Call ``handle`` with a capture or a bundle, by value or by reference: whichever is faster.

    Args:
        handle: of the node.
        payload: what may be large.
        more: arguments that are not.
    """
    chosen = handle.options(_by_reference=weight(payload) > BY_VALUE_BYTES)
    return cast(DeploymentResponse[Any], chosen.remote(payload, *more))


def share(handle: DeploymentHandle[Any], *arguments: Any) -> DeploymentResponse[Any]:
    """Call ``handle`` so that its answer, and an answer among ``arguments``, stay where they are.

    They are in the object store: what several nodes look at is written once, and those on the
    same machine read it there.
    """
    return cast(DeploymentResponse[Any], handle.options(_by_reference=True).remote(*arguments))


def weight(payload: Any) -> int:
    """Bytes of the arrays and strings of bytes in nested dataclasses and tuples."""
    if isinstance(payload, np.ndarray):
        return payload.nbytes
    if isinstance(payload, bytes):
        return len(payload)
    if isinstance(payload, tuple):
        return sum(weight(item) for item in payload)
    if is_dataclass(payload):
        return sum(weight(getattr(payload, field.name)) for field in fields(payload))
    return 0
