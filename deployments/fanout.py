"""One call per signal, a deadline for all, and a status for whatever goes wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from ray.serve.exceptions import BackPressureError
from ray.serve.handle import DeploymentResponse

from detectors.contracts import Measurement, Status

log = logging.getLogger(__name__)


async def settle(
    calls: Mapping[str, DeploymentResponse[Any]], timeout_s: float
) -> dict[str, Measurement]:
    """Wait for every call, at most ``timeout_s`` seconds in all.

    Returns:
        A measurement for each call: the detector's own, or one with status ``late``,
        ``overloaded`` or ``error``. Late calls are cancelled, also when the caller is.
    """
    tasks = {name: asyncio.ensure_future(_settled(name, call)) for name, call in calls.items()}
    try:
        if tasks:
            await asyncio.wait(tasks.values(), timeout=max(timeout_s, 0.0))
        return {
            name: task.result() if task.done() else Measurement(status=Status.LATE)
            for name, task in tasks.items()
        }
    finally:
        for name, task in tasks.items():
            if not task.done():
                calls[name].cancel()  # type: ignore[no-untyped-call]
                task.cancel()


async def _settled(name: str, call: DeploymentResponse[Any]) -> Measurement:
    try:
        measured: Measurement = await call
    except BackPressureError:
        return Measurement(status=Status.OVERLOADED)
    except Exception as error:  # a replica died or could not be reached
        log.warning("%s could not be called: %s", name, type(error).__name__)
        return Measurement(status=Status.ERROR, reasons=("replica_failed",))
    return measured
