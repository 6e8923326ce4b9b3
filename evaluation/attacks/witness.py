"""What the signals of the graph make of a picture or a clip that is at hand as pixels."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detectors.contracts import Detector, Status
from detectors.face import FaceLocator, FaceProblem
from detectors.registry import DETECTORS
from detectors.runner import Runner
from evaluation.attacks.contracts import Pixels
from fusion.mapping import mapped
from fusion.policy import Policy
from fusion.verdict import Signal
from media.clips import Frame
from pipeline import split


@dataclass(frozen=True, slots=True)
class Testimony:
    """What was seen.

    Attributes:
        signals: by name.
        problems: of the face and the clip.
        quality: raw measures of both.
    """

    signals: Mapping[str, Signal]
    problems: tuple[FaceProblem, ...]
    quality: Mapping[str, float]


class Witness:
    """Some detectors and the locator before them, in this process.

    Args:
        policy: maps what is measured.
        names: of the signals; all if None.
    """

    def __init__(self, policy: Policy, names: Collection[str] | None = None) -> None:
        self._policy = policy
        self._locator = FaceLocator()
        self._locator.load()
        self._detectors: list[type[Detector[Any]]] = [
            detector for detector in DETECTORS if names is None or detector.name in names
        ]
        self._runners = {detector.name: Runner(detector()) for detector in self._detectors}

    def __call__(self, pixels: Pixels, frames: Sequence[Frame] | None = None) -> Testimony:
        """Look at a picture, and at a clip where there is one."""
        located = self._locator.locate(pixels, frames)
        able, measured = split(self._detectors, located, ())
        if located.bundle is not None:
            for detector in able:
                seen = located.bundle.only(detector.needs)
                measured[detector.name] = self._runners[detector.name](seen)
        signals = {}
        for detector in self._detectors:
            entry = self._policy.signal(detector.name)
            mapping = detector.mapping() if entry is None else entry.mapping
            signals[detector.name] = mapped(
                detector.name, detector, measured[detector.name], mapping
            )
        return Testimony(signals, located.problems, located.quality)


def score_of(signal: Signal) -> float | None:
    """The score of a signal that looked and judged, or None."""
    return signal.score if signal.status is Status.OK else None
