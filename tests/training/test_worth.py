"""Answers whose worth is known: honest ones, and such that mislead about one camera."""

from __future__ import annotations

import numpy as np
import pytest

from training.worth import MISLED, cost, straight, worth

CAMERAS, GENERATORS = ("a", "b", "c"), ("gan", "diffusion")


def test_costs_that_are_known() -> None:
    silence = np.zeros(5)
    assert cost(silence, silence) == pytest.approx(1.0)
    sure = np.full(5, 50.0)
    assert cost(sure, -sure) == pytest.approx(0.0, abs=1e-9)
    assert cost(-np.ones(5), np.ones(5)) > 1.0


def answers(apart: float, odd: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normal answers, ``apart`` between the classes; camera c ``odd`` lower than the others."""
    rng = np.random.default_rng(0)
    sources = np.repeat(CAMERAS + GENERATORS, 200)
    real = np.isin(sources, CAMERAS)
    said = rng.normal(size=len(sources)) + apart * real - odd * (sources == "c")
    return said, real, sources


def test_a_straight_line_through_normal_answers() -> None:
    """With equal spreads the ratio is apart * (z - apart / 2)."""
    slope, offset = straight(*answers(2.0, 0.0))
    assert slope == pytest.approx(2.0, abs=0.25)
    assert offset == pytest.approx(-2.0, abs=0.3)


def test_an_answer_that_holds_for_every_source_earns_much() -> None:
    found = worth(*answers(3.0, 0.0))
    assert found.cap >= 2.0
    assert found.cost < 0.4
    assert found.worst <= MISLED


def test_an_answer_that_misleads_of_one_camera_is_capped() -> None:
    found = worth(*answers(3.0, 3.5))
    assert found.cap < 0.3
    assert found.worst_pair[0] == "c"
    assert found.worst <= MISLED


def test_an_answer_of_chance_earns_next_to_nothing() -> None:
    found = worth(*answers(0.0, 0.0))
    assert abs(found.slope) < 0.2
    assert found.cost == pytest.approx(1.0, abs=0.01)
