"""Ray on this machine, or the cluster that ``RAY_ADDRESS`` names."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from deployments.errors import LaunchError, last_line

log = logging.getLogger(__name__)


@contextmanager
def connected(**local: Any) -> Iterator[None]:
    """Be connected to Ray for the length of a ``with`` block.

    Args:
        local: for ``ray.init``, where it starts a Ray of its own.

    Raises:
        LaunchError: Ray did not start, or the cluster does not answer.
    """
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if "RAY_ADDRESS" in os.environ:
            ray.init(**quiet)
        else:
            ray.init(
                address="local",  # by default Ray would join any cluster that happens to run here
                include_dashboard=False,  # its job API is code execution
                **local,
                **quiet,
            )
    except Exception as error:  # Ray raises a bare one where a process of it does not come up
        log.debug("Ray did not start", exc_info=True)
        raise LaunchError(f"Ray did not start: {last_line(str(error))}") from None
    try:
        yield
    finally:
        ray.shutdown()
