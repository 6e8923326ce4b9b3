from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.contracts import Status
from fusion.policy import load_policy
from fusion.verdict import Signal
from fusion.weighing import weigh

REFERENCE = {
    "eye_specular": 0.25,
    "blendshapes": 0.20,
    "gan_texture": 0.30,
    "depth": 0.20,
    "rppg": 0.20,
}


def signals(**scores: float | None) -> list[Signal]:
    return [
        Signal(name, Status.UNAVAILABLE if score is None else Status.OK, score)
        for name, score in scores.items()
    ]


def test_the_shipped_faithful_policy_has_the_references_weights() -> None:
    weights = load_policy("faithful").weights
    assert weights == REFERENCE
    assert sum(weights.values()) == pytest.approx(1.15)


def test_all_five_signals() -> None:
    fused = weigh(
        signals(eye_specular=0.8, blendshapes=0.9, gan_texture=0.7, depth=0.6, rppg=0.5), REFERENCE
    )
    # (.25*.8 + .20*.9 + .30*.7 + .20*.6 + .20*.5) / 1.15
    assert fused.score == pytest.approx(0.81 / 1.15)
    assert fused.weights == pytest.approx(
        {
            "eye_specular": 0.2174,
            "blendshapes": 0.1739,
            "gan_texture": 0.2609,
            "depth": 0.1739,
            "rppg": 0.1739,
        },
        abs=5e-5,
    )
    assert fused.coverage == pytest.approx(1.0)


def test_without_the_pulse_its_weight_goes_to_the_other_four() -> None:
    fused = weigh(
        signals(eye_specular=1.0, blendshapes=1.0, gan_texture=0.0, depth=1.0, rppg=None), REFERENCE
    )
    # The reference's skipped session: .95 is left of 1.15.
    assert fused.weights == pytest.approx(
        {
            "eye_specular": 0.25 / 0.95,
            "blendshapes": 0.20 / 0.95,
            "gan_texture": 0.30 / 0.95,
            "depth": 0.20 / 0.95,
        }
    )
    assert fused.score == pytest.approx(0.65 / 0.95)
    assert fused.coverage == pytest.approx(0.95 / 1.15)


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.OK])
def test_only_ok_signals_count(status: Status) -> None:
    fused = weigh([Signal("depth", status, None), Signal("rppg", Status.OK, 0.3)], REFERENCE)
    assert fused.weights == {"rppg": 1.0}
    assert fused.score == pytest.approx(0.3)


def test_nothing_to_count() -> None:
    fused = weigh(signals(depth=None), REFERENCE)
    assert (fused.score, fused.weights, fused.coverage) == (None, {}, 0.0)


def test_a_signal_of_weight_zero_is_on_record_only() -> None:
    fused = weigh(signals(depth=1.0, rppg=0.0), {"depth": 0.2, "rppg": 0.0})
    assert fused.score == 1.0
    assert fused.coverage == 1.0


@given(st.dictionaries(st.sampled_from(sorted(REFERENCE)), st.floats(0, 1) | st.none(), min_size=1))
def test_weights_always_sum_to_one_and_the_score_stays_between_its_signals(
    scores: dict[str, float | None],
) -> None:
    fused = weigh(signals(**scores), REFERENCE)
    there = [score for score in scores.values() if score is not None]
    if not there:
        assert fused.score is None
        return
    assert fused.score is not None
    assert sum(fused.weights.values()) == pytest.approx(1.0)
    assert min(there) - 1e-9 <= fused.score <= max(there) + 1e-9
    assert 0.0 < fused.coverage <= 1.0 + 1e-9


@pytest.mark.parametrize("status", [Status.ERROR, Status.LATE, Status.OVERLOADED])
def test_the_floor_counts_what_was_lost_as_zero(status: Status) -> None:
    seen = signals(eye_specular=0.8, blendshapes=0.9, depth=None)
    fused = weigh([*seen, Signal("gan_texture", status)], REFERENCE)
    assert fused.score == pytest.approx((0.25 * 0.8 + 0.20 * 0.9) / 0.45)
    assert fused.floor == pytest.approx((0.25 * 0.8 + 0.20 * 0.9) / 0.75)
    assert weigh(seen, REFERENCE).floor == weigh(seen, REFERENCE).score
