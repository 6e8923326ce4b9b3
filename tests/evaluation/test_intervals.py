from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import ArrayLike

from evaluation.intervals import Figure, Weights, bootstrap, proportion
from evaluation.metrics import curve, share


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        # Closed forms: with none of n the upper bound is 1 - (alpha / 2) ** (1 / n).
        (0, 10, 0.0, 1 - 0.025**0.1),
        (10, 10, 0.025**0.1, 1.0),
        # Clopper and Pearson's own example of 10 at 95%, to the three digits of their chart.
        (2, 10, 0.025, 0.556),
        (8, 10, 0.444, 0.975),
    ],
)
def test_proportions_have_the_exact_interval(hits: int, of: int, low: float, high: float) -> None:
    found = proportion(hits, of)
    assert found.value == hits / of
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-4)


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        # With none of n the upper bound is z² / (n + z²); by symmetry the others.
        (0, 10, 0.0, 3.8415 / 13.8415),
        (10, 10, 10 / 13.8415, 1.0),
        # Newcombe 1998, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
    ],
)
def test_wilsons_interval(hits: int, of: int, low: float, high: float) -> None:
    found = proportion(hits, of, "wilson")
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)
    assert found.method == "Wilson"


def test_a_share_of_nothing_has_no_interval() -> None:
    found = proportion(0, 0)
    assert (found.value, found.low, found.high, found.n) == (None, None, None, 0)
    assert str(found) == "—"


def mean_of(values: ArrayLike) -> Callable[[Weights], dict[str, float]]:
    return lambda weights: {"mean": share(values, weights)}


def test_items_of_one_subject_are_drawn_together() -> None:
    """Four subjects of 25 equal items each are worth four items, not a hundred."""
    values = np.repeat([0.0, 1.0, 0.0, 1.0], 25)
    subjects = [name for name in "abcd" for _ in range(25)]

    statistic = mean_of(values)

    by_subject = bootstrap(statistic, subjects, seed=0)["mean"]
    by_item = bootstrap(statistic, [""] * 100, seed=0)["mean"]
    assert by_subject.value == by_item.value == 0.5
    assert (by_subject.low, by_subject.high) == (0.0, 1.0)
    assert by_item.low == pytest.approx(0.5 - 1.96 * 0.05, abs=0.02)
    assert by_item.high == pytest.approx(0.5 + 1.96 * 0.05, abs=0.02)
    assert "4 subjects" in by_subject.method
    assert "100 subjects" in by_item.method


def test_one_subject_is_drawn_by_items_and_says_so() -> None:
    values = [0.0, 1.0] * 20

    statistic = mean_of(values)

    found = bootstrap(statistic, ["x"] * 40, seed=0)["mean"]
    assert "40 items" in found.method
    assert found.low is not None
    assert 0.3 < found.low < 0.45


def test_the_seed_decides() -> None:
    values = np.random.default_rng(1).random(30)

    statistic = mean_of(values)

    first, second, other = (bootstrap(statistic, [""] * 30, seed=s) for s in (7, 7, 8))
    assert first == second
    assert first["mean"].low != other["mean"].low


def test_rounds_without_one_of_the_classes_do_not_count() -> None:
    scores, genuine = [0.9, 0.8, 0.1], [True, True, False]
    found = bootstrap(
        lambda weights: {"auc": curve(scores, genuine, weights).auc}, ["a", "b", "c"], seed=0
    )["auc"]
    assert (found.value, found.low, found.high) == (1.0, 1.0, 1.0)


def test_a_figure_that_is_never_defined_is_none() -> None:
    found = bootstrap(lambda weights: {"auc": float("nan")}, ["a", "b"], seed=0)["auc"]
    assert (found.value, found.low, found.high) == (None, None, None)


def test_nothing_to_draw_from_is_none() -> None:
    found = bootstrap(lambda weights: {"rate": share([], weights)}, [], seed=0)["rate"]
    assert (found.value, found.n) == (None, 0)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """60 experiments of 40 subjects with 3 items each; 95% would be 57."""
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(60):
        values = (rng.normal(size=(40, 1)) + 0.3 * rng.normal(size=(40, 3))).ravel()
        subjects = [str(at // 3) for at in range(120)]

        found = bootstrap(mean_of(values), subjects, seed=0, rounds=300)["mean"]
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0 <= found.high
    assert 50 <= covered <= 60


def test_a_figure_is_flat_in_a_headline() -> None:
    figure = Figure(0.5, 0.25, 0.75, 8, "m")
    assert figure.flat("auc") == {"auc": 0.5, "auc_low": 0.25, "auc_high": 0.75}
    assert str(figure) == "0.500 [0.250, 0.750]"
