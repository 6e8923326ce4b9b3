"""May the share that is enforced grow? A test that may be looked at after every session.

An operator looks at a canary every day and stops when it looks good or bad. A test that is made for
one look, and looked at often, is wrong far more often than it says. This one is not: it bets
against a rate of blocked genuine sessions, and what the bet has won is an *e-process*. Under the
hypothesis that it bets against, the probability that it *ever* reaches 1/α is at most α (Ville
1939), whenever one looks and whyever one stops.

For n sessions of which k would be blocked, and a tolerated rate r, the bet is the ratio of the
likelihood of what was seen, under rates q on the other side of r, to that under r itself, mixed
over q by a Beta distribution cut off at r (Robbins 1970, "Statistical methods related to the law of
the iterated logarithm"; Howard, Ramdas, McAuliffe and Sekhon 2021, "Time-uniform, nonparametric,
nonasymptotic confidence sequences", section on the beta-binomial mixture):

    E = ∫ q^k (1 - q)^(n - k) dBeta(q) / (r^k (1 - r)^(n - k))

Over q > r it bets against every rate up to r, and winning means: roll back. Over q < r it bets
against every rate from r on, and winning means: raise. That the ratio rises (falls) with each
blocked session makes either valid for the whole side, not for r alone.

Sessions are taken to be independent. Retries of one person are not, and let it decide sooner than
it should.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

MIXTURE = (0.5, 0.5)
"""Parameters of the Beta distribution: Jeffreys's, which loses least whatever the rate is."""

FARTHEST = 1_000_000
"""Sessions beyond which it is not said how many more are needed."""


LARGEST = 700.0
"""Logarithm up to which it is written out what was won: just below where floats end."""


class Answer(StrEnum):
    """What the operator should do with the share that is enforced."""

    RAISE = "raise"
    HOLD = "hold"
    ROLL_BACK = "roll_back"


@dataclass(frozen=True, slots=True)
class Design:
    """What is tested, and how sure it has to be.

    Attributes:
        tolerated: rate of genuine sessions that may be blocked, in (0, 1).
        alpha: probability, at most, of ever being told to roll back at a rate that is tolerated.
        beta: probability, at most, of ever being told to raise at one that is not.

    Raises:
        ValueError: one of them is not in (0, 1).
    """

    tolerated: float
    alpha: float = 0.05
    beta: float = 0.05

    def __post_init__(self) -> None:
        for name in ("tolerated", "alpha", "beta"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise ValueError(f"{name} has to be above 0 and below 1")


@dataclass(frozen=True, slots=True)
class Canary:
    """How it stands.

    Attributes:
        answer: what to do.
        sessions: genuine ones that were looked at.
        blocked: those of them that would be blocked.
        e_roll_back: what the bet against every tolerated rate has won; 1/alpha decides.
        e_raise: what the bet against every other rate has won; 1/beta decides.
        clear_until_raise: while it holds: further sessions, none of them blocked, after which the
            answer would be to raise; None beyond :data:`FARTHEST`, or where it is decided.
        at_rate_until_raise: the same if as large a share of them is blocked as so far; None also
            where that share is not below what is tolerated.
        blocked_until_roll_back: while it holds: blocked sessions in a row, from now on, after which
            the answer would be to roll back; None where it is decided.
    """

    answer: Answer
    sessions: int
    blocked: int
    e_roll_back: float
    e_raise: float
    clear_until_raise: int | None = None
    at_rate_until_raise: int | None = None
    blocked_until_roll_back: int | None = None


def log_e_roll_back(
    sessions: ArrayLike, blocked: ArrayLike, tolerated: float
) -> NDArray[np.float64]:
    """Logarithm of what the bet against every rate up to ``tolerated`` has won, of any shape."""
    return _log_e(sessions, blocked, tolerated, stats.beta.logsf)


def log_e_raise(sessions: ArrayLike, blocked: ArrayLike, tolerated: float) -> NDArray[np.float64]:
    """Logarithm of what the bet against every rate from ``tolerated`` on has won."""
    return _log_e(sessions, blocked, tolerated, stats.beta.logcdf)


def canary(design: Design, sessions: int, blocked: int) -> Canary:
    """Say what to do with the share that is enforced.

    Args:
        design: of the test.
        sessions: genuine ones that were looked at.
        blocked: those of them that would be blocked.
    """
    rate = design.tolerated
    against = float(log_e_roll_back(sessions, blocked, rate))
    in_favour = float(log_e_raise(sessions, blocked, rate))
    needed = -float(np.log(design.beta))
    answer = Answer.HOLD
    if against >= -np.log(design.alpha):
        answer = Answer.ROLL_BACK
    elif in_favour >= needed:
        answer = Answer.RAISE
    won = float(np.exp(min(against, LARGEST))), float(np.exp(min(in_favour, LARGEST)))
    if answer is not Answer.HOLD:
        return Canary(answer, sessions, blocked, *won)
    share = blocked / sessions if sessions else 0.0

    def raised(more: int, at: float) -> bool:
        # A part of a blocked session is allowed: this is a forecast.
        return bool(log_e_raise(sessions + more, blocked + at * more, rate) >= needed)

    def rolled_back(more: int) -> bool:
        seen = log_e_roll_back(sessions + more, blocked + more, rate)
        return bool(seen >= -np.log(design.alpha))

    return Canary(
        answer,
        sessions,
        blocked,
        *won,
        clear_until_raise=_first(lambda more: raised(more, 0.0)),
        at_rate_until_raise=_first(lambda more: raised(more, share)) if share < rate else None,
        blocked_until_roll_back=_first(rolled_back),
    )


def _log_e(
    sessions: ArrayLike, blocked: ArrayLike, tolerated: float, log_part: Callable[..., Any]
) -> NDArray[np.float64]:
    """The bet; ``log_part`` is the logarithm of the share of a Beta distribution on its side."""
    n, k = np.asarray(sessions, float), np.asarray(blocked, float)
    a, b = MIXTURE
    seen = special.betaln(a + k, b + n - k) + log_part(tolerated, a + k, b + n - k)
    unseen = special.betaln(a, b) + log_part(tolerated, a, b)
    under = k * np.log(tolerated) + (n - k) * np.log1p(-tolerated)
    return np.asarray(seen - unseen - under, np.float64)


def _first(holds: Callable[[int], bool]) -> int | None:
    """The number from which on something holds, 1 or more; None beyond :data:`FARTHEST`."""
    high = 1
    while not holds(high):
        high *= 2
        if high > FARTHEST:
            return None
    return bisect_left(range(high), True, lo=high // 2, key=holds)
