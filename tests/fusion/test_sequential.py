from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import integrate, stats

from fusion.sequential import (
    Answer,
    Design,
    canary,
    log_e_raise,
    log_e_roll_back,
)

DESIGN = Design(tolerated=0.05)
PATHS, LONG = 1000, 1000


def runs(rate: float, seed: int) -> NDArray[np.int64]:
    """How many of the first 1, 2, ... sessions were blocked, on each path: (PATHS, LONG)."""
    drawn = np.random.default_rng(seed).random((PATHS, LONG)) < rate
    return drawn.cumsum(axis=1)


def everywhere(said: Callable[..., Any], blocked: NDArray[np.int64]) -> NDArray[np.float64]:
    """What is said after each session of each path, worked out once for each pair of numbers."""
    counts = np.arange(blocked.max() + 1)
    table = said(SESSIONS[:, None], np.minimum(counts, SESSIONS[:, None]))
    return np.asarray(table[SESSIONS - 1, blocked], np.float64)


def ever(bet: Callable[..., Any], blocked: NDArray[np.int64], level: float) -> float:
    """The share of paths on which somebody who looks after every session ever decides."""
    log_e = everywhere(lambda n, k: bet(n, k, DESIGN.tolerated), blocked)
    return float((log_e.max(axis=1) >= -np.log(level)).mean())


SESSIONS = np.arange(1, LONG + 1)


@pytest.mark.parametrize("rate", [0.05, 0.03])
def test_whoever_looks_after_every_session_is_rarely_told_to_roll_back_what_is_tolerated(
    rate: float,
) -> None:
    assert ever(log_e_roll_back, runs(rate, 1), DESIGN.alpha) <= DESIGN.alpha


def test_a_test_for_one_look_goes_wrong_far_more_often_than_it_says() -> None:
    p = everywhere(
        lambda n, k: stats.binom.sf(k - 1, n, DESIGN.tolerated), runs(DESIGN.tolerated, 1)
    )
    assert (p <= DESIGN.alpha).any(axis=1).mean() > 4 * DESIGN.alpha


@pytest.mark.parametrize("rate", [0.05, 0.08])
def test_nor_to_raise_what_is_not(rate: float) -> None:
    assert ever(log_e_raise, runs(rate, 2), DESIGN.beta) <= DESIGN.beta


def test_a_good_policy_is_raised_and_a_bad_one_rolled_back() -> None:
    assert ever(log_e_raise, runs(0.01, 3), DESIGN.beta) > 0.99
    assert ever(log_e_roll_back, runs(0.15, 4), DESIGN.alpha) > 0.99


@settings(max_examples=30, deadline=None)
@given(sessions=st.integers(0, 400), share=st.floats(0, 1), tolerated=st.floats(0.01, 0.5))
def test_the_bets_are_the_integrals_that_they_are_said_to_be(
    sessions: int, share: float, tolerated: float
) -> None:
    blocked = round(share * sessions)
    mixture = stats.beta(0.5, 0.5)

    def won(low: float, high: float) -> float:
        # Of q = sin² the density of Jeffreys's mixture is level.
        turned = np.linspace(*np.arcsin(np.sqrt([low, high])), 4001)
        seen = stats.binom.logpmf(blocked, sessions, np.sin(turned) ** 2)
        ratios = np.exp(np.minimum(seen - stats.binom.logpmf(blocked, sessions, tolerated), 600))
        found = integrate.simpson(ratios, x=turned) * 2 / np.pi
        return float(found / (mixture.cdf(high) - mixture.cdf(low)))

    for log_e, sides in ((log_e_raise, (0.0, tolerated)), (log_e_roll_back, (tolerated, 1.0))):
        expected = won(*sides)
        if 1e-2 < expected < 1e6:  # less is never decisive, and may underflow
            assert np.exp(log_e(sessions, blocked, tolerated)) == pytest.approx(expected, rel=1e-3)


def test_before_the_first_session_nothing_is_won() -> None:
    stands = canary(DESIGN, 0, 0)
    assert stands.answer is Answer.HOLD
    assert (stands.e_raise, stands.e_roll_back) == pytest.approx((1.0, 1.0))


def test_what_is_needed_is_what_decides() -> None:
    stands = canary(DESIGN, 40, 1)
    assert stands.answer is Answer.HOLD
    assert stands.clear_until_raise is not None
    assert stands.blocked_until_roll_back is not None
    assert stands.at_rate_until_raise is not None
    clear, blocked = stands.clear_until_raise, stands.blocked_until_roll_back
    assert canary(DESIGN, 40 + clear, 1).answer is Answer.RAISE
    assert canary(DESIGN, 39 + clear, 1).answer is Answer.HOLD
    assert canary(DESIGN, 40 + blocked, 1 + blocked).answer is Answer.ROLL_BACK
    assert canary(DESIGN, 39 + blocked, blocked).answer is Answer.HOLD
    assert stands.at_rate_until_raise > clear


def test_a_share_above_what_is_tolerated_never_leads_to_a_raise() -> None:
    stands = canary(DESIGN, 30, 2)
    assert stands.answer is Answer.HOLD
    assert stands.at_rate_until_raise is None
    decided = canary(DESIGN, 30, 12)
    assert decided.answer is Answer.ROLL_BACK
    assert decided.clear_until_raise is decided.blocked_until_roll_back is None


def test_what_was_won_is_a_number_however_sure_it_is() -> None:
    assert np.isfinite(canary(DESIGN, 5000, 5000).e_roll_back)
    assert np.isfinite(canary(DESIGN, 100_000, 0).e_raise)


@pytest.mark.parametrize("name", ["tolerated", "alpha", "beta"])
@pytest.mark.parametrize("value", [0.0, 1.0, -0.1, float("nan")])
def test_a_rate_that_is_none_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        Design(**{"tolerated": 0.1, name: value})
