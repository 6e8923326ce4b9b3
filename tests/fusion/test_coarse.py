from __future__ import annotations

import json

import pytest
from verdicts import verdict_with

from detectors.face import FaceProblem
from fusion.coarse import CoarseReason, coarse
from fusion.verdict import Decision


@pytest.mark.parametrize(
    ("reasons", "word"),
    [
        (("no_face", "quorum_not_met", "coverage_below_minimum"), CoarseReason.AGAIN),
        (("coverage_below_minimum", "veto:parallax"), CoarseReason.AGAIN),
        (("decisive_signal_lost",), CoarseReason.AGAIN),
        (("decisive_check_lost",), CoarseReason.AGAIN),
        (("below_threshold",), CoarseReason.UNVERIFIED),
        (("veto:liveness",), CoarseReason.UNVERIFIED),
        (("veto:liveness", "document_withheld"), CoarseReason.UNVERIFIED),
        (("below_threshold", "document_veto:moire"), CoarseReason.UNVERIFIED),
        (("below_threshold", "decisive_check_lost"), CoarseReason.UNVERIFIED),
        (("a_reason_of_a_later_version",), CoarseReason.UNVERIFIED),
        ((), CoarseReason.UNVERIFIED),
        (("document_mismatch:surname",), CoarseReason.DOCUMENT),
        (("document_below_threshold", "decisive_signal_lost"), CoarseReason.DOCUMENT),
        (("document_withheld",), CoarseReason.DOCUMENT),
    ],
)
@pytest.mark.parametrize("decision", [Decision.REVIEW, Decision.REJECT])
def test_one_word_says_what_to_do(
    reasons: tuple[str, ...], word: CoarseReason, decision: Decision
) -> None:
    assert coarse(verdict_with(reasons=reasons, decision=decision)).reasons == (word,)


@pytest.mark.parametrize("problem", FaceProblem)
def test_a_problem_of_the_capture_can_be_mended(problem: FaceProblem) -> None:
    assert coarse(verdict_with(reasons=(problem,))).reasons == (CoarseReason.AGAIN,)


def test_an_accept_has_no_reason() -> None:
    assert coarse(verdict_with(decision=Decision.ACCEPT, reasons=())).reasons == ()


def test_nothing_else_is_told() -> None:
    verdict = verdict_with(reasons=("veto:eye_specular",))
    told = json.loads(coarse(verdict).to_json())
    assert told == {
        "session_id": verdict.session_id,
        "decision": "review",
        "reasons": ["cannot_be_verified"],
        "created_at": json.loads(verdict.to_json())["created_at"],
    }
