"""The record of one decision: everything that is needed to understand it later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pydantic import TypeAdapter

from detectors.contracts import Measures, Status
from docfraud.contracts import node_of
from docfraud.crossref import Comparison
from fusion.enforcement import Enforcement
from fusion.quality import Assessment


class Decision(StrEnum):
    """What the caller should do with the session now."""

    ACCEPT = "accept"
    REVIEW = "review"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Signal:
    """One detector's, check's or reader's part of a verdict.

    Attributes:
        name: of the detector.
        status: only ``ok`` carries a score.
        score: 0..1, 1.0 for genuine; None unless ``ok``.
        components: the weighted sub-scores that make up ``score``, each 0..1; where the mapping had
            no opinion, what it looked at.
        measures: raw physical quantities; their units stand in the detector's docstring.
        reasons: stable snake_case words.
        model: SHA-256 of the weights, if any.
        elapsed_ms: wall time of the measurement.
    """

    name: str
    status: Status
    score: float | None = None
    components: Mapping[str, float] = field(default_factory=dict)
    measures: Measures = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    model: str | None = None
    elapsed_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class FaceSummary:
    """How the face was found: no pixels, no landmarks.

    Attributes:
        problems: words of :class:`detectors.face.FaceProblem`, or the status ``late``, ``error``
            or ``overloaded`` where the face was not looked at to the end.
        quality: raw measures of the capture, such as ``face_px``.
        elapsed_ms: wall time of decoding and locating, clip included.
        assessment: what the policy's gate makes of ``quality``, whether it was asked for or not;
            None where the selfie was not looked at, and in records from before there was a gate.
    """

    problems: tuple[str, ...] = ()
    quality: Measures = field(default_factory=dict)
    elapsed_ms: float = 0.0
    assessment: Assessment | None = None


@dataclass(frozen=True, slots=True)
class DocumentFindings:
    """What the document branch found: no pixels, and nothing of what the document says.

    Attributes:
        status: ``ok`` when there is a score; otherwise why there is none.
        score: weighted mean of the checks that are ``ok``, 0..1; None when there is none.
        passed: whether there is a score and nothing speaks against the document.
        coverage: share of the policy's weight that the ``ok`` checks carry, 0..1.
        weights: normalised weight of each counted check; they sum to 1.
        checks: one entry for every check and reader; readers are informational, without a score.
        comparisons: of barcode, MRZ and visible text, field by field.
        reasons: what speaks against the document, or could not be seen, as stable words.
        elapsed_ms: wall time of the checks.
    """

    status: Status
    reasons: tuple[str, ...] = ()
    score: float | None = None
    passed: bool = False
    coverage: float = 0.0
    weights: Mapping[str, float] = field(default_factory=dict)
    checks: tuple[Signal, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    elapsed_ms: float = 0.0

    def to_json(self) -> bytes:
        """Serialise to JSON."""
        return _FINDINGS_JSON.dump_json(self)


@dataclass(frozen=True, slots=True)
class PolicyRef:
    """The policy that decided, so that the decision can be repeated."""

    name: str
    version: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The complete forensic record of one session.

    Attributes:
        session_id: of this verification.
        score: weighted mean of the signals that are ``ok``, or where the policy is calibrated the
            posterior probability of a genuine capture, 0..1; None when there is no such signal.
        decision: what to do now. A session that fails is ``reject`` only where enforcement is
            active for it and ``review`` where the policy is watching; too little evidence is
            ``review``, never ``accept``.
        passed: whether the score reached the threshold and no veto fell, enforced or not.
        threshold: of the policy.
        enforced: whether enforcement was active for this session.
        enforcement: mode, percentage and the bucket of this identity.
        coverage: share of the policy's weight that the ``ok`` signals carry, 0..1.
        weights: normalised weight of each counted signal; they sum to 1.
        signals: one entry for every detector of the graph.
        reasons: why the decision is not ``accept``, as stable words.
        face: how the face was found.
        document: what the document branch found, or None when no document came or was due.
        policy: which policy decided.
        created_at: UTC.
        contributions: where the policy is calibrated, the nats that each of its signals, and its
            prior, added to the log-odds of ``score``; empty elsewhere, and in earlier records.
    """

    session_id: str
    score: float | None
    decision: Decision
    passed: bool
    threshold: float
    enforced: bool
    enforcement: Enforcement
    coverage: float
    weights: Mapping[str, float]
    signals: tuple[Signal, ...]
    reasons: tuple[str, ...]
    face: FaceSummary
    document: DocumentFindings | None
    policy: PolicyRef
    created_at: datetime
    contributions: Mapping[str, float] = field(default_factory=dict)

    @property
    def nodes(self) -> dict[str, Signal]:
        """Signals and checks by the name of the node that serves them."""
        checks = self.document.checks if self.document else ()
        return {signal.name: signal for signal in self.signals} | {
            node_of(check.name): check for check in checks
        }

    def to_json(self) -> bytes:
        """Serialise to JSON, the same bytes on every door."""
        return _JSON.dump_json(self)

    @classmethod
    def from_json(cls, record: bytes) -> Verdict:
        """Read :meth:`to_json` back.

        Raises:
            ValueError: the bytes are not the record of a verdict.
        """
        return _JSON.validate_json(record)


_JSON = TypeAdapter(Verdict)
_FINDINGS_JSON = TypeAdapter(DocumentFindings)
