"""How a payload travels between deployments."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from ray.serve.handle import DeploymentHandle, DeploymentResponse

from detectors.contracts import FaceBundle

BY_VALUE_BYTES = 1_000_000
"""Below this, a gRPC message beats a trip through the object store; above, it loses, and Ray
caps messages at 4 MB."""


def send(handle: DeploymentHandle[Any], bundle: FaceBundle) -> DeploymentResponse[Any]:
    """Call ``handle`` with ``bundle`` by value or by reference, whichever is faster."""
    arrays = (bundle.crop, bundle.frame, bundle.landmarks)
    size = sum(array.nbytes for array in arrays)
    if bundle.clip is not None:
        size += sum(
            array.nbytes
            for array in (getattr(bundle.clip, name) for name in bundle.clip.__slots__)
            if isinstance(array, np.ndarray)
        )
    chosen = handle.options(_by_reference=size > BY_VALUE_BYTES)
    return cast(DeploymentResponse[Any], chosen.remote(bundle))
