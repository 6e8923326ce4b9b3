"""Run one sensor so that whatever happens becomes a status, never an exception."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any, Generic

from detectors.contracts import OPTIONAL, Detector, Measurement, Seen, Sensor, Status
from detectors.face import FaceProblem, Located
from detectors.faults import whereabouts
from detectors.pictures import Picture
from models.store import ModelUnavailable

log = logging.getLogger(__name__)


class Runner(Generic[Seen]):
    """A sensor with its state loaded.

    Every way of serving calls detectors and document checks through this class, which is why
    offline, in-process and served scores agree.

    Attributes:
        unavailable: why the sensor's weights cannot be used, a stable word, or None.
    """

    def __init__(self, sensor: Sensor[Seen]) -> None:
        self.sensor = sensor
        self.unavailable: str | None = None
        try:
            sensor.load()
        except ModelUnavailable as missing:
            log.warning("%s is unavailable: %s", sensor.name, missing)
            self.unavailable = missing.reason

    def __call__(self, seen: Seen) -> Measurement:
        """Measure ``seen``; an exception or a measure that is not finite becomes ``error``."""
        return self.guard(lambda: self.sensor.measure(seen))

    def guard(self, look: Callable[[], Measurement]) -> Measurement:
        """Let the sensor look in another way than by ``measure``, just as safely.

        Args:
            look: asks the sensor; not called where its weights are missing.
        """
        started = time.perf_counter()
        measured = self._guarded(look)
        return replace(measured, elapsed_ms=(time.perf_counter() - started) * 1e3)

    def _guarded(self, look: Callable[[], Measurement]) -> Measurement:
        if self.unavailable:
            return Measurement(status=Status.UNAVAILABLE, reasons=(self.unavailable,), lasting=True)
        try:
            measured = look()
        except Exception as error:  # one failed sensor must not take the others with it
            log.error("%s failed: %s", self.sensor.name, whereabouts(error))
            return Measurement(status=Status.ERROR, reasons=(type(error).__name__,))
        odd = sorted(name for name, value in measured.measures.items() if not math.isfinite(value))
        if odd:
            return Measurement(
                status=Status.ERROR, reasons=tuple(f"not_finite:{name}" for name in odd)
            )
        return measured

    def pictures(self, seen: Seen) -> tuple[Picture, ...]:
        """Draw what the sensor sees in ``seen``; nothing without its weights, or where it fails."""
        if self.unavailable:
            return ()
        try:
            return tuple(self.sensor.pictures(seen))
        except Exception as error:  # a picture that fails must not cost the verdict
            log.error("%s could not be drawn: %s", self.sensor.name, whereabouts(error))
            return ()


def missing_input(
    detector: type[Detector[Any]], located: Located, requested: Collection[str] = ()
) -> Measurement | None:
    """Say why ``detector`` cannot look at what was located, or None when it can.

    Args:
        detector: the detector's class.
        located: what the face stage found.
        requested: inputs that the client was asked for, such as ``clip``; one that was not sent
            all the same is ``withheld`` rather than ``unavailable``.
    """
    bundle = located.bundle
    if bundle is None:
        return Measurement(status=Status.UNAVAILABLE, reasons=tuple(located.problems))
    needed = [need for need in detector.needs if not need.endswith(OPTIONAL)]
    if bundle.clip is None and any(need.startswith("clip.") for need in needed):
        if FaceProblem.NO_FACE_IN_CLIP in located.problems:
            return Measurement(status=Status.ABSTAINED, reasons=(FaceProblem.NO_FACE_IN_CLIP,))
        status = Status.WITHHELD if "clip" in requested else Status.UNAVAILABLE
        return Measurement(status=status, reasons=("no_clip",))
    if bundle.blendshapes is None and "blendshapes" in needed:
        return Measurement(status=Status.UNAVAILABLE, reasons=("no_blendshape_model",))
    return None
