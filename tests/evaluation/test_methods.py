from __future__ import annotations

import math

import numpy as np
import pytest

from evaluation.methods import by_method
from evaluation.scores import Sample

NAMES = ["swap", "swap", "swap", "gan", "gan", "swap", "", ""]
SCORES = [0.1, 0.2, 0.7, 0.8, math.nan, 0.9, 0.6, 0.3]
REAL = [False, False, False, False, False, True, True, True]


@pytest.fixture
def sample() -> Sample:
    return Sample(np.array(SCORES), np.array(REAL), np.array([str(n) for n in range(8)]))


def test_each_method_worked_by_hand(sample: Sample) -> None:
    gan, swap = by_method(sample, NAMES, 0.5)
    assert (swap["name"], swap["fake"], swap["real"]) == ("swap", 3, 1)  # its own real image
    assert swap["fake_detection"].value == pytest.approx(2 / 3)
    assert swap["real_detection"].value == 1.0
    assert swap["accuracy"] == pytest.approx(3 / 4)
    assert swap["f1"] == pytest.approx(2 * 2 / (2 * 2 + 1 + 0))
    assert swap["auc"] == 1.0
    assert (gan["name"], gan["fake"], gan["real"]) == ("gan", 1, 3)  # against every real image
    assert gan["fake_detection"].value == 0.0
    assert gan["real_detection"].value == pytest.approx(2 / 3)
    assert gan["auc"] == pytest.approx(1 / 3)


def test_without_a_threshold_only_the_ranking_is_known(sample: Sample) -> None:
    gan, swap = by_method(sample, NAMES, math.nan)
    assert swap["auc"] == 1.0
    for row in (gan, swap):
        assert (row["accuracy"], row["f1"]) == (None, None)
        assert row["fake_detection"].value is None


def test_without_attacks_there_are_no_methods(sample: Sample) -> None:
    assert by_method(sample.only(sample.bona_fide), ["", "", ""], 0.5) == []
