"""Detectors of faces on single images, and the figures that stand for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from detectors.contracts import Detector, Measurement, Sensor, Status
from detectors.face import FaceLocator
from docfraud.contracts import Page
from evaluation.errors import EvaluationError
from evaluation.scores import Profile
from fusion.policy import load_policy
from models.store import ModelUnavailable

HEADLINE = (
    "hter",
    "eer",
    "auc",
    "apcer_at_bpcer_5",
    "worst_species_apcer_at_bpcer_5",
    "non_response",
)
"""Of presentation attack detection, first and in this order."""


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


def liveness_profile(source: str, detector: type[Detector[Any]]) -> Profile:
    """What a policy makes of the liveness signal, at the threshold of ``POST /v1/liveness``.

    Args:
        source: a shipped policy or a YAML file; also names the profile.
        detector: whose parameters these are.

    Raises:
        PolicyError: there is no such policy, or it is not valid.
    """
    policy = load_policy(source)
    entry = policy.signal(detector.name)
    mapping = detector.mapping() if entry is None else entry.mapping
    return Profile(source, mapping, policy.liveness.threshold)


def headed(headline: dict[str, float]) -> dict[str, float]:
    """Put :data:`HEADLINE` first.

    ``hter`` is at the threshold of another manifest where there is one; that at the policy's own
    threshold is ``shipped_hter``.
    """
    ends = ("", "_low", "_high")
    known = {f"shipped_hter{e}": headline[f"hter{e}"] for e in ends if f"hter{e}" in headline}
    for end in ends:
        if f"from_other_hter{end}" in headline:
            known[f"hter{end}"] = headline[f"from_other_hter{end}"]
    everything = headline | known
    first = {name: everything[name] for name in HEADLINE if name in everything}
    return first | everything
