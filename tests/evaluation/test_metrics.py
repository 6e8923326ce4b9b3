from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    matthews_corrcoef,
    precision_recall_fscore_support,
    precision_score,
    recall_score,
    roc_auc_score,
    roc_curve,
)

from evaluation.metrics import Confusion, confusion, curve, edit_distance, errors, share


def test_error_rates_at_every_threshold_worked_by_hand() -> None:
    """Genuine .2 .6 .8, attacks .1 .3 .6."""
    found = curve([0.2, 0.6, 0.8, 0.1, 0.3, 0.6], [True] * 3 + [False] * 3)
    assert found.thresholds.tolist() == [0.1, 0.2, 0.3, 0.6, 0.8, math.inf]
    assert found.apcer == pytest.approx([1, 2 / 3, 2 / 3, 1 / 3, 0, 0])
    assert found.bpcer == pytest.approx([0, 0, 1 / 3, 1 / 3, 2 / 3, 1])
    assert found.auc == pytest.approx((1 + 2.5 + 3) / 9)  # .2 beats one, .6 two and a half
    assert found.eer == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("genuine", "attack", "auc"),
    [
        ([0.9, 0.8], [0.1, 0.2], 1.0),
        ([0.1, 0.2], [0.9, 0.8], 0.0),
        ([0.5, 0.5], [0.5], 0.5),  # all tied
        ([0.5, 0.7], [0.5], 0.75),
    ],
)
def test_auc_of_simple_cases(genuine: list[float], attack: list[float], auc: float) -> None:
    scores = [*genuine, *attack]
    found = curve(scores, [True] * len(genuine) + [False] * len(attack))
    assert found.auc == pytest.approx(auc)


def test_eer_between_two_thresholds() -> None:
    """Two genuine, three attacks: the rates are sixths apart and meet between thresholds.

    Attacks .1 .4 .6, genuine .3 .5. From t = .4 (APCER 2/3, BPCER 1/2) to .5 (1/3, 1/2): they
    meet at 1/2.
    """
    found = curve([0.3, 0.5, 0.1, 0.4, 0.6], [True] * 2 + [False] * 3)
    assert found.eer == pytest.approx(0.5)


def test_eer_of_a_perfect_and_of_a_reversed_score() -> None:
    genuine = [True, True, False, False]
    assert curve([0.8, 0.9, 0.1, 0.2], genuine).eer == 0
    assert curve([0.1, 0.2, 0.8, 0.9], genuine).eer == 1


def test_apcer_at_a_limit_of_bpcer() -> None:
    """Twenty genuine at 1..20: a BPCER of 5% rejects one of them."""
    scores = [*range(1, 21), 0.5, 1.5, 2.5, 30]
    found = curve(scores, [True] * 20 + [False] * 4)
    assert found.apcer_at_bpcer(0.05) == pytest.approx(2 / 4)
    assert found.apcer_at_bpcer(0.0) == pytest.approx(3 / 4)
    assert found.apcer_at_bpcer(1.0) == 0


def test_the_threshold_of_the_equal_error_rate_worked_by_hand() -> None:
    """Genuine 3 5 6 7, attacks 1 2 4 8: at 4 and above, one of four is wrong on either side."""
    found = curve([3, 5, 6, 7, 1, 2, 4, 8], [True] * 4 + [False] * 4)
    assert found.eer == pytest.approx(1 / 4)
    assert found.eer_threshold == pytest.approx(4.5)


def test_the_threshold_of_the_equal_error_rate_is_the_one_scikit_learn_finds() -> None:
    rng = np.random.default_rng(3)
    genuine = rng.random(400) < 0.4
    scores = rng.normal(genuine * 1.2, 1)
    at = curve(scores, genuine).eer_threshold
    false_positive, true_positive, _ = roc_curve(genuine, scores, drop_intermediate=False)
    gap = np.abs(false_positive - (1 - true_positive)).min()
    found = errors(scores >= at, genuine)
    assert abs(found.apcer - found.bpcer) == pytest.approx(gap)


@pytest.mark.parametrize("limit", [0.0, 0.05, 0.25, 1.0])
def test_at_the_threshold_of_a_limit_of_bpcer_the_apcer_is_what_was_said(limit: float) -> None:
    rng = np.random.default_rng(4)
    genuine = rng.random(200) < 0.5
    scores = np.round(rng.normal(genuine * 1.0, 1), 1)  # with ties
    found = curve(scores, genuine)
    decided = errors(scores >= found.threshold_at_bpcer(limit), genuine)
    assert decided.bpcer <= limit
    assert decided.apcer == pytest.approx(found.apcer_at_bpcer(limit))


def test_the_best_threshold_lies_between_the_classes() -> None:
    genuine = [True, True, False, False]
    assert curve([0.8, 0.9, 0.1, 0.2], genuine).best_threshold == pytest.approx(0.5)


def test_a_useless_score_gets_a_threshold_that_decides_one_way() -> None:
    found = curve([0.5, 0.5, 0.5], [True, True, False])
    accepted = errors(np.full(3, 0.5) >= found.best_threshold, [True, True, False])
    assert accepted.balanced_accuracy == 0.5


def test_a_missing_class_is_not_a_number() -> None:
    found = curve([0.1, 0.2], [True, True])
    for figure in (
        found.auc,
        found.eer,
        found.best_threshold,
        found.eer_threshold,
        found.apcer_at_bpcer(0.05),
        found.threshold_at_bpcer(0.05),
    ):
        assert math.isnan(figure)
    assert math.isnan(errors([True], [True]).balanced_accuracy)


def test_nothing_at_all_is_not_a_number() -> None:
    found = curve([], [])
    for figure in (
        found.auc,
        found.eer,
        found.best_threshold,
        found.eer_threshold,
        found.apcer_at_bpcer(0.05),
        found.threshold_at_bpcer(0.05),
    ):
        assert math.isnan(figure)


def test_weights_are_repetitions() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 6, 40) / 5
    genuine = rng.random(40) < 0.5
    weights = rng.integers(0, 4, 40)
    weighted = curve(scores, genuine, weights)
    repeated = curve(np.repeat(scores, weights), np.repeat(genuine, weights))
    assert weighted.auc == pytest.approx(repeated.auc)
    assert weighted.eer == pytest.approx(repeated.eer)
    accepted = scores > 0.4
    assert errors(accepted, genuine, weights).apcer == pytest.approx(
        errors(np.repeat(accepted, weights), np.repeat(genuine, weights)).apcer
    )


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    genuine = rng.random(200) < 0.4
    scores = np.round(rng.normal(genuine * 0.8, 1.0), 1)  # with many ties
    found = curve(scores, genuine)
    assert found.auc == pytest.approx(roc_auc_score(genuine, scores))
    accepted_attacks, accepted_genuine, thresholds = roc_curve(
        genuine, scores, drop_intermediate=False
    )
    assert found.thresholds[::-1] == pytest.approx(thresholds)
    assert found.apcer[::-1] == pytest.approx(accepted_attacks)
    assert 1 - found.bpcer[::-1] == pytest.approx(accepted_genuine)
    accepted = scores >= found.best_threshold
    best = balanced_accuracy_score(genuine, accepted)
    assert errors(accepted, genuine).balanced_accuracy == pytest.approx(best)
    assert best == pytest.approx(
        max(balanced_accuracy_score(genuine, scores >= t) for t in thresholds)
    )


def test_decisions_worked_by_hand() -> None:
    found = errors([True, True, False, True, False], [True, True, True, False, False])
    assert (found.apcer, found.bpcer) == pytest.approx((1 / 2, 1 / 3))
    assert found.hter == pytest.approx(5 / 12)
    assert found.balanced_accuracy == pytest.approx(7 / 12)


def test_a_share_of_nothing_is_not_a_number() -> None:
    assert share([1, 0, 1], [1, 1, 2]) == pytest.approx(3 / 4)
    assert math.isnan(share([1, 0], [0, 0]))


@pytest.mark.parametrize(
    ("read", "truth", "edits"),
    [
        ("", "", 0),
        ("kitten", "sitting", 3),
        ("P<UT0", "P<UTO", 1),
        ("", "P<UTO", 5),
        ("P<<UTO", "P<UTO", 1),
    ],
)
def test_edit_distances(read: str, truth: str, edits: int) -> None:
    assert edit_distance(read, truth) == edits


def test_classification_worked_by_hand() -> None:
    """Of 10 attacks 8 are rejected; of 20 bona fide presentations 4."""
    found = Confusion(hits=8, misses=2, false_alarms=4, passes=16)
    assert found.accuracy == 24 / 30
    assert found.precision == 8 / 12
    assert found.recall == 8 / 10
    assert found.specificity == 16 / 20
    assert found.f1 == pytest.approx(2 * (2 / 3) * 0.8 / (2 / 3 + 0.8))
    assert found.mcc == pytest.approx((8 * 16 - 2 * 4) / math.sqrt(12 * 18 * 10 * 20))
    assert found.support == 10
    assert (found.turned.recall, found.turned.precision) == (16 / 20, 16 / 18)
    assert found.turned.support == 20


@pytest.mark.parametrize("seed", range(5))
def test_classification_agrees_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bona_fide, accepted = rng.random(60) < 0.4, rng.random(60) < 0.5
    weights = rng.integers(0, 4, 60).astype(float)
    found = confusion(accepted, bona_fide, weights)
    truth, said, weighted = ~bona_fide, ~accepted, {"sample_weight": weights}
    assert found.accuracy == pytest.approx(accuracy_score(truth, said, **weighted))
    assert found.precision == pytest.approx(precision_score(truth, said, **weighted))
    assert found.recall == pytest.approx(recall_score(truth, said, **weighted))
    assert found.specificity == pytest.approx(recall_score(bona_fide, accepted, **weighted))
    assert found.f1 == pytest.approx(f1_score(truth, said, **weighted))
    assert found.mcc == pytest.approx(matthews_corrcoef(truth, said, **weighted))
    rows = precision_recall_fscore_support(truth, said, **weighted)
    for own, (precision, recall, f1, support) in zip(
        (found.turned, found), np.transpose(rows), strict=True
    ):
        assert (own.precision, own.recall, own.f1) == pytest.approx((precision, recall, f1))
        assert own.support == support
    once = confusion(accepted, bona_fide)
    assert once == confusion(accepted, bona_fide, np.ones(60))


def test_classification_of_one_class_or_nothing_is_not_a_number() -> None:
    attacks = confusion([True, False], [False, False])
    assert (attacks.accuracy, attacks.recall) == (0.5, 0.5)
    assert math.isnan(attacks.specificity)
    assert math.isnan(attacks.mcc)
    nothing = confusion([], [])
    undefined = (nothing.accuracy, nothing.precision, nothing.recall, nothing.f1, nothing.mcc)
    assert all(map(math.isnan, undefined))
