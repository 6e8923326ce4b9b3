"""The policy: typed, versioned data that decides what measurements mean.

Two policies are shipped, ``faithful`` and ``hardened`` (``fusion/policies``); an operator writes
more as YAML. The environment names of the reference override any of them, so that a canary can be
turned up without editing a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import Field, ValidationError, create_model

from detectors.face import FaceProblem
from detectors.registry import DETECTORS
from docfraud.registry import CHECKS
from fusion.calibration import Calibration
from fusion.liveness import LivenessPolicy
from fusion.quality import QualityPolicy
from fusion.sources import SourceError, read_mapping
from fusion.strict import Strict
from fusion.verdict import PolicyRef

SHIPPED = ("faithful", "hardened")

ENVIRONMENT = {
    "ANTI_SPOOFING_THRESHOLD": ("threshold",),
    "ANTI_SPOOFING_ENFORCE": ("enforcement", "enforce"),
    "ANTI_SPOOFING_ENFORCE_PERCENT": ("enforcement", "percent"),
}
"""The reference's environment variables and the fields of the policy that they override."""

M = TypeVar("M")


class PolicyError(Exception):
    """A policy cannot be used; the message says which field, why, and what would be right."""


class SignalPolicy(Strict, Generic[M]):
    """What one signal is worth.

    Attributes:
        weight: relative importance; 0 keeps the signal on record without counting it.
        veto_below: an ``ok`` score below this fails the session whatever the others say.
        mapping: parameters of the detector's ``score``; the reference's values by default.
    """

    weight: float = Field(ge=0.0)
    veto_below: float | None = Field(default=None, ge=0.0, le=1.0)
    mapping: M


class Coverage(Strict):
    """How much evidence an ``accept`` needs.

    Attributes:
        minimum: share of the policy's whole weight that ``ok`` signals must carry.
        quorum: how many weighted signals must be ``ok``.
        required: signals that must be ``ok``, each by its name.
    """

    minimum: float = Field(ge=0.0, le=1.0)
    quorum: int = Field(ge=1)
    required: tuple[str, ...] = ()


class EnforcementPolicy(Strict):
    """Watch (IDS) or block (IPS), and for what share of identities."""

    enforce: bool = False
    percent: float = Field(default=100.0, ge=0.0, le=100.0)


def _entry(scored: Any) -> type[SignalPolicy[Any]]:
    """Make the model of one signal's or check's entry, with its own mapping type."""
    mapping = scored.mapping
    return create_model(
        f"{mapping.__name__.removesuffix('Mapping')}Policy",
        __base__=SignalPolicy[Any],
        mapping=(mapping, Field(default_factory=mapping)),
    )


def _signal_field(detector: Any) -> Any:
    """Make the field of one signal, which a policy may leave out."""
    return (_entry(detector) | None, None)


Signals = create_model("Signals", __base__=Strict, **{d.name: _signal_field(d) for d in DETECTORS})
"""One optional entry per detector of the registry; anything else is refused by name."""


class Consequence(StrEnum):
    """What follows for the session from a finding on its document."""

    NOTE = "note"  # it is on record, and decides nothing
    REVIEW = "review"  # somebody should look
    FAIL = "fail"  # the session fails, as below its own threshold: blocked where that is enforced


def _check_field(check: Any) -> Any:
    """Make the field of one check, with the reference's weight unless the policy says otherwise."""
    entry: Any = _entry(check)
    return (entry, Field(default_factory=lambda: entry(weight=REFERENCE_WEIGHTS[check.name])))


REFERENCE_WEIGHTS = {"moire": 0.40, "ela": 0.35, "exif": 0.25}
"""Of the document checks, as the reference has them."""

Checks = create_model("Checks", __base__=Strict, **{c.name: _check_field(c) for c in CHECKS})
"""One entry per check of the registry."""


class DocumentPolicy(Strict):
    """How the evidence on a document becomes findings, and what they mean for the session.

    Attributes:
        threshold: lowest fused score of the checks that passes, 0..1.
        minimum_coverage: share of the whole weight that ``ok`` checks must carry.
        on_low_score: what follows from a score below the threshold.
        on_mismatch: what follows from a field on which barcode, MRZ and text differ.
        checks: weight and mapping of each check.
    """

    threshold: float = Field(default=0.40, ge=0.0, le=1.0)
    minimum_coverage: float = Field(default=0.0, ge=0.0, le=1.0)
    on_low_score: Consequence = Consequence.REVIEW
    on_mismatch: Consequence = Consequence.REVIEW
    checks: Checks = Field(default_factory=Checks)

    def check(self, name: str) -> SignalPolicy[Any]:
        """Return the entry of one check."""
        entry: SignalPolicy[Any] = getattr(self.checks, name)
        return entry

    @property
    def weights(self) -> dict[str, float]:
        """Relative importance of each check that the policy counts."""
        weights = {check.name: self.check(check.name).weight for check in CHECKS}
        return {name: weight for name, weight in weights.items() if weight > 0}


class Policy(Strict):
    """How measurements become a decision.

    Attributes:
        name: of the policy, for the record.
        version: raised by its author with every change.
        description: what the policy is for.
        threshold: lowest fused score that passes, 0..1.
        coverage: how much evidence an ``accept`` needs.
        enforcement: watch or block.
        review_on: problems of the face that send a session to ``review``.
        signals: weight and mapping of each signal.
        documents: how a document is judged, and what that means for the session.
        liveness: what a still image alone is told.
        quality: when a selfie is good enough; it only refuses where the gate is asked for.
        calibration: how scores become a posterior; None fuses them by their weighted mean.
    """

    name: str = Field(min_length=1, max_length=64)
    version: int = Field(ge=1)
    description: str = ""
    threshold: float = Field(ge=0.0, le=1.0)
    coverage: Coverage
    enforcement: EnforcementPolicy = EnforcementPolicy()
    review_on: tuple[FaceProblem, ...] = ()
    signals: Signals
    documents: DocumentPolicy = DocumentPolicy()
    liveness: LivenessPolicy = LivenessPolicy()
    quality: QualityPolicy = QualityPolicy()
    calibration: Calibration | None = None

    @property
    def sha256(self) -> str:
        """Digest of every value of the policy, whatever file or variable it came from."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @property
    def ref(self) -> PolicyRef:
        """The policy's name, version and digest for a record."""
        return PolicyRef(self.name, self.version, self.sha256)

    def signal(self, name: str) -> SignalPolicy[Any] | None:
        """Return the entry of one signal, or None when the policy does not know it."""
        entry: SignalPolicy[Any] | None = getattr(self.signals, name, None)
        return entry

    @property
    def weights(self) -> dict[str, float]:
        """Relative importance of each signal that the policy counts."""
        entries = {d.name: self.signal(d.name) for d in DETECTORS}
        return {name: entry.weight for name, entry in entries.items() if entry and entry.weight > 0}

    @property
    def mappings(self) -> dict[str, Any]:
        """The mapping of each signal that the policy knows, as JSON values."""
        entries = self.signals.model_dump(mode="json")
        return {name: entry["mapping"] for name, entry in entries.items() if entry is not None}


def load_policy(
    source: str | Path | Mapping[str, Any], environment: Mapping[str, str] | None = None
) -> Policy:
    """Read a policy and check every value of it.

    Args:
        source: the name of a shipped policy, the path of a YAML file, or the parsed content.
        environment: variables, of which those of :data:`ENVIRONMENT` override the policy.

    Raises:
        PolicyError: the file cannot be read, a key is unknown, or a value is out of range.
    """
    where, raw = _read(source)
    overrides = {
        variable: field
        for variable, field in ENVIRONMENT.items()
        if environment and environment.get(variable, "").strip()
    }
    for variable, path in overrides.items():
        raw = _with(raw, path, (environment or {})[variable].strip())
    try:
        policy = Policy.model_validate(raw)
    except ValidationError as error:
        fields = {path: variable for variable, path in overrides.items()}
        problems = "; ".join(
            f"{fields.get(tuple(map(str, e['loc'])), '.'.join(map(str, e['loc'])))}: {e['msg']}"
            for e in error.errors()
        )
        raise PolicyError(f"{where}: {problems}") from None
    if not policy.weights:
        raise PolicyError(f"{where}: signals: at least one signal needs a weight above 0")
    if policy.coverage.quorum > len(policy.weights):
        raise PolicyError(
            f"{where}: coverage.quorum: {policy.coverage.quorum} can never be met by "
            f"{len(policy.weights)} weighted signals"
        )
    known = [detector.name for detector in DETECTORS]
    if odd := sorted(set(policy.coverage.required) - set(known)):
        raise PolicyError(
            f"{where}: coverage.required: there is no signal {odd[0]!r}; there are "
            f"{', '.join(known)}"
        )
    if policy.calibration is not None:
        entries = policy.calibration.by_name
        if not entries:
            raise PolicyError(f"{where}: calibration.signals: at least one signal is needed")
        if odd := [name for name in entries if policy.signal(name) is None]:
            raise PolicyError(
                f"{where}: calibration.signals.{odd[0]}: signals has no {odd[0]}, so that there is "
                "no score to calibrate"
            )
    return policy


def _read(source: str | Path | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if isinstance(source, Mapping):
        return str(source.get("name", "policy")), dict(source)
    try:
        return str(source), read_mapping(source, "fusion.policies", SHIPPED)
    except SourceError as error:
        raise PolicyError(str(error)) from None


def _with(raw: Mapping[str, Any], path: tuple[str, ...], value: str) -> dict[str, Any]:
    """Return a copy of ``raw`` with the field at ``path`` set."""
    head, *rest = path
    if not rest:
        return {**raw, head: value}
    inner = raw.get(head)
    return {**raw, head: _with(inner if isinstance(inner, Mapping) else {}, tuple(rest), value)}
