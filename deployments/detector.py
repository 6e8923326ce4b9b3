"""The one wrapper around every detector, check and reader."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic

import cv2

from deployments import logs
from detectors.contracts import Measurement, Seen, Sensor
from detectors.runner import Runner
from fusion.pictures import Shown, show

STUCK_S = 10.0
"""A detector takes a second or two at most."""


class Signal(Generic[Seen]):
    """Serves one sensor; Serve calls it in a thread, so a slow one blocks no health check."""

    def __init__(self, sensor: type[Sensor[Seen]]) -> None:
        logs.install()
        cv2.setNumThreads(1)  # replicas share the machine; Ray counts one core at most for each
        self.sensor = sensor()
        self._runner = Runner(self.sensor)
        self._started: dict[int, float] = {}

    def __call__(self, seen: Seen) -> Measurement:
        """Measure ``seen``; never raises."""
        with self._watched():
            return self._runner(seen)

    def pictures(self, seen: Seen, signal: str) -> tuple[Shown, ...]:
        """Draw what is in ``seen``, small enough to be sent.

        Args:
            seen: what was measured.
            signal: whose pictures they are.
        """
        with self._watched():
            return show(signal, self._runner.pictures(seen))

    @contextmanager
    def _watched(self) -> Iterator[None]:
        call = threading.get_ident()
        self._started[call] = time.monotonic()
        try:
            yield
        finally:
            del self._started[call]

    def check_health(self) -> None:
        """Tell Serve to replace this replica when a call in it does not return.

        Its verdict went out long ago, with the signal ``late``; but a thread cannot be killed,
        and two of them would block the replica for good.

        Raises:
            RuntimeError: a call has been running for :data:`STUCK_S` seconds.
        """
        oldest = min(self._started.copy().values(), default=math.inf)
        if time.monotonic() - oldest > STUCK_S:
            raise RuntimeError(f"{self.sensor.name} is stuck")
