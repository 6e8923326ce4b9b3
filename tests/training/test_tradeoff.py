from __future__ import annotations

import numpy as np
import pytest

from evaluation.intervals import Figure
from evaluation.scores import Sample
from training.tradeoff import Row, Speed, drawn, lead, tables

PEOPLE = np.repeat([f"p{at}" for at in range(10)], 2)


def asked(scores: list[float], subjects: np.ndarray = PEOPLE) -> Sample:
    """Everybody live once and attacked once."""
    live = np.arange(len(subjects)) % 2 == 0
    return Sample(np.array(scores, float), live, np.asarray(subjects, str))


def noise(seed: int, shift: float) -> Sample:
    live = np.arange(20) % 2 == 0
    return asked((np.random.default_rng(seed).normal(size=20) + shift * live).tolist())


def test_the_lead_is_the_difference_of_both_aucs() -> None:
    right, wrong = asked([1, 0] * 10), asked([0, 1] * 10)
    figure = lead(right, wrong, 0)
    assert (figure.value, figure.low, figure.high, figure.n) == (1, 1, 1, 20)
    ours, theirs = noise(1, 1.0), noise(2, 0.5)
    figure = lead(ours, theirs, 0)
    assert figure.value == pytest.approx(ours.curve().auc - theirs.curve().auc)
    assert figure.low is not None
    assert figure.high is not None
    assert figure.low < figure.value < figure.high


def test_both_get_the_same_people_in_every_round() -> None:
    # Nothing is ahead of itself, however the people are drawn; unpaired, it would seem to be.
    figure = lead(noise(1, 0.7), noise(1, 0.7), 0)
    assert (figure.value, figure.low, figure.high) == (0, 0, 0)


def test_one_may_look_at_several_pictures_at_once() -> None:
    ours = noise(1, 0.7)
    twice = Sample(*(np.repeat(of, 2) for of in (ours.scores, ours.bona_fide, ours.subjects)))
    figure = lead(ours, twice, 0)
    assert figure.value == pytest.approx(0, abs=1e-12)
    assert figure.low == pytest.approx(0, abs=1e-12)
    assert figure.n == 20


def rows() -> tuple[Row, ...]:
    def figure(value: float) -> Figure:
        return Figure(value, value - 0.1, value + 0.1, 40, "by hand")

    student = {"test": figure(0.8), "other": figure(0.6)}
    teacher = {"test": figure(0.9), "other": Figure(None, None, None, 0, "by hand")}
    ahead = {"test": figure(-0.1), "other": Figure(None, None, None, 0, "by hand")}
    fast, slow = Speed(2.0, 1.5, 2.5, 50), Speed(20.0, 15.0, 25.0, 50)
    return (
        Row("student", "small", "00", 6_100_000, fast, student, student, {}),
        Row("teacher", "large", "11", 94_000_000, slow, teacher, teacher, ahead),
    )


def test_the_tables_say_what_is_paid_and_what_is_got() -> None:
    costs, test, other = tables(rows())
    assert costs.rows == (
        ("student", "small", "6.1", "2.0 [1.5, 2.5]"),
        ("teacher", "large", "94.0", "20.0 [15.0, 25.0]"),
    )
    assert (test.header[0], other.header[0]) == ("test", "other")
    student, teacher = test.rows
    assert student[3] is None, "nothing is ahead of itself"
    assert teacher[1:4] == (
        "0.900 [0.800, 1.000]",
        "0.900 [0.800, 1.000]",
        "-0.100 [-0.200, +0.000]",
    )
    student, teacher = other.rows
    assert (teacher[1], student[4]) == ("—", 40)


def test_the_plot_has_a_panel_for_each_source() -> None:
    panels = drawn(rows()).axes
    assert [panel.get_ylabel() for panel in panels] == ["AUC, test", "AUC, other"]
    ahead = [line for line in panels[0].lines if line.get_marker() == "o"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in ahead] == [(2, 0.8), (20, 0.9)]
    assert sum(line.get_marker() == "o" for line in panels[1].lines) == 1
