from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verdicts import judged

from fusion.judge import Judge
from fusion.policy import load_policy
from fusion.replay import replayed, with_threshold
from fusion.verdict import Verdict

POLICY = load_policy("faithful")


def recorded(contrast: float) -> Verdict:
    """A session as it comes back from a store."""
    return Verdict.from_json(judged(POLICY, contrast).to_json())


def contrasts() -> list[float]:
    low, high = POLICY.signal("eye_specular").mapping.brightness  # type: ignore[union-attr]
    return [low + (high - low) * step / 5 for step in range(6)]


def test_the_same_policy_says_the_same_again() -> None:
    assert len({recorded(contrast).score for contrast in contrasts()}) == 6
    for contrast in contrasts():
        record = recorded(contrast)
        again = replayed(Judge(POLICY), record)
        assert replace(again.after, created_at=record.created_at, enforcement=None) == replace(
            record, enforcement=None
        )
        assert not again.newly_failing
        assert not again.newly_passing


@given(threshold=st.floats(0, 1), contrast=st.sampled_from(contrasts()))
def test_another_threshold_decides_exactly_as_a_graph_with_it_would(
    threshold: float, contrast: float
) -> None:
    tried = with_threshold(POLICY, threshold)
    record = recorded(contrast)
    again = replayed(Judge(tried), record)
    live = judged(tried, contrast)
    same = {"session_id": "", "created_at": record.created_at, "enforcement": None}
    assert replace(again.after, **same) == replace(live, **same)
    assert again.after.score == record.score
    assert again.newly_failing == (record.passed and not live.passed)
    assert again.newly_passing == (not record.passed and live.passed)


@pytest.mark.parametrize("above", [False, True])
def test_what_is_new_is_compared_with_the_record(above: bool) -> None:
    record = recorded(contrasts()[3])
    assert record.score is not None
    tried = with_threshold(POLICY, record.score + (0.01 if above else -0.01))
    for passed in (False, True):
        again = replayed(Judge(tried), replace(record, passed=passed))
        assert again.newly_failing == (passed and above)
        assert again.newly_passing == (not passed and not above)


def test_only_the_threshold_differs() -> None:
    tried = with_threshold(POLICY, 0.77)
    assert tried == load_policy({**POLICY.model_dump(mode="json"), "threshold": 0.77})
    assert tried.sha256 != POLICY.sha256
