"""One detector of faces on single images, for those who need no whole session."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from detectors.contracts import Detector, Measurement, Sensor, Status
from detectors.face import FaceLocator
from docfraud.contracts import Page
from evaluation.errors import EvaluationError
from models.store import ModelUnavailable


class FaceSignal(Sensor[Page]):
    """Finds the face of an image as the graph does, and lets a detector look at it.

    An image without a face that is large enough is a non-response.

    Args:
        detector: of faces in still images.
        insist: take what a detector measured where it abstains for an answer.
    """

    def __init__(self, detector: Detector[Any], *, insist: bool = False) -> None:
        self._detector = detector
        self._insist = insist
        self._locator = FaceLocator()

    @property
    def name(self) -> str:  # type: ignore[override]
        """That of the detector."""
        return self._detector.name

    def load(self) -> None:
        """Load the models of both.

        Raises:
            EvaluationError: the weights of the detector are not on this machine.
        """
        self._locator.load()
        try:
            self._detector.load()
        except ModelUnavailable as missing:
            raise EvaluationError(f"{self.name} cannot be measured here: {missing}") from None

    def measure(self, page: Page) -> Measurement:
        """Find the face and measure it."""
        located = self._locator.locate(page.pixels)
        if located.bundle is None:
            return Measurement(status=Status.UNAVAILABLE, reasons=tuple(located.problems))
        measured = self._detector.measure(located.bundle.only(self._detector.needs))
        if self._insist and measured.status is Status.ABSTAINED:
            return replace(measured, status=Status.OK, reasons=())
        return measured
