"""The graph with sensors that hang, raise or lie when they are told to, while it runs."""

# Without `from __future__ import annotations`: Serve reads the type of build's argument.
import math
import os
import time
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from ray.serve import Application

import graph
from deployments.settings import Settings
from detectors.contracts import Measurement, Sensor
from detectors.registry import DETECTORS
from docfraud.contracts import node_of
from docfraud.registry import SENSORS

FOLDER = "PALISADE_BREAK"
"""Environment variable: a folder; a file with the name of a node says how it is broken."""


S = TypeVar("S", bound=Sensor[Any])


class Way(StrEnum):
    """How a node is broken."""

    HANGS = "hangs"
    RAISES = "raises"
    LIES = "lies"


def build(settings: Settings) -> Application:
    """Build the graph; a Serve config names this in place of :func:`graph.build`."""
    return graph.wire(
        settings,
        [breakable(detector, detector.name) for detector in DETECTORS],
        [breakable(sensor, node_of(sensor.name)) for sensor in SENSORS],
    )


def breakable(sensor: type[S], node: str) -> type[S]:
    """Make a sensor like another one, which can be broken by the name of its node."""

    def measure(self: Any, seen: Any) -> Measurement:
        way = _way(node)
        if way is Way.HANGS:
            while True:  # until the process is killed, whatever the file says later
                time.sleep(1)
        if way is Way.RAISES:
            raise RuntimeError("broken on command")
        measured = sensor.measure(self, seen)
        if way is Way.LIES:
            return replace(measured, measures=dict.fromkeys(measured.measures, math.nan))
        return measured

    return type(sensor.__name__, (sensor,), {"measure": measure})


def _way(name: str) -> Way | None:
    with suppress(FileNotFoundError):
        return Way(Path(os.environ[FOLDER], name).read_text())
    return None
