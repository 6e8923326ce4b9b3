"""From measurements to a verdict: map, weigh, decide, enforce."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from detectors.contracts import LOST, Detector, Measurement, Status
from detectors.deepfake import Deepfake
from detectors.liveness import Liveness
from detectors.registry import DETECTORS
from docfraud.examination import Evidence
from fusion.calibration import Fused, fuse
from fusion.deepfake import DeepfakeOpinion, Watched, deepfake_opinion
from fusion.documents import judge_document, recorded_evidence
from fusion.enforcement import Enforcement, bucket
from fusion.liveness import LivenessOpinion
from fusion.mapping import mapped, measurement, unmapped
from fusion.policy import Policy
from fusion.quality import assessed
from fusion.verdict import Decision, DocumentFindings, FaceSummary, Signal, Verdict
from fusion.weighing import Weighed, weigh


class Judge:
    """A policy at work.

    Args:
        policy: decides everything.
        canary_key: secret of the enforcement buckets, the same on every replica.
    """

    def __init__(self, policy: Policy, canary_key: bytes = b"") -> None:
        self.policy = policy
        self._canary_key = canary_key
        self._policy_ref = policy.ref

    def verdict(
        self,
        session_id: str,
        measured: Mapping[str, Measurement],
        face: FaceSummary,
        *,
        subject: str | None = None,
        document: Evidence | None = None,
    ) -> Verdict:
        """Decide one session.

        Args:
            session_id: of this verification.
            measured: one measurement for each detector that took part, by name.
            face: how the face was found.
            subject: the caller's stable name for the person; used for the bucket, not recorded.
            document: what the document branch found, if a document came or was due.
        """
        drawn = bucket(self._canary_key, session_id, subject)
        return self._verdict(session_id, measured, face, drawn, document)

    def again(self, record: Verdict) -> Verdict:
        """Decide a recorded session once more, from its measures, without its pixels.

        Its bucket stays: the record does not name the subject, by whom it was drawn.
        """
        measured = {signal.name: measurement(signal) for signal in record.signals}
        document = None if record.document is None else recorded_evidence(record.document)
        drawn = record.enforcement.bucket
        return self._verdict(record.session_id, measured, record.face, drawn, document)

    def _verdict(
        self,
        session_id: str,
        measured: Mapping[str, Measurement],
        face: FaceSummary,
        drawn: float,
        document: Evidence | None,
    ) -> Verdict:
        policy = self.policy
        signals = tuple(
            self._signal(detector, measured[detector.name])
            for detector in DETECTORS
            if detector.name in measured
        )
        weighed = weigh(signals, policy.weights)
        fused = self._fused(signals, weighed)
        enforcement = Enforcement(
            mode="ips" if policy.enforcement.enforce else "ids",
            percent=policy.enforcement.percent,
            bucket=drawn,
        )
        insufficient = self._insufficient(face, signals, weighed)
        opinion = None if document is None else judge_document(policy.documents, document)
        failed = self._failed(fused.score, signals) + (opinion.fails if opinion else ())
        doubtful = () if insufficient or failed else self._doubtful(fused.floor, signals)
        doubtful += opinion.doubts if opinion else ()
        if insufficient:
            decision = Decision.REVIEW
        elif failed:
            decision = Decision.REJECT if enforcement.active else Decision.REVIEW
        elif doubtful:
            decision = Decision.REVIEW
        else:
            decision = Decision.ACCEPT
        return Verdict(
            session_id=session_id,
            score=fused.score,
            decision=decision,
            passed=fused.score is not None and not failed,
            threshold=policy.threshold,
            enforced=enforcement.active,
            enforcement=enforcement,
            coverage=weighed.coverage,
            weights=weighed.weights,
            signals=signals,
            reasons=insufficient + failed + doubtful,
            face=replace(face, assessment=assessed(policy.quality, face.quality)),
            document=None if opinion is None else opinion.findings,
            policy=self._policy_ref,
            created_at=datetime.now(UTC),
            contributions=fused.contributions,
        )

    def document(self, evidence: Evidence) -> DocumentFindings:
        """Judge a document that came alone."""
        return judge_document(self.policy.documents, evidence).findings

    def liveness(self, measured: Measurement) -> LivenessOpinion:
        """Judge what was measured on a still image that came alone."""
        return LivenessOpinion(self._signal(Liveness, measured), self.policy.liveness.threshold)

    def deepfake(self, watched: Watched) -> DeepfakeOpinion:
        """Judge what was measured on a photograph or a clip that came alone."""
        signals = [self._signal(Deepfake, measured) for measured in watched.measured]
        return deepfake_opinion(signals, watched)

    def _signal(self, detector: type[Detector[Any]], measured: Measurement) -> Signal:
        entry = self.policy.signal(detector.name)
        if entry is None:
            return unmapped(detector.name, measured)
        return mapped(detector.name, detector, measured, entry.mapping)

    def _fused(self, signals: tuple[Signal, ...], weighed: Weighed) -> Fused:
        """What the signals come to: a posterior where the policy is calibrated, else a mean."""
        if self.policy.calibration is None:
            return Fused(weighed.score, weighed.floor, {})
        return fuse(self.policy.calibration, signals)

    def _insufficient(
        self, face: FaceSummary, signals: tuple[Signal, ...], weighed: Weighed
    ) -> tuple[str, ...]:
        """Why there is too little to go by for an ``accept`` or a ``reject``."""
        needed = self.policy.coverage
        reasons = [problem for problem in face.problems if problem in self.policy.review_on]
        if len(weighed.weights) < needed.quorum:
            reasons.append("quorum_not_met")
        if weighed.coverage < needed.minimum:
            reasons.append("coverage_below_minimum")
        if set(needed.required) - {s.name for s in signals if s.status is Status.OK}:
            reasons.append("required_signal_missing")
        return tuple(reasons)

    def _failed(self, score: float | None, signals: tuple[Signal, ...]) -> tuple[str, ...]:
        """Why the session fails, as far as it was seen."""
        reasons = [f"veto:{signal.name}" for signal in signals if self._vetoed(signal)]
        if score is not None and score < self.policy.threshold:
            reasons.append("below_threshold")
        return tuple(reasons)

    def _doubtful(self, floor: float, signals: tuple[Signal, ...]) -> tuple[str, ...]:
        """Why a session that passes might have failed, had no signal been lost.

        What the lost signals would have said is at least the worst case, so that no fault, and
        nobody who provokes one, turns a session that should fail into an ``accept``.
        """
        lost = [signal for signal in signals if signal.status in LOST]
        if lost and (floor < self.policy.threshold or any(map(self._may_veto, lost))):
            return ("decisive_signal_lost",)
        return ()

    def _may_veto(self, signal: Signal) -> bool:
        entry = self.policy.signal(signal.name)
        return entry is not None and entry.veto_below is not None

    def _vetoed(self, signal: Signal) -> bool:
        entry = self.policy.signal(signal.name)
        return (
            entry is not None
            and entry.veto_below is not None
            and signal.score is not None
            and signal.score < entry.veto_below
        )
