from __future__ import annotations

import math

import pytest

from detectors.contracts import Measurement, Status
from detectors.deepfake_vote import vote
from fusion.deepfake import Watched
from fusion.judge import Judge
from fusion.policy import SHIPPED, load_policy

NO_FACE = Measurement(status=Status.ABSTAINED, reasons=("no_face",), model="ab+cd")


def looked(log_odds: float) -> Measurement:
    return Measurement({"log_odds": log_odds, "face_px": 90.0}, model="ab+cd")


@pytest.fixture
def judge() -> Judge:
    return Judge(load_policy("faithful"))


def test_a_photograph_is_its_own_vote(judge: Judge) -> None:
    found = judge.deepfake(Watched((looked(-2.0),), False, "yunet"))
    (signal,) = found.signals
    assert (signal.name, signal.model, found.face_detector) == ("deepfake", "ab+cd", "yunet")
    assert found.vote is not None
    assert found.vote.real == signal.score == pytest.approx(0.1192, abs=1e-4)


@pytest.mark.parametrize(("faces", "decided"), [(0, False), (2, False), (3, True), (10, True)])
def test_a_clip_needs_three_frames_with_a_face(judge: Judge, faces: int, decided: bool) -> None:
    frames = tuple(looked(1.0) if at < faces else NO_FACE for at in range(10))
    found = judge.deepfake(Watched(frames, True, "yunet"))
    assert len(found.signals) == 10
    assert (found.vote is not None) is decided
    if found.vote is not None:
        assert found.vote.faces == faces


def test_frames_are_mapped_by_the_policy_before_they_vote() -> None:
    raw = load_policy("faithful").model_dump(mode="json")
    raw["signals"]["deepfake"]["mapping"] = {"shift": 1.0}
    found = Judge(load_policy(raw)).deepfake(
        Watched((looked(1.0), looked(1.0), looked(4.0)), True, "yunet")
    )
    expected = vote([0.5, 0.5, 1 / (1 + math.exp(-3))])
    assert found.vote is not None
    assert found.vote.real == pytest.approx(expected.real)
    assert found.vote.variance == pytest.approx(expected.variance)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_policies_record_it_without_counting_it(name: str) -> None:
    policy = load_policy(name)
    entry = policy.signal("deepfake")
    assert entry is not None
    assert (entry.weight, entry.veto_below) == (0.0, None)
    assert "deepfake" not in policy.weights
