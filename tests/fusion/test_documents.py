"""What speaks against a document, and what follows from it."""

from __future__ import annotations

from typing import Any

import pytest

from detectors.contracts import Measurement, Score, Status
from docfraud.crossref import Comparison, Outcome
from docfraud.examination import Evidence
from docfraud.registry import CHECKS
from fusion import documents
from fusion.documents import Opinion, judge_document, recorded_evidence
from fusion.judge import Judge
from fusion.policy import DocumentPolicy, PolicyError, load_policy
from fusion.verdict import Decision, FaceSummary, Verdict

THREE = tuple(check.name for check in CHECKS)
MISMATCH = Comparison("birth_date", Outcome.MISMATCH, (("barcode",), ("text",)))
MATCH = Comparison("sex", Outcome.MATCH, (("barcode", "text"),))


class Told:
    """Stands for a check whose score is the measure ``score``."""

    def __init__(self, name: str) -> None:
        self.name = name

    def score(self, measures: Any, mapping: Any) -> Score:
        return Score(measures["score"], {})


class Named:
    name = "barcode"


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "CHECKS", tuple(Told(name) for name in THREE))
    monkeypatch.setattr(documents, "READERS", (Named,))


def judged(
    *comparisons: Comparison,
    reader: Status = Status.OK,
    policy: DocumentPolicy | None = None,
    **scores: float | Status,
) -> Opinion:
    measured = {
        name: Measurement(status=value)
        if isinstance(value, Status)
        else Measurement({"score": value})
        for name, value in scores.items()
    }
    measured["barcode"] = Measurement({"symbols": 1.0}, status=reader)
    return judge_document(policy or DocumentPolicy(), Evidence(measured, comparisons, 5.0))


def all_at(value: float | Status, **others: float | Status) -> dict[str, float | Status]:
    return {**dict.fromkeys(THREE, value), **others}


def test_the_score_is_the_weighted_mean_of_the_checks() -> None:
    opinion = judged(MATCH, moire=1.0, ela=0.5, exif=0.0)
    assert opinion.findings.score == pytest.approx((0.40 * 1.0 + 0.35 * 0.5) / 1.0)
    assert opinion.findings.passed
    assert opinion.findings.weights == pytest.approx({"moire": 0.40, "ela": 0.35, "exif": 0.25})
    assert opinion.findings.reasons == opinion.doubts == opinion.fails == ()


def test_missing_checks_are_renormalised_over() -> None:
    opinion = judged(moire=0.9, ela=Status.UNAVAILABLE, exif=Status.ABSTAINED)
    assert opinion.findings.score == pytest.approx(0.9)
    assert opinion.findings.coverage == pytest.approx(0.40)


def test_readers_are_on_record_without_a_score() -> None:
    (reader,) = (c for c in judged(**all_at(1.0)).findings.checks if c.name == "barcode")
    assert reader.score is None
    assert reader.measures == {"symbols": 1.0}


def test_a_mismatch_does_not_touch_the_score_and_is_a_reason() -> None:
    opinion = judged(MISMATCH, MATCH, **all_at(1.0))
    assert opinion.findings.score == 1.0
    assert not opinion.findings.passed
    assert opinion.findings.reasons == opinion.doubts == ("document_mismatch:birth_date",)


def test_a_low_score_is_a_reason() -> None:
    assert judged(**all_at(0.39)).doubts == ("document_below_threshold",)
    assert judged(**all_at(0.40)).doubts == ()


@pytest.mark.parametrize(
    ("consequence", "fails", "doubts"),
    [
        ("note", (), ()),
        ("review", (), ("document_below_threshold",)),
        ("fail", ("document_below_threshold",), ()),
    ],
)
def test_the_policy_says_what_follows(
    consequence: Any, fails: tuple[str, ...], doubts: tuple[str, ...]
) -> None:
    policy = DocumentPolicy(on_low_score=consequence)
    opinion = judged(policy=policy, **all_at(0.0))
    assert opinion.findings.reasons == ("document_below_threshold",), "on record in any case"
    assert (opinion.fails, opinion.doubts) == (fails, doubts)


def test_a_veto_of_one_check_counts_whatever_the_others_say() -> None:
    raw = {"checks": {"moire": {"weight": 0.4, "veto_below": 0.2}}}
    policy = DocumentPolicy.model_validate(raw)
    assert judged(policy=policy, **all_at(1.0, moire=0.1)).doubts == ("document_veto:moire",)


@pytest.mark.parametrize("lost", [Status.ERROR, Status.LATE, Status.OVERLOADED])
def test_a_fault_never_turns_a_doubt_into_a_pass(lost: Status) -> None:
    assert judged(**all_at(0.5, moire=lost)).doubts == ("decisive_check_lost",)
    assert judged(reader=lost, **all_at(1.0)).doubts == ("decisive_check_lost",)
    assert judged(**all_at(1.0, exif=lost)).doubts == (), "it could not have changed the outcome"


def test_a_document_that_nothing_could_judge_is_looked_at() -> None:
    opinion = judged(**all_at(Status.ABSTAINED))
    assert opinion.findings.status is Status.ABSTAINED
    assert opinion.findings.score is None
    assert not opinion.findings.passed
    assert opinion.doubts == ("document_coverage_below_minimum",)


def test_a_picture_on_which_nothing_can_be_read_is_looked_at() -> None:
    opinion = judged(reader=Status.ABSTAINED, **all_at(1.0))
    assert opinion.findings.score == 1.0
    assert not opinion.findings.passed
    assert opinion.doubts == ("document_unreadable",)
    unknown = judged(reader=Status.UNAVAILABLE, **all_at(1.0))
    assert unknown.doubts == (), "nobody looked"


def test_too_little_coverage_is_looked_at() -> None:
    policy = DocumentPolicy(minimum_coverage=0.4)
    weak = judged(policy=policy, **all_at(Status.UNAVAILABLE, exif=1.0))
    assert weak.doubts == ("document_coverage_below_minimum",)
    assert judged(policy=policy, **all_at(Status.UNAVAILABLE, moire=1.0)).doubts == ()


def test_a_document_that_was_asked_for_and_did_not_come_is_a_reason() -> None:
    opinion = judge_document(DocumentPolicy(), Evidence.none(Status.WITHHELD, "no_document"))
    assert opinion.findings.status is Status.WITHHELD
    assert opinion.doubts == ("document_withheld",)


def test_findings_are_judged_again_from_their_record() -> None:
    opinion = judged(MISMATCH, **all_at(0.3, ela=Status.UNAVAILABLE))
    again = judge_document(DocumentPolicy(), recorded_evidence(opinion.findings))
    assert again == opinion
    lenient = judge_document(DocumentPolicy(threshold=0.2), recorded_evidence(opinion.findings))
    assert lenient.doubts == ("document_mismatch:birth_date",)


def verdict(evidence: Evidence | None, **documents: Any) -> Verdict:
    raw = load_policy("faithful").model_dump(mode="json")
    raw["documents"] |= documents
    raw["enforcement"]["enforce"] = True
    measured = {
        name: Measurement({"right_count": 1.0, "left_count": 1.0})
        for name in ("eye_specular", "gan_texture")
    }
    return Judge(load_policy(raw)).verdict("s", measured, FaceSummary(), document=evidence)


def evidence(score: float, *comparisons: Comparison) -> Evidence:
    measured = {name: Measurement({"score": score}) for name in THREE}
    return Evidence({**measured, "barcode": Measurement()}, comparisons)


@pytest.fixture
def sure_face(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sure(Told):
        def score(self, measures: Any, mapping: Any) -> Score:
            return Score(1.0, {})

    monkeypatch.setattr("fusion.judge.DETECTORS", (Sure("eye_specular"), Sure("gan_texture")))


@pytest.mark.usefixtures("sure_face")
def test_a_good_face_does_not_carry_a_forged_document() -> None:
    assert verdict(None).decision is Decision.ACCEPT
    assert verdict(evidence(1.0)).decision is Decision.ACCEPT
    edited = verdict(evidence(1.0, MISMATCH))
    assert edited.decision is Decision.REVIEW
    assert edited.reasons == ("document_mismatch:birth_date",)
    assert edited.passed, "the face did"


@pytest.mark.usefixtures("sure_face")
def test_a_policy_may_block_by_the_document() -> None:
    blocked = verdict(evidence(1.0, MISMATCH), on_mismatch="fail")
    assert blocked.decision is Decision.REJECT
    assert not blocked.passed


@pytest.mark.usefixtures("sure_face")
def test_a_verdict_is_decided_again_with_its_document() -> None:
    first = verdict(evidence(0.1, MISMATCH), on_low_score="review")
    again = Judge(load_policy("faithful")).again(Verdict.from_json(first.to_json()))
    assert again.document == first.document


def test_a_policy_cannot_name_a_check_that_is_not() -> None:
    raw = load_policy("faithful").model_dump(mode="json")
    raw["documents"]["checks"]["pyzbar"] = {"weight": 1.0}
    with pytest.raises(PolicyError, match=r"documents\.checks\.pyzbar"):
        load_policy(raw)
