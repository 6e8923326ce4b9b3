from __future__ import annotations

import json
import math
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.contracts import Measurement, Score, Status
from fusion import judge as judge_module
from fusion.judge import Judge
from fusion.policy import Policy, load_policy
from fusion.verdict import Decision, FaceSummary, Verdict

FIVE = ("eye_specular", "blendshapes", "gan_texture", "depth", "rppg")


class Told:
    """Stands for a detector whose score is the measure ``score``, to decide without pixels."""

    def __init__(self, name: str) -> None:
        self.name = name

    def score(self, measures: Any, mapping: Any) -> Score:
        return Score(measures["score"], {})


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge_module, "DETECTORS", tuple(Told(name) for name in FIVE))


def policy(**changes: Any) -> Policy:
    raw = load_policy("faithful").model_dump(mode="json")
    for path, value in changes.items():
        inner = raw
        *steps, last = path.split("__")
        for step in steps:
            inner = inner[step]
        inner[last] = value
    return load_policy(raw)


def decide(chosen: Policy, problems: tuple[str, ...] = (), **scores: float | Status) -> Verdict:
    measured = {
        name: Measurement(status=value)
        if isinstance(value, Status)
        else Measurement({"score": value})
        for name, value in scores.items()
    }
    return Judge(chosen, b"key").verdict("session", measured, FaceSummary(problems), subject="s")


def all_at(score: float | Status, **others: float | Status) -> dict[str, float | Status]:
    return {**dict.fromkeys(FIVE, score), **others}


@pytest.mark.parametrize(("score", "passed"), [(0.399, False), (0.4, True), (0.401, True)])
def test_the_threshold_is_the_lowest_score_that_passes(score: float, passed: bool) -> None:
    assert decide(policy(), **all_at(score)).passed is passed


def test_watching_flags_and_never_rejects() -> None:
    verdict = decide(policy(), **all_at(0.0))
    assert verdict.decision is Decision.REVIEW
    assert verdict.reasons == ("below_threshold",)
    assert not verdict.enforced
    assert not verdict.passed


def test_blocking_rejects() -> None:
    verdict = decide(policy(enforcement__enforce=True), **all_at(0.0))
    assert verdict.decision is Decision.REJECT
    assert verdict.enforced


def test_outside_the_canary_a_failure_is_flagged() -> None:
    chosen = policy(enforcement__enforce=True, enforcement__percent=0)
    assert decide(chosen, **all_at(0.0)).decision is Decision.REVIEW


def test_as_in_the_reference_a_skipped_pulse_still_gives_a_meaningful_score() -> None:
    verdict = decide(policy(), **all_at(0.7, rppg=Status.UNAVAILABLE))
    assert verdict.decision is Decision.ACCEPT
    assert verdict.score == pytest.approx(0.7)
    assert verdict.coverage == pytest.approx(0.95 / 1.15)


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.OK])
def test_below_quorum_nothing_is_accepted(status: Status) -> None:
    verdict = decide(policy(), **all_at(status, gan_texture=1.0))
    assert verdict.decision is Decision.REVIEW
    assert verdict.reasons == ("quorum_not_met", "coverage_below_minimum")


def test_below_minimum_coverage_nothing_is_accepted() -> None:
    verdict = decide(policy(coverage__minimum=0.9), **all_at(1.0, rppg=Status.LATE))
    assert verdict.decision is Decision.REVIEW
    assert verdict.reasons == ("coverage_below_minimum",)


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.OK])
def test_without_a_required_signal_nothing_is_accepted_and_nothing_rejected(
    status: Status,
) -> None:
    chosen = policy(coverage__required=["depth"], enforcement__enforce=True)
    for score in (1.0, 0.0):
        verdict = decide(chosen, **all_at(score, depth=status))
        assert verdict.decision is Decision.REVIEW
        assert verdict.reasons[0] == "required_signal_missing"
    assert decide(chosen, **all_at(1.0)).decision is Decision.ACCEPT
    assert decide(chosen, **all_at(1.0, rppg=Status.UNAVAILABLE)).decision is Decision.ACCEPT


def test_a_required_signal_that_no_detector_of_the_graph_gives_is_missing_too() -> None:
    verdict = decide(policy(coverage__required=["recapture"]), **all_at(1.0))
    assert verdict.reasons == ("required_signal_missing",)


@pytest.mark.parametrize("seen", [names for n in range(6) for names in combinations(FIVE, n)])
def test_hardened_asks_for_the_same_evidence_with_and_without_the_weights_of_liveness(
    seen: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A head that is seen to turn, two more signals, and more than 0.10 of weight beside it."""
    names = (*FIVE, "parallax", "liveness")
    monkeypatch.setattr(judge_module, "DETECTORS", tuple(Told(name) for name in names))
    hardened = load_policy("hardened")

    def decided(*ok: str) -> Verdict:
        return decide(hardened, **{n: 1.0 if n in ok else Status.UNAVAILABLE for n in names})

    weight = sum(hardened.weights[name] for name in seen)
    enough = len(seen) >= 2 and weight > 0.101
    assert (decided("parallax", *seen).decision is Decision.ACCEPT) is enough
    assert "required_signal_missing" in decided("liveness", *seen).reasons


def test_a_still_image_alone_is_judged_by_the_liveness_section() -> None:
    chosen = policy(liveness__threshold=0.7, signals__liveness__mapping={"mean": "log_odds"})
    opinion = Judge(chosen).liveness(Measurement({"v2_2_7": 2.0, "v1se_4_0": 0.0}, model="ab"))
    assert opinion.threshold == 0.7
    assert opinion.signal.score == pytest.approx(1 / (1 + math.exp(-1.0)))
    assert (opinion.signal.name, opinion.signal.model) == ("liveness", "ab")


def test_too_little_evidence_is_no_ground_to_reject_either() -> None:
    verdict = decide(policy(enforcement__enforce=True), **all_at(Status.ERROR, gan_texture=0.0))
    assert verdict.decision is Decision.REVIEW


def test_no_signal_at_all() -> None:
    verdict = decide(policy(), problems=("no_face",), **all_at(Status.UNAVAILABLE))
    assert verdict.score is None
    assert verdict.decision is Decision.REVIEW
    assert verdict.reasons == ("no_face", "quorum_not_met", "coverage_below_minimum")
    assert not verdict.passed


def test_two_signals_at_zero_pass_the_faithful_mean_and_a_veto_stops_them() -> None:
    beaten = all_at(1.0, depth=0.0, gan_texture=0.0)
    assert decide(policy(), **beaten).decision is Decision.ACCEPT
    vetoed = decide(policy(signals__depth__veto_below=0.1), **beaten)
    assert vetoed.decision is Decision.REVIEW
    assert not vetoed.passed
    assert vetoed.reasons == ("veto:depth",)


LOST = (Status.ERROR, Status.LATE, Status.OVERLOADED)


@pytest.mark.parametrize("status", LOST)
def test_a_lost_signal_that_could_have_failed_the_session_makes_it_a_review(status: Status) -> None:
    # Without the texture the others pass at 0.5; a texture of 0 would have made that 0.37.
    verdict = decide(policy(enforcement__enforce=True), **all_at(0.5, gan_texture=status))
    assert verdict.decision is Decision.REVIEW
    assert verdict.reasons == ("decisive_signal_lost",)
    assert verdict.passed
    assert decide(policy(), **all_at(0.6, gan_texture=status)).decision is Decision.ACCEPT


@pytest.mark.parametrize("status", LOST)
def test_a_lost_signal_with_a_veto_makes_a_review(status: Status) -> None:
    chosen = policy(signals__depth__veto_below=0.1)
    assert decide(chosen, **all_at(1.0, depth=status)).reasons == ("decisive_signal_lost",)
    assert decide(chosen, **all_at(1.0, rppg=status)).decision is Decision.ACCEPT


@pytest.mark.parametrize("status", [Status.UNAVAILABLE, Status.WITHHELD, Status.ABSTAINED])
def test_what_nobody_could_have_seen_was_not_lost(status: Status) -> None:
    chosen = policy(signals__depth__veto_below=0.1)
    verdict = decide(chosen, **all_at(0.5, gan_texture=status, depth=status))
    assert verdict.decision is Decision.ACCEPT


def test_a_session_that_fails_anyway_is_still_rejected() -> None:
    chosen = policy(enforcement__enforce=True)
    verdict = decide(chosen, **all_at(0.0, depth=Status.LATE))
    assert verdict.decision is Decision.REJECT
    assert verdict.reasons == ("below_threshold",)


@given(
    scores=st.lists(st.floats(0, 1), min_size=5, max_size=5),
    losses=st.lists(st.sampled_from([None, *LOST]), min_size=5, max_size=5),
)
def test_losing_signals_never_turns_anything_into_an_accept(
    scores: list[float], losses: list[Status | None]
) -> None:
    chosen = policy(
        enforcement__enforce=True, signals__depth__veto_below=0.3, coverage__minimum=0.01
    )
    seen: dict[str, float | Status] = dict(zip(FIVE, scores, strict=True))
    lost = {name: loss for name, loss in zip(FIVE, losses, strict=True) if loss is not None}
    if decide(chosen, **{**seen, **lost}).decision is Decision.ACCEPT:
        assert decide(chosen, **seen).decision is Decision.ACCEPT


def test_a_mapping_that_fails_costs_its_signal_only() -> None:
    measured = {name: Measurement({"score": 0.9}) for name in FIVE}
    measured["rppg"] = Measurement({"other": 1.0})
    verdict = Judge(policy()).verdict("session", measured, FaceSummary())
    rppg = next(signal for signal in verdict.signals if signal.name == "rppg")
    assert rppg.status is Status.ERROR
    assert rppg.reasons == ("KeyError",)
    assert verdict.decision is Decision.ACCEPT


def test_a_record_can_be_decided_again_under_another_policy() -> None:
    record = decide(policy(), **all_at(0.49, depth=Status.LATE))
    assert record.decision is Decision.ACCEPT
    same = Judge(policy()).again(record)
    assert (same.score, same.weights, same.signals) == (
        record.score,
        record.weights,
        record.signals,
    )
    stricter = Judge(policy(threshold=0.5)).again(record)
    assert stricter.decision is Decision.REVIEW
    assert stricter.reasons == ("below_threshold",)


def test_the_record_is_complete_and_names_no_subject() -> None:
    record = json.loads(decide(policy(), **all_at(0.7, depth=Status.LATE)).to_json())
    assert record["policy"]["sha256"] == policy().sha256
    assert [signal["name"] for signal in record["signals"]] == list(FIVE)
    assert sum(record["weights"].values()) == pytest.approx(1.0)
    assert record["enforcement"]["mode"] == "ids"
    assert set(record) == set(Verdict.__slots__)
    assert "subject" not in json.dumps(record)
