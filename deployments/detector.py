"""The one wrapper around every detector."""

from __future__ import annotations

from typing import Any

import cv2

from detectors.contracts import Detector, FaceBundle, Measurement
from detectors.runner import Runner


class Signal:
    """Serves one detector; Serve calls it in a thread, so a slow one blocks no health check."""

    def __init__(self, detector: type[Detector[Any]]) -> None:
        cv2.setNumThreads(1)  # replicas share the machine; Ray counts one core at most for each
        self._runner = Runner(detector())

    def __call__(self, bundle: FaceBundle) -> Measurement:
        """Measure ``bundle``; never raises."""
        return self._runner(bundle)
