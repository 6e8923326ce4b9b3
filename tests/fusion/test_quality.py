from __future__ import annotations

import json
import pickle

import pytest
from verdicts import verdict_with

from detectors.contracts import Measurement
from fusion.judge import Judge
from fusion.policy import PolicyError, load_policy
from fusion.quality import (
    CHECK_OF,
    SENTENCES,
    SUBJECTS,
    Assessment,
    Check,
    Edge,
    QualityPolicy,
    QualityRefused,
    assess,
    result,
)
from fusion.verdict import FaceSummary, Verdict

GOOD = {"brightness": 120.45, "blur_variance": 500.32, "face_coverage": 0.2547, "face_px": 150.0}
BAD = {"brightness": 30.12, "blur_variance": 120.75, "face_coverage": 0.05, "face_px": 50.0}
REFERENCE = QualityPolicy()


def test_the_references_valid_sample():
    """The first of its two documented results, in its own fields."""
    answer = result(REFERENCE, GOOD, (100.0, 80.0, 250.0, 230.0))
    assert answer.is_valid
    assert {name: answer.scores[name] for name in ("brightness", "blur_variance")} == {
        "brightness": 120.45,
        "blur_variance": 500.32,
    }
    assert answer.scores["face_coverage"] == 0.2547
    assert answer.reasons == ()
    assert answer.face_bbox == (100, 80, 150, 150)


def test_the_references_invalid_sample():
    """The second: its three sentences, in its order."""
    answer = json.loads(result(REFERENCE, BAD, (90.4, 70.0, 140.2, 120.0)).to_json())
    assert answer["is_valid"] is False
    assert answer["reasons"] == ["Bad lighting", "Image blurry", "Face too small/far"]
    assert answer["words"] == ["low_brightness", "blur", "face_too_small"]
    assert answer["face_bbox"] == [90, 70, 50, 50]


def test_the_references_words_for_a_failed_gate():
    """`QUALITY_FAILED` names `blur` and `low_brightness`, and scores `blur` and `brightness`."""
    assessment = assess(REFERENCE, GOOD | {"brightness": 25.0, "blur_variance": 270.0})
    assert assessment.reasons == ("low_brightness", "blur")
    scores = assessment.failed_scores()
    assert set(scores) == {"brightness", "blur"}
    # 1.5 and 0.3 widths below the limit: the logistic function of -1.5 and -0.3.
    assert scores["brightness"] == pytest.approx(0.1824, abs=1e-4)
    assert scores["blur"] == pytest.approx(0.4256, abs=1e-4)


@pytest.mark.parametrize(
    ("measures", "words"),
    [
        ({"brightness": 40.0}, ()),
        ({"brightness": 39.99}, ("low_brightness",)),
        ({"brightness": 230.0}, ()),
        ({"brightness": 230.01}, ("high_brightness",)),
        ({"blur_variance": 300.0}, ()),
        ({"blur_variance": 299.9}, ("blur",)),
        ({"face_coverage": 0.10}, ()),
        ({"face_coverage": 0.0999}, ("face_too_small",)),
    ],
)
def test_the_references_limits_are_the_last_values_that_pass(measures, words):
    assert assess(REFERENCE, GOOD | measures).reasons == words
    assert assess(load_policy("faithful").quality, GOOD | measures).reasons == words


def test_without_a_face_nothing_passes():
    frame = {"faces": 0.0, "brightness": 120.0, "blur_variance": 500.0}
    assessment = assess(REFERENCE, frame)
    assert assessment.reasons == ("no_face",)
    assert assessment.score == 0
    assert assessment.failed_scores() == {"face": 0.0}
    answer = result(REFERENCE, frame, None)
    assert answer.face_bbox is None
    assert answer.scores["face_coverage"] == 0.0
    hardened = assess(load_policy("hardened").quality, frame)
    assert hardened.reasons == ("no_face",)


def test_components_are_the_sigmoid_of_ofiq():
    check = Check(least=Edge(limit=10.0, width=2.0, centre=14.0))
    component = assess(QualityPolicy(blur=check), GOOD | {"blur_variance": 12.0}).components
    assert component["blur"] == pytest.approx(100 / (1 + 2.718281828 ** ((14 - 12) / 2.0)))
    assert component["face"] == 100


def test_the_unified_score_is_the_weakest_component():
    assessment = assess(REFERENCE, GOOD | {"blur_variance": 310.0})
    assert assessment.is_valid
    assert assessment.score == assessment.components["blur"] == min(assessment.components.values())
    assert 50 < assessment.score < 55


def test_a_score_far_beyond_a_limit_stays_in_range():
    for value in (-1e12, 1e12):
        assessment = assess(REFERENCE, GOOD | {"brightness": value})
        assert 0 <= assessment.score <= 1e-6


def test_the_sign_of_an_angle_does_not_matter():
    policy = QualityPolicy(yaw=Check(most=Edge(limit=25.0, width=5.0)))
    left, right = (assess(policy, GOOD | {"yaw_deg": yaw}) for yaw in (-30.0, 30.0))
    assert left == right
    assert left.reasons == ("head_turned",)


def test_a_check_whose_measure_is_missing_is_not_made():
    policy = QualityPolicy(eyes=Check(least=Edge(limit=0.5, width=0.1)))
    assert "eyes" not in assess(policy, GOOD).components


def test_every_check_has_words_and_every_word_a_sentence():
    assert set(SUBJECTS) == set(QualityPolicy.model_fields)
    assert set(CHECK_OF) == set(SENTENCES)


@pytest.mark.parametrize("name", list(SUBJECTS))
def test_every_check_of_hardened_refuses_what_is_beyond_its_limits(name):
    policy, subject = load_policy("hardened").quality, SUBJECTS[name]
    check = policy.check(name)
    if check is None:
        assert name == "blur"
        return
    for edge, word, beyond in ((check.least, subject.low, -1e-6), (check.most, subject.high, 1e-6)):
        if edge is not None:
            at = {"face_px": 150.0, subject.measure: edge.limit}
            assert assess(policy, at).reasons == ()
            assert assess(policy, at | {subject.measure: edge.limit + beyond}).reasons == (word,)


@pytest.mark.parametrize(
    ("quality", "says"),
    [
        ({"brightnes": None}, "quality.brightnes"),
        ({"brightness": {}}, "give `least`, `most` or both"),
        ({"blur": {"least": {"limit": 300}}}, "quality.blur.least.width"),
        ({"blur": {"least": {"limit": 300, "width": 0}}}, "quality.blur.least.width"),
        ({"blur": {"most": {"limit": 300, "width": 1}}}, "blur_variance cannot be too high"),
        ({"yaw": {"least": {"limit": 3, "width": 1}}}, "yaw_deg cannot be too low"),
        (
            {"brightness": {"least": {"limit": 9, "width": 1}, "most": {"limit": 8, "width": 1}}},
            "least.limit is above most.limit",
        ),
    ],
)
def test_a_wrong_gate_is_refused_by_name(quality, says):
    raw = load_policy("faithful").model_dump(mode="json") | {"quality": quality}
    with pytest.raises(PolicyError) as caught:
        load_policy(raw)
    assert says in str(caught.value)


def test_a_policy_without_the_section_has_the_references_gate():
    raw = load_policy("faithful").model_dump(mode="json")
    del raw["quality"]
    assert load_policy(raw).quality == REFERENCE == load_policy("faithful").quality


def test_a_policy_survives_printing():
    hardened = load_policy("hardened")
    assert load_policy(hardened.model_dump(mode="json")) == hardened


def test_the_verdict_has_the_assessment():
    judge = Judge(load_policy("faithful"))
    verdict = judge.verdict("s", {"rppg": Measurement()}, FaceSummary(quality=BAD))
    assert verdict.face.assessment == assess(REFERENCE, BAD)
    assert Verdict.from_json(verdict.to_json()) == verdict
    # Another policy judges the record again.
    strict = Judge(load_policy("hardened")).again(verdict).face.assessment
    assert strict is not None
    assert strict.reasons == ("low_brightness", "face_too_small")


def test_a_face_that_was_not_looked_at_is_not_assessed():
    verdict = Judge(load_policy("faithful")).verdict("s", {}, FaceSummary(("late",)))
    assert verdict.face.assessment is None


def test_records_from_before_the_gate_are_read():
    record = json.loads(verdict_with().to_json())
    del record["face"]["assessment"]
    old = Verdict.from_json(json.dumps(record).encode())
    assert old.face.assessment is None
    assert Judge(load_policy("faithful")).again(old).face.assessment is None


def test_a_refusal_is_one_line_and_travels():
    refused = QualityRefused(Assessment(False, 1.0, {"blur": 1.0}, ("blur", "no_face")))
    assert str(refused) == "the selfie is refused: blur, no_face"
    assert pickle.loads(pickle.dumps(refused)).assessment == refused.assessment
