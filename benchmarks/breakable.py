"""The graph with detectors that hang, raise or lie when they are told to, while it runs."""

# Without `from __future__ import annotations`: Serve reads the type of build's argument.
import math
import os
import time
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from ray.serve import Application

import graph
from deployments.settings import Settings
from detectors.contracts import Detector, FaceBundle, Measurement
from detectors.registry import DETECTORS

FOLDER = "PALISADE_BREAK"
"""Environment variable: a folder; a file with the name of a detector says how it is broken."""


class Way(StrEnum):
    """How a detector is broken."""

    HANGS = "hangs"
    RAISES = "raises"
    LIES = "lies"


def build(settings: Settings) -> Application:
    """Build the graph; a Serve config names this in place of :func:`graph.build`."""
    return graph.wire(settings, [breakable(detector) for detector in DETECTORS])


def breakable(detector: type[Detector[Any]]) -> type[Detector[Any]]:
    """Make a detector like another one, which can be broken."""

    def measure(self: Any, bundle: FaceBundle) -> Measurement:
        way = _way(detector.name)
        if way is Way.HANGS:
            while True:  # until the process is killed, whatever the file says later
                time.sleep(1)
        if way is Way.RAISES:
            raise RuntimeError("broken on command")
        measured = detector.measure(self, bundle)
        if way is Way.LIES:
            return replace(measured, measures=dict.fromkeys(measured.measures, math.nan))
        return measured

    return type(detector.__name__, (detector,), {"measure": measure})


def _way(name: str) -> Way | None:
    with suppress(FileNotFoundError):
        return Way(Path(os.environ[FOLDER], name).read_text())
    return None
