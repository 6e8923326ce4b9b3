from __future__ import annotations

import numpy as np
import pytest

from benchmarks.metrics import auc, auc_interval, share_interval


@pytest.mark.parametrize(
    ("real", "attack", "expected"),
    [
        ([0.7, 0.8, 0.9], [0.1, 0.2], 1.0),
        ([0.1, 0.2], [0.7, 0.8, 0.9], 0.0),
        ([0.5, 0.5, 0.5], [0.5, 0.5], 0.5),
        ([0.2, 0.8], [0.4, 0.6], 0.5),
        ([1.0, 2.0], [1.0, 0.0], 3.5 / 4),  # one tie, three wins
        ([0.3], [0.4], 0.0),
    ],
)
def test_auc_of_worked_examples(real: list[float], attack: list[float], expected: float) -> None:
    assert auc(real, attack) == pytest.approx(expected)


def test_auc_is_the_share_of_pairs_won() -> None:
    rng = np.random.default_rng(1)
    real, attack = rng.integers(0, 9, 40), rng.integers(0, 7, 30)
    wins = [(r > a) + 0.5 * (r == a) for r in real for a in attack]
    assert auc(real, attack) == pytest.approx(np.mean(wins))


def test_chance_is_inside_the_interval_of_chance() -> None:
    rng = np.random.default_rng(2)
    people = [f"p{i}" for i in range(60)]
    low, high = auc_interval(rng.random(60), rng.random(60), people, people)
    assert 0.3 < low < 0.5 < high < 0.7


def test_a_perfect_separation_is_certain() -> None:
    people = list("abcde")
    assert auc_interval([0.9] * 5, [0.1] * 5, people, people) == (1.0, 1.0)


def test_persons_in_both_groups_are_drawn_into_both() -> None:
    # Of {a, b}, {a, a} and {b, b} come out with AUC .75, 1 and 0.
    assert auc_interval([0.9, 0.2], [0.1, 0.8], ["a", "b"], ["a", "b"]) == (0.0, 1.0)


def test_a_draw_without_an_attack_has_no_say() -> None:
    assert auc_interval([0.9], [0.1], ["a"], ["b"]) == (1.0, 1.0)


def test_more_captures_of_the_same_people_bring_no_certainty() -> None:
    rng = np.random.default_rng(3)
    real, attack = rng.random(12), rng.random(12)
    people = [f"p{i}" for i in range(12)]
    once = auc_interval(real, attack, people, people)
    often = auc_interval(np.tile(real, 5), np.tile(attack, 5), people * 5, people * 5)
    assert often == pytest.approx(once)
    as_if_strangers = [f"p{i}" for i in range(60)]
    narrow = auc_interval(np.tile(real, 5), np.tile(attack, 5), as_if_strangers, as_if_strangers)
    assert narrow[1] - narrow[0] < 0.6 * (often[1] - often[0])


def test_share_interval_of_two_people() -> None:
    # {a, a} has share 1, {b, b} share 0.
    assert share_interval([True, False, False, False], ["a", "b", "b", "b"]) == (0.0, 1.0)
    assert share_interval([True] * 4, ["a", "b", "b", "b"]) == (1.0, 1.0)
