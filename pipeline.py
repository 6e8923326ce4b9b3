"""The graph in one process: the same stages that Serve runs, called one after the other.

``palisade verify`` and the tests use it; :mod:`deployments` wraps the same stages, which is why
both give the same scores.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from detectors.contracts import LOOKED, Detector, Measurement, Measures, Status
from detectors.deepfake import Deepfake
from detectors.deepfake_vote import FRAMES
from detectors.face import FaceLocator, Located
from detectors.liveness import Liveness
from detectors.registry import DETECTORS
from detectors.runner import Runner, missing_input
from docfraud.contracts import Page
from docfraud.examination import Evidence, Examiner, open_page
from fusion.answers import DocumentAnswer, Wanted
from fusion.deepfake import DeepfakeOpinion, Watched
from fusion.judge import Judge
from fusion.liveness import LivenessOpinion, Unfit
from fusion.pictures import Shown, show
from fusion.policy import Policy
from fusion.quality import Assessment, QualityPolicy, QualityRefused, assess
from fusion.verdict import FaceSummary, Signal, Verdict
from media.capture import Capture, Channel
from media.clips import open_frames
from media.errors import blame
from media.images import decode_image
from media.limits import ClipLimits, ImageLimits
from media.stills import read_any


@dataclass(frozen=True, slots=True)
class Limits:
    """What an upload may cost."""

    image: ImageLimits = field(default_factory=ImageLimits)
    clip: ClipLimits = field(default_factory=ClipLimits)


@dataclass(frozen=True, slots=True)
class Looked:
    """A selfie that was measured and nothing else.

    Attributes:
        quality: raw measures, as :class:`detectors.face.Located` has them.
        box: x0, y0, x1, y1 of the largest face in pixels of the frame, or None.
    """

    quality: Measures
    box: tuple[float, float, float, float] | None


@dataclass(frozen=True, slots=True)
class Found:
    """What the face stage made of a capture.

    Attributes:
        located: the face; without its clip where the gate refused it.
        elapsed_ms: wall time.
        refusal: why the gate refused the selfie, or None.
    """

    located: Located
    elapsed_ms: float
    refusal: Assessment | None = None

    @property
    def summary(self) -> FaceSummary:
        """The part that goes on record."""
        return FaceSummary(self.located.problems, self.located.quality, self.elapsed_ms)


class FaceStage:
    """Decodes a capture and locates the face in it."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._locator = FaceLocator()
        self._locator.load()

    def __call__(self, capture: Capture, gate: QualityPolicy | None = None) -> Found:
        """Locate the face.

        Args:
            capture: as it was uploaded.
            gate: refuses a selfie before its clip is decoded; None lets all of them through.

        Raises:
            MediaError: the bytes of the selfie or the clip break a limit or cannot be decoded.
        """
        started = time.perf_counter()
        with blame("selfie"):
            selfie = decode_image(capture.selfie, self._limits.image)
        located = self._locator.locate(selfie.pixels, channel=capture.channel)
        if gate is not None:
            assessment = assess(gate, located.quality)
            if not assessment.is_valid:
                return Found(located, _ms_since(started), assessment)
        with open_frames(capture, self._limits.clip, self._limits.image) as frames:
            located = self._locator.follow(located, frames)
        return Found(located, _ms_since(started))

    def look(self, selfie: bytes) -> Looked:
        """Measure a selfie.

        Raises:
            MediaError: the bytes break a limit or cannot be decoded.
        """
        with blame("file"):
            image = decode_image(selfie, self._limits.image)
        located = self._locator.locate(image.pixels)
        return Looked(located.quality, located.box)


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1e3


def split(
    detectors: Iterable[type[Detector[Any]]], located: Located, requested: Collection[str]
) -> tuple[list[type[Detector[Any]]], dict[str, Measurement]]:
    """Part the detectors into those that can look and those that cannot, with the reason."""
    able: list[type[Detector[Any]]] = []
    absent: dict[str, Measurement] = {}
    for detector in detectors:
        missing = missing_input(detector, located, requested)
        if missing is None:
            able.append(detector)
        else:
            absent[detector.name] = missing
    return able, absent


@dataclass(frozen=True, slots=True)
class _Decided:
    """A verdict, and what it was measured from."""

    found: Found
    page: Page | None
    verdict: Verdict


class Pipeline:
    """Verifies captures in this process.

    Args:
        policy: decides.
        canary_key: secret of the enforcement buckets.
        limits: what an upload may cost.
    """

    def __init__(
        self, policy: Policy, *, canary_key: bytes = b"", limits: Limits | None = None
    ) -> None:
        self._limits = limits or Limits()
        self._face = FaceStage(self._limits)
        self._runners = {detector.name: Runner(detector()) for detector in DETECTORS}
        self._judge = Judge(policy, canary_key)
        self._pool = ThreadPoolExecutor(len(DETECTORS), thread_name_prefix="detector")

    def locate(self, capture: Capture) -> Found:
        """Decode ``capture`` and locate its face.

        Raises:
            MediaError: the bytes break a limit or cannot be decoded.
        """
        return self._face(capture)

    def look(self, selfie: bytes) -> Looked:
        """Measure how good a selfie is.

        Raises:
            MediaError: the bytes break a limit or cannot be decoded.
        """
        return self._face.look(selfie)

    def liveness(self, image: bytes, checks: bool = True) -> LivenessOpinion | Unfit:
        """Judge a still image that comes alone.

        Args:
            image: encoded.
            checks: refuse one that the policy's gate finds too poor.

        Raises:
            MediaError: the bytes break a limit or cannot be decoded.
        """
        found = self._face(Capture(image), self._judge.policy.quality if checks else None)
        if found.refusal is not None:
            return Unfit(found.refusal.reasons, found.refusal.failed_scores())
        _, measured = split([Liveness], found.located, ())
        if found.located.bundle is not None:
            looks = self._runners[Liveness.name]
            measured[Liveness.name] = looks(found.located.bundle.only(Liveness.needs))
        return self._judge.liveness(measured[Liveness.name])

    def deepfake(self, data: bytes) -> DeepfakeOpinion:
        """Judge a photograph or a clip that comes alone.

        Raises:
            MediaError: the bytes break a limit or cannot be decoded.
        """
        runner = self._runners[Deepfake.name]
        detector = runner.sensor
        assert isinstance(detector, Deepfake)
        with blame("file"):
            stills = read_any(data, FRAMES, self._limits.image, self._limits.clip)
        measured = [runner.guard(partial(detector.look, frame)) for frame in stills.frames]
        name = "" if runner.unavailable else detector.finder.name
        return self._judge.deepfake(Watched(tuple(measured), stills.moving, name))

    def measure(
        self,
        found: Found,
        requested: Collection[str] = (),
        detectors: Iterable[type[Detector[Any]]] = DETECTORS,
    ) -> dict[str, Measurement]:
        """Run every detector, or those that are named, on a located face, in parallel."""
        able, measured = split(detectors, found.located, requested)
        bundle = found.located.bundle
        if bundle is not None:
            looking = {
                d.name: self._pool.submit(self._runners[d.name], bundle.only(d.needs)) for d in able
            }
            measured |= {name: result.result() for name, result in looking.items()}
        return measured

    @cached_property
    def _examiner(self) -> Examiner:
        return Examiner()  # only where a document comes: its readers take a second to load

    def verify(self, capture: Capture, subject: str | None = None) -> Verdict:
        """Take a capture to a verdict.

        Raises:
            MediaError: the bytes break a limit or cannot be decoded.
            QualityRefused: the capture asks for the gate, and the selfie does not pass it.
        """
        return self._decide(capture, subject).verdict

    def illustrate(
        self, capture: Capture, subject: str | None = None
    ) -> tuple[Verdict, tuple[Shown, ...]]:
        """Take a capture to a verdict, and draw what was measured.

        Raises:
            MediaError: the bytes break a limit or cannot be decoded.
            QualityRefused: the capture asks for the gate, and the selfie does not pass it.
        """
        decided = self._decide(capture, subject)
        verdict, bundle = decided.verdict, decided.found.located.bundle
        drawn: list[Shown] = []
        if bundle is not None:
            looked = _looked(verdict.signals)
            for detector in (d for d in DETECTORS if d.name in looked):
                pictures = self._runners[detector.name].pictures(bundle.only(detector.needs))
                drawn += show(detector.name, pictures)
        if decided.page is not None and verdict.document is not None:
            looked = _looked(verdict.document.checks)
            for node, pictures in self._examiner.pictures(decided.page, looked).items():
                drawn += show(node, pictures)
        return verdict, tuple(drawn)

    def _decide(self, capture: Capture, subject: str | None) -> _Decided:
        found = self._face(capture, self._judge.policy.quality if capture.gate else None)
        if found.refusal is not None:
            raise QualityRefused(found.refusal)
        if capture.document is None:
            page, evidence = None, withheld_document(capture)
        else:
            page = open_page(capture.document, self._limits.image, capture.channel)
            evidence = self._examiner(page).evidence
        measured = self.measure(found, capture.requested)
        verdict = self._judge.verdict(
            uuid.uuid4().hex, measured, found.summary, subject=subject, document=evidence
        )
        return _Decided(found, page, verdict)


def _looked(signals: Iterable[Signal]) -> list[str]:
    return [signal.name for signal in signals if signal.status in LOOKED]


class DocumentPipeline:
    """Examines documents that come alone, in this process.

    Args:
        policy: judges.
        limits: what a photograph may cost.
    """

    def __init__(self, policy: Policy, limits: ImageLimits | None = None) -> None:
        self._limits = limits or ImageLimits()
        self._examiner = Examiner()
        self._judge = Judge(policy)

    def __call__(
        self, data: bytes, channel: Channel = "upload", wanted: Wanted | None = None
    ) -> DocumentAnswer:
        """Examine the photograph of a document.

        Args:
            data: the encoded image.
            channel: how it reached the client.
            wanted: what to return besides the findings; nothing else by default.

        Raises:
            MediaError: the bytes break a limit or cannot be decoded.
        """
        fields, heatmaps = wanted or Wanted()
        page = open_page(data, self._limits, channel)
        examined = self._examiner(page)
        return DocumentAnswer(
            findings=self._judge.document(examined.evidence),
            sides=examined.sides if fields else None,
            heatmaps=self._examiner.heatmaps(page) if heatmaps else None,
        )


def withheld_document(capture: Capture) -> Evidence | None:
    """Say that the document was asked for and did not come, or None where nobody asked."""
    if "document" not in capture.requested:
        return None
    return Evidence.none(Status.WITHHELD, "no_document")
