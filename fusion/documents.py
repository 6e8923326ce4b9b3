"""From the evidence on a document to findings: map, weigh, and say what speaks against it."""

from __future__ import annotations

from dataclasses import dataclass

from detectors.contracts import LOST, Status
from docfraud.crossref import Outcome
from docfraud.examination import Evidence
from docfraud.registry import CHECKS, READERS
from fusion.mapping import mapped, measurement, unmapped
from fusion.policy import Consequence, DocumentPolicy
from fusion.verdict import DocumentFindings, Signal
from fusion.weighing import weigh

WORST_FIRST = (
    Status.ERROR,
    Status.LATE,
    Status.OVERLOADED,
    Status.WITHHELD,
    Status.ABSTAINED,
    Status.UNAVAILABLE,
)


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a document means for the session.

    Attributes:
        findings: for the record.
        fails: reasons for which the session fails.
        doubts: reasons for which somebody should look at it.
    """

    findings: DocumentFindings
    fails: tuple[str, ...]
    doubts: tuple[str, ...]


def judge_document(policy: DocumentPolicy, evidence: Evidence) -> Opinion:
    """Judge the evidence on one document.

    The barcode, the MRZ and the text do not enter the score, as in the reference: a field on which
    they differ is a reason of its own.
    """
    scored = tuple(
        mapped(check.name, check, evidence.measured[check.name], policy.check(check.name).mapping)
        for check in CHECKS
        if check.name in evidence.measured
    )
    read = tuple(
        unmapped(reader.name, evidence.measured[reader.name])
        for reader in READERS
        if reader.name in evidence.measured
    )
    weighed = weigh(scored, policy.weights)
    low, contradicted, unseen = [], [], []
    for signal in scored:
        limit = policy.check(signal.name).veto_below
        if limit is not None and signal.score is not None and signal.score < limit:
            low.append(f"document_veto:{signal.name}")
    if weighed.score is not None and weighed.score < policy.threshold:
        low.append("document_below_threshold")
    for compared in evidence.comparisons:
        if compared.outcome is Outcome.MISMATCH:
            contradicted.append(f"document_mismatch:{compared.field}")
    status = _status(scored, weighed.score)
    if status is Status.WITHHELD:
        unseen.append("document_withheld")
    elif _decisive_lost(policy, scored, read, weighed.floor) and not low:
        unseen.append("decisive_check_lost")
    elif policy.weights and (not weighed.weights or weighed.coverage < policy.minimum_coverage):
        unseen.append("document_coverage_below_minimum")
    if read and all(signal.status is Status.ABSTAINED for signal in read):
        unseen.append("document_unreadable")  # it may be no document at all
    reasons = (*low, *contradicted, *unseen)
    findings = DocumentFindings(
        status=status,
        reasons=reasons,
        score=weighed.score,
        passed=weighed.score is not None and not reasons,
        coverage=weighed.coverage,
        weights=weighed.weights,
        checks=scored + read,
        comparisons=evidence.comparisons,
        elapsed_ms=evidence.elapsed_ms,
    )
    found = [(policy.on_low_score, low), (policy.on_mismatch, contradicted)]
    matters = any(then is not Consequence.NOTE for then, _ in found)
    return Opinion(
        findings,
        fails=tuple(r for then, reasons in found for r in reasons if then is Consequence.FAIL),
        doubts=tuple(r for then, reasons in found for r in reasons if then is Consequence.REVIEW)
        + (tuple(unseen) if matters else ()),
    )


def recorded_evidence(findings: DocumentFindings) -> Evidence:
    """Take findings back to the evidence, so that another policy can judge it."""
    return Evidence(
        {signal.name: measurement(signal) for signal in findings.checks},
        findings.comparisons,
        findings.elapsed_ms,
    )


def _status(scored: tuple[Signal, ...], score: float | None) -> Status:
    if score is not None:
        return Status.OK
    found = {signal.status for signal in scored}
    return next((status for status in WORST_FIRST if status in found), Status.UNAVAILABLE)


def _decisive_lost(
    policy: DocumentPolicy, scored: tuple[Signal, ...], read: tuple[Signal, ...], floor: float
) -> bool:
    """Whether what a fault kept from being seen might have told against the document."""
    counted = [signal for signal in scored if signal.name in policy.weights]
    lost_check = any(signal.status in LOST for signal in counted) and floor < policy.threshold
    return lost_check or any(signal.status in LOST for signal in read)
