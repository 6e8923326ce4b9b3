from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from detectors.contracts import LOST, Measurement, Score, Status, logistic
from fusion import judge as judge_module
from fusion.calibration import (
    PRIOR,
    Calibration,
    Isotonic,
    Platt,
    fuse,
    log_odds,
)
from fusion.judge import Judge
from fusion.policy import Policy, PolicyError, load_policy
from fusion.replay import replayed, with_threshold
from fusion.verdict import Decision, FaceSummary, Signal, Verdict

LINE = {"kind": "platt", "slope": 1.0, "intercept": 0.0}
ENTRY: dict[str, Any] = {"basis": "stated", "llr": LINE, "floor": -3.0, "ceiling": 2.0}
WITHHELD = {"withheld": -2.0, "abstained": -0.5}
NAMES = ("eye_specular", "gan_texture", "depth")


def section(**entries: Any) -> Calibration:
    return Calibration.model_validate({"prior": 0.5, "signals": entries})


def scored(**found: float | Status) -> list[Signal]:
    return [
        Signal(name, value) if isinstance(value, Status) else Signal(name, Status.OK, value)
        for name, value in found.items()
    ]


def test_log_likelihood_ratios_and_the_prior_add_up_to_the_log_odds_of_the_score() -> None:
    calibration = section(depth=ENTRY, gan_texture={**ENTRY, "coefficient": 0.5}).model_copy(
        update={"prior": 0.9, "intercept": 0.3}
    )
    fused = fuse(calibration, scored(depth=0.7, gan_texture=0.2))
    assert fused.contributions == pytest.approx(
        {
            PRIOR: math.log(9) + 0.3,
            "gan_texture": 0.5 * math.log(0.25),
            "depth": math.log(7 / 3),
        }
    )
    assert fused.score == pytest.approx(logistic(sum(fused.contributions.values())))
    assert fused.floor == fused.score


@pytest.mark.parametrize(("score", "says"), [(0.0, -3.0), (1.0, 2.0), (0.5, 0.0)])
def test_no_signal_says_more_than_its_bounds(score: float, says: float) -> None:
    assert fuse(section(depth=ENTRY), scored(depth=score)).contributions["depth"] == says


def test_an_absence_is_worth_what_is_stated_for_its_status() -> None:
    calibration = section(depth=ENTRY, gan_texture={**ENTRY, "absent": WITHHELD})
    for status, worth in (
        (Status.UNAVAILABLE, 0.0),
        (Status.WITHHELD, -2.0),
        (Status.ABSTAINED, -0.5),
        (Status.LATE, 0.0),
    ):
        fused = fuse(calibration, scored(depth=0.5, gan_texture=status))
        assert fused.contributions["gan_texture"] == worth
    assert fuse(calibration, scored(depth=0.5)).contributions["gan_texture"] == 0.0


def test_what_is_withheld_counts_once() -> None:
    calibration = section(
        depth=ENTRY,
        gan_texture={**ENTRY, "absent": {"withheld": -2.0}},
        eye_specular={**ENTRY, "absent": {"withheld": -1.0}},
    )
    fused = fuse(
        calibration,
        scored(depth=0.5, eye_specular=Status.WITHHELD, gan_texture=Status.WITHHELD),
    )
    assert fused.contributions["gan_texture"] == -2.0
    assert fused.contributions["eye_specular"] == 0.0


def test_without_any_calibrated_signal_there_is_no_score() -> None:
    fused = fuse(section(depth=ENTRY), scored(depth=Status.UNAVAILABLE, eye_specular=1.0))
    assert fused.score is None
    assert fused.contributions == {}


@given(
    scores=st.lists(st.floats(0, 1), min_size=3, max_size=3),
    raised=st.floats(0, 1),
    which=st.integers(0, 2),
)
def test_a_score_that_rises_never_lowers_the_posterior(
    scores: list[float], raised: float, which: int
) -> None:
    steps = {"kind": "isotonic", "scores": [0.1, 0.6, 0.9], "nats": [-2.5, 0.1, 0.1]}
    calibration = section(
        eye_specular=ENTRY,
        gan_texture={**ENTRY, "coefficient": 0.4},
        depth={**ENTRY, "llr": steps},
    )
    higher = list(scores)
    higher[which] = max(scores[which], raised)
    before, after = (
        fuse(calibration, scored(**dict(zip(NAMES, s, strict=True)))).score
        for s in (scores, higher)
    )
    assert before is not None
    assert after is not None
    assert after >= before


def test_platt_is_a_line_in_log_odds_and_finite_at_the_ends() -> None:
    line = Platt(kind="platt", slope=2.0, intercept=-1.0)
    assert line.llr(0.8) == pytest.approx(2 * math.log(4) - 1)
    assert line.llr(0.0) == pytest.approx(-line.llr(1.0) - 2.0)
    assert math.isfinite(line.llr(0.0))


def test_isotonic_goes_through_its_points_and_stays_level_beyond() -> None:
    steps = Isotonic(kind="isotonic", scores=(0.2, 0.4, 0.8), nats=(-2.0, 0.0, 1.0))
    assert [steps.llr(s) for s in (0.0, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)] == pytest.approx(
        [-2.0, -2.0, -1.0, 0.0, 0.5, 1.0, 1.0]
    )
    assert Isotonic(kind="isotonic", scores=(0.5,), nats=(0.7,)).llr(0.1) == 0.7


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"scores": [0.2, 0.2]}, "rise"),
        ({"nats": [1.0, 0.0]}, "fall"),
        ({"nats": [1.0]}, "as many"),
    ],
)
def test_steps_that_are_none_are_refused(change: dict[str, Any], says: str) -> None:
    steps = {"kind": "isotonic", "scores": [0.2, 0.4], "nats": [0.0, 1.0]} | change
    with pytest.raises(ValidationError, match=says):
        Isotonic.model_validate(steps)


# In a policy


def calibrated(**changes: Any) -> Policy:
    raw = load_policy("faithful").model_dump(mode="json")
    raw["calibration"] = {
        "prior": 0.5,
        "signals": {name: {**ENTRY, "absent": WITHHELD} for name in NAMES},
    }
    raw["threshold"] = 0.5
    return load_policy(raw | changes)


LAX = calibrated(coverage={"minimum": 0.01, "quorum": 1})


class Told:
    """Stands for a detector whose score is the measure ``score``."""

    def __init__(self, name: str) -> None:
        self.name = name

    def score(self, measures: Any, mapping: Any) -> Score:
        return Score(measures["score"], {})


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge_module, "DETECTORS", tuple(Told(name) for name in NAMES))


def decide(policy: Policy, *found: float | Status) -> Verdict:
    measured = {
        name: Measurement(status=value)
        if isinstance(value, Status)
        else Measurement({"score": value})
        for name, value in zip(NAMES, found, strict=True)
    }
    return Judge(policy, b"key").verdict("session", measured, FaceSummary())


@pytest.mark.usefixtures("told")
def test_the_score_of_a_session_is_the_posterior_and_says_what_it_is_made_of() -> None:
    verdict = decide(calibrated(), 0.9, 0.6, 0.7)
    assert verdict.score == pytest.approx(
        logistic(sum(log_odds(s) for s in (0.6, 0.7)) + 2.0)  # the first is at its ceiling
    )
    assert log_odds(verdict.score or 0.0) == pytest.approx(sum(verdict.contributions.values()))
    assert list(verdict.contributions) == [PRIOR, *NAMES]
    assert verdict.decision is Decision.ACCEPT
    assert sum(verdict.weights.values()) == pytest.approx(1.0)  # coverage goes by them


@pytest.mark.usefixtures("told")
def test_two_signals_do_not_outvote_one_that_is_sure() -> None:
    """The weakness of a mean: at the reference's threshold any two signals can be beaten."""
    assert decide(calibrated(calibration=None, threshold=0.4), 1.0, 0.0, 0.8).passed
    sure = calibrated()
    assert not decide(sure, 0.6, 0.0, 0.6).passed


@pytest.mark.usefixtures("told")
def test_withholding_costs_more_than_having_nothing_to_send() -> None:
    policy = calibrated()
    scores = {
        status: decide(policy, 0.6, 0.6, status).score
        for status in (Status.UNAVAILABLE, Status.ABSTAINED, Status.WITHHELD)
    }
    ordered = [scores[s] or 0.0 for s in scores]
    assert ordered == sorted(ordered, reverse=True)
    assert len(set(ordered)) == 3


@pytest.mark.usefixtures("told")
def test_coverage_quorum_and_vetoes_stay() -> None:
    raw = calibrated().model_dump(mode="json")
    raw["signals"]["depth"]["veto_below"] = 0.65
    assert decide(load_policy(raw), 0.9, 0.9, 0.6).reasons == ("veto:depth",)
    few = decide(calibrated(), 0.9, Status.UNAVAILABLE, Status.UNAVAILABLE)
    assert few.decision is Decision.REVIEW
    assert few.reasons == ("quorum_not_met", "coverage_below_minimum")


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("status", sorted(LOST))
def test_a_lost_signal_that_might_have_sunk_it_is_decisive(status: Status) -> None:
    assert decide(calibrated(), 0.9, 0.6, status).reasons == ("decisive_signal_lost",)
    assert decide(calibrated(), 0.9, 0.9, status).decision is Decision.ACCEPT


@settings(deadline=None)
@given(
    scores=st.lists(st.floats(0, 1), min_size=3, max_size=3),
    losses=st.lists(st.sampled_from([None, *LOST]), min_size=3, max_size=3),
)
def test_losing_signals_never_turns_anything_into_an_accept(
    scores: list[float], losses: list[Status | None]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge_module, "DETECTORS", tuple(Told(name) for name in NAMES))
        lost = [s if loss is None else loss for s, loss in zip(scores, losses, strict=True)]
        if decide(LAX, *lost).decision is Decision.ACCEPT:
            assert decide(LAX, *scores).decision is Decision.ACCEPT


@pytest.mark.usefixtures("told")
def test_a_record_keeps_its_contributions_and_is_decided_again_from_its_measures() -> None:
    policy = calibrated()
    record = Verdict.from_json(decide(policy, 0.9, 0.6, 0.7).to_json())
    again = replayed(Judge(policy), record).after
    assert replace(again, created_at=record.created_at) == record
    stricter = replayed(Judge(with_threshold(policy, 0.99)), record)
    assert stricter.newly_failing
    assert stricter.after.contributions == record.contributions
    assert replayed(Judge(load_policy("faithful")), record).after.contributions == {}


def test_an_earlier_record_has_none() -> None:
    body = json.loads(decide_plain().to_json())
    del body["contributions"]
    assert Verdict.from_json(json.dumps(body).encode()).contributions == {}


def decide_plain() -> Verdict:
    return Judge(load_policy("faithful")).verdict("session", {}, FaceSummary())


def test_a_calibrated_policy_survives_being_shown(tmp_path: Any) -> None:
    policy = calibrated()
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(policy.model_dump(mode="json")))
    assert load_policy(str(file)).sha256 == policy.sha256
    assert policy.sha256 != calibrated(calibration=None).sha256


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"signals": {"iris": ENTRY}}, "calibration.signals.iris"),
        ({"signals": {}}, "at least one signal"),
        ({"prior": 1.0}, "calibration.prior"),
        ({"signals": {"depth": {**ENTRY, "floor": 0.1}}}, "floor"),
        ({"signals": {"depth": {**ENTRY, "ceiling": -0.1}}}, "ceiling"),
        ({"signals": {"depth": {**ENTRY, "coefficient": -0.1}}}, "coefficient"),
        ({"signals": {"depth": {**ENTRY, "absent": {"withheld": 0.1}}}}, "withheld"),
        ({"signals": {"depth": {**ENTRY, "llr": {**LINE, "slope": -1.0}}}}, "slope"),
        ({"signals": {"depth": {**ENTRY, "llr": {**LINE, "kind": "spline"}}}}, "kind"),
    ],
)
def test_a_section_that_cannot_be_meant_is_refused_by_name(
    change: dict[str, Any], says: str
) -> None:
    with pytest.raises(PolicyError, match=says):
        calibrated(calibration={"prior": 0.5, "signals": {"depth": ENTRY}} | change)


def test_a_signal_without_a_score_cannot_be_calibrated() -> None:
    raw = load_policy("faithful").model_dump(mode="json")
    raw["signals"]["depth"] = None
    raw["calibration"] = {"prior": 0.5, "signals": {"depth": ENTRY}}
    with pytest.raises(PolicyError, match="no score to calibrate"):
        load_policy(raw)
