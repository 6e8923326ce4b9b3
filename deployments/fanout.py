"""Calls of nodes: a deadline for all, and a status for whatever goes wrong."""

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
    """Wait for the measurement of every call, at most ``timeout_s`` seconds in all.

    Returns:
        A measurement for each call: the detector's own, or one with status ``late``,
        ``overloaded`` or ``error``.
    """
    answers = await gather(calls, timeout_s)
    return {
        name: _lost(answer) if isinstance(answer, Status) else answer
        for name, answer in answers.items()
    }


def _lost(status: Status) -> Measurement:
    reasons = ("replica_failed",) if status is Status.ERROR else ()
    return Measurement(status=status, reasons=reasons)


async def one(name: str, call: DeploymentResponse[Any], timeout_s: float) -> Any | Status:
    """Wait for one call; see :func:`gather`."""
    return (await gather({name: call}, timeout_s))[name]


async def gather(
    calls: Mapping[str, DeploymentResponse[Any]], timeout_s: float
) -> dict[str, Any | Status]:
    """Wait for every call, at most ``timeout_s`` seconds in all.

    Returns:
        What each call answered, or the status that says why it did not. Late calls are cancelled,
        also when the caller is.
    """
    tasks = {name: asyncio.ensure_future(_answer(name, call)) for name, call in calls.items()}
    try:
        if tasks:
            await asyncio.wait(tasks.values(), timeout=max(timeout_s, 0.0))
        return {name: task.result() if task.done() else Status.LATE for name, task in tasks.items()}
    finally:
        for name, task in tasks.items():
            if not task.done():
                calls[name].cancel()  # type: ignore[no-untyped-call]
                task.cancel()


async def _answer(name: str, call: DeploymentResponse[Any]) -> Any | Status:
    try:
        return await call
    except BackPressureError:
        return Status.OVERLOADED
    except Exception as error:  # a replica died or could not be reached
        log.warning("%s could not be called: %s", name, type(error).__name__)
        return Status.ERROR
