"""What an applicant is told: enough to do the next thing, too little to learn from.

Whoever tries to get through with an attack learns most from being told which sensor caught it, and
how narrowly. So applicants get the decision and one word, and no score, no signal and no measure.

The word is that of the first line that applies:

========================================================= =============================
there was too little of the face to go by                 ``try_again_better_capture``
something speaks against the capture                      ``cannot_be_verified``
something about the document, and nothing before, matters ``document_problem``
only a part of ours was lost                              ``try_again_better_capture``
========================================================= =============================

One word, so that who is told to try again is not told what the rest would have said, and a word on
the document is given only where the face stands in the way of nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import TypeAdapter

from detectors.face import FaceProblem
from fusion.verdict import Decision, Verdict


class CoarseReason(StrEnum):
    """What an applicant can do about it."""

    AGAIN = "try_again_better_capture"
    UNVERIFIED = "cannot_be_verified"
    DOCUMENT = "document_problem"


TOO_LITTLE = frozenset(FaceProblem) | {
    "quorum_not_met",
    "coverage_below_minimum",
    "required_signal_missing",
}
"""Reasons of a verdict by which there is too little to go by."""

LOST = frozenset({"decisive_signal_lost", "decisive_check_lost"})
"""Reasons of a verdict that are faults of ours."""


@dataclass(frozen=True, slots=True)
class CoarseVerdict:
    """A verdict as an applicant sees it.

    Attributes:
        session_id: by which an operator finds the record.
        decision: as in the record.
        reasons: none for an ``accept``, otherwise one word.
        created_at: UTC.
    """

    session_id: str
    decision: Decision
    reasons: tuple[CoarseReason, ...]
    created_at: datetime

    def to_json(self) -> bytes:
        """Serialise to JSON."""
        return _JSON.dump_json(self)


def coarse(verdict: Verdict) -> CoarseVerdict:
    """Reduce a verdict to what an applicant may know."""
    told = () if verdict.decision is Decision.ACCEPT else (_word(verdict.reasons),)
    return CoarseVerdict(verdict.session_id, verdict.decision, told, verdict.created_at)


def _word(reasons: tuple[str, ...]) -> CoarseReason:
    if any(reason in TOO_LITTLE for reason in reasons):
        return CoarseReason.AGAIN
    speaking = [reason for reason in reasons if reason not in LOST]
    if not reasons or not all(reason.startswith("document_") for reason in speaking):
        return CoarseReason.UNVERIFIED  # also what a later version may have to say
    return CoarseReason.DOCUMENT if speaking else CoarseReason.AGAIN


_JSON = TypeAdapter(CoarseVerdict)
