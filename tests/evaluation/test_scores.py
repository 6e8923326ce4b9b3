from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from detectors.contracts import Measurement, Status
from evaluation.items import Item
from evaluation.scores import (
    BRIEF,
    EQUAL,
    Profile,
    Sample,
    Scoring,
    Trials,
    brief,
    evaluate,
    gaps,
    worst_species,
)

from .conftest import Level, LevelMapping

Row = tuple[str, str, str, float | None]
"""Class, kind, subject, score in percent; None for a non-response."""

PROFILE = Profile("shipped", LevelMapping(2.55), 0.5)
"""Makes a level of 1 a score of 0.01."""


def trials(rows: Sequence[Row]) -> Trials:
    items = [
        Item(f"/{at}.png", {"path": f"{at}.png", "label": label, "kind": kind, "subject": subject})
        for at, (label, kind, subject, _) in enumerate(rows)
    ]
    found = [
        Measurement(status=Status.ABSTAINED, reasons=("too_dark",))
        if score is None
        else Measurement({"level": score, "darkness": -score})
        for *_, score in rows
    ]
    return Trials(items, np.array([label == "real" for label, *_ in rows]), found)


def evaluated(rows: Sequence[Row], **options: Any) -> dict[str, Any]:
    report, _ = evaluate(trials(rows), Level, [PROFILE], seed=0, **options)
    return report


def values(report: dict[str, Any]) -> dict[str, float | None]:
    return {name: f.value for name, f in report["profiles"]["shipped"]["figures"].items()}


ROWS: list[Row] = [
    ("real", "", "a", 90),
    ("real", "", "a", 60),
    ("real", "", "b", 70),
    ("real", "", "b", 40),
    ("screen", "lcd", "a", 10),
    ("screen", "lcd", "a", 55),
    ("screen", "oled", "b", 20),
    ("screen", "oled", "b", 30),
]


def test_figures_worked_by_hand() -> None:
    found = values(evaluated(ROWS))
    assert found["auc"] == pytest.approx(15 / 16)  # 55 beats 40
    assert found["apcer"] == 1 / 4
    assert found["bpcer"] == 1 / 4
    assert found["hter"] == 1 / 4
    assert found["apcer_at_bpcer_1"] == 1 / 4
    assert found["auc_with_non_response"] == found["auc"]
    assert found["auc_within_subjects"] == 1.0


def test_a_subject_is_judged_at_the_threshold_of_the_others() -> None:
    """Of a the best threshold is 57.5, of b 35."""
    report = evaluated(ROWS)
    found = values(report)
    assert report["profiles"]["shipped"]["thresholds"]["left_out"] == pytest.approx((0.35, 0.575))
    assert found["left_out_bpcer"] == 1 / 4  # b's 40 is below a's threshold
    assert found["left_out_apcer"] == 1 / 4  # a's 55 is above b's


def test_the_threshold_of_another_manifest() -> None:
    other = trials([("real", "", "c", 100), ("screen", "", "c", 70)])
    found = values(evaluated(ROWS, development=other))
    assert found["from_other_bpcer"] == 3 / 4
    assert found["from_other_apcer"] == 0


def test_the_headline_is_flat_and_begins_with_the_first_profile() -> None:
    worse = Profile("other", LevelMapping(-1.0), 0.5)
    report, _ = evaluate(trials(ROWS), Level, [PROFILE, worse], seed=0)
    headline = report["headline"]
    assert next(iter(headline)) == "auc"
    assert all(isinstance(value, int | float) for value in headline.values())
    assert headline["auc"] == 15 / 16
    assert headline["auc_low"] <= headline["auc"] <= headline["auc_high"]
    assert headline["auc_other"] == 0.5
    assert (headline["bona_fide"], headline["attack"], headline["non_response"]) == (4, 4, 0)


def test_apcer_is_stated_for_each_species() -> None:
    kinds = {row["name"]: row for row in evaluated(ROWS)["profiles"]["shipped"]["kinds"]}
    assert kinds["lcd"]["apcer"].value == 1 / 2
    assert kinds["oled"]["apcer"].value == 0
    assert kinds["lcd"]["auc"] == pytest.approx(7 / 8)  # against all bona fide
    assert kinds[""]["bpcer"].value == 1 / 4


def test_an_attacker_chooses_the_species() -> None:
    found = values(evaluated(ROWS))
    assert found["worst_species_apcer"] == 1 / 2  # lcd
    assert found["acer"] == pytest.approx((1 / 2 + 1 / 4) / 2)
    # No bona fide presentation may be rejected, so the threshold is 40: one of lcd's two passes.
    assert found["worst_species_apcer_at_bpcer_5"] == 1 / 2
    kinds = {row["name"]: row for row in evaluated(ROWS)["profiles"]["shipped"]["kinds"]}
    assert kinds["lcd"]["apcer_at_bpcer_5"].value == 1 / 2
    assert kinds["oled"]["apcer_at_bpcer_5"].value == 0
    assert kinds[""]["apcer_at_bpcer_5"].value is None


def test_a_species_without_an_answer_is_not_the_worst() -> None:
    rows: list[Row] = [*ROWS[:4], ("screen", "lcd", "a", None), ("screen", "oled", "b", 20)]
    found = values(evaluated(rows))
    assert found["worst_species_apcer"] == 0
    silent = values(evaluated([*ROWS[:4], ("screen", "lcd", "a", None)]))
    assert silent["worst_species_apcer"] is None
    assert silent["acer"] is None


def test_a_threshold_can_be_chosen_at_the_equal_error_rate() -> None:
    """Best balanced there is above 60, equal errors above 40: the two decide 55 differently."""
    other = trials(
        [("real", "", "c", level) for level in (30, 70, 80)]
        + [("screen", "", "c", level) for level in (10, 20, 35, 40, 60)]
    )
    balanced = values(evaluated(ROWS, development=other))
    equal = values(evaluated(ROWS, development=other, criterion=EQUAL))
    assert balanced["from_other_apcer"] == 0
    assert equal["from_other_apcer"] == 1 / 4


def test_a_subject_has_an_auc_of_its_own() -> None:
    subjects = {row["name"]: row for row in evaluated(ROWS)["profiles"]["shipped"]["subjects"]}
    assert subjects["a"]["auc"] == subjects["b"]["auc"] == 1.0
    assert (subjects["a"]["bona_fide"], subjects["a"]["attack"]) == (2, 2)


def test_silence_is_counted_and_gains_nothing() -> None:
    """Without the one that it gets wrong the AUC is 1; as a toss-up it is a quarter of the pairs
    short of it by half."""
    report = evaluated([*ROWS[:3], ("real", "", "b", None), *ROWS[4:]])
    found = values(report)
    assert found["auc"] == 1.0
    assert found["auc_with_non_response"] == pytest.approx(1 - 0.25 / 2)
    silence = report["non_response"]
    assert silence["non_response"].value == 1 / 8
    assert silence["bpnrr"].value == 1 / 4
    assert silence["apnrr"].value == 0
    assert silence["reasons"] == {"too_dark": 1}


def test_one_class_alone_is_measured_as_far_as_that_goes() -> None:
    report = evaluated(ROWS[:4])
    found = values(report)
    assert (found["auc"], found["apcer"], found["left_out_bpcer"]) == (None, None, None)
    assert found["bpcer"] == 1 / 4
    assert "auc" not in report["headline"]
    assert "No image is an attack" in report["notes"][0]


def test_no_response_at_all_is_measured_too() -> None:
    report = evaluated([("real", "", "a", None), ("screen", "", "b", None)])
    found = values(report)
    assert (found["auc"], found["auc_with_non_response"]) == (None, 0.5)
    assert report["measures"] == {}
    assert report["headline"]["non_response"] == 1


def test_every_measure_alone_with_its_direction() -> None:
    found = evaluated(ROWS)["measures"]
    assert found["level"].value == 15 / 16
    assert found["darkness"].value == 1 / 16


@pytest.mark.parametrize(("subject", "says"), [("", "names its subject"), ("x", "one subject")])
def test_what_intervals_rest_on_is_said(subject: str, says: str) -> None:
    report = evaluated([(label, kind, subject, score) for label, kind, _, score in ROWS])
    assert says in report["notes"][0]


def test_intervals_are_by_subject() -> None:
    """Two subjects, one right and one wrong in everything: all or nothing."""
    rows: list[Row] = [("real", "", "a", 90), ("screen", "", "a", 10)] * 20
    rows += [("real", "", "b", 10), ("screen", "", "b", 90)] * 20
    figure = evaluated(rows)["profiles"]["shipped"]["figures"]["apcer"]
    assert (figure.value, figure.low, figure.high) == (0.5, 0.0, 1.0)
    assert "2 subjects" in figure.method


def test_scores_come_back_with_gaps() -> None:
    rows: list[Row] = [("real", "", "a", 90), ("screen", "", "a", None)]
    _, samples = evaluate(trials(rows), Level, [PROFILE], seed=0)
    scores = samples["shipped"].scores
    assert scores[0] == pytest.approx(0.9)
    assert math.isnan(scores[1])


def test_error_rates_have_intervals_that_hold_for_no_errors() -> None:
    rows: list[Row] = [*ROWS[:3], *ROWS[6:]]
    exact = evaluated(rows)["profiles"]["shipped"]["exact"]
    assert (exact["apcer"].value, exact["bpcer"].value) == (0, 0)
    assert exact["bpcer"].n == 3
    assert exact["bpcer"].high == pytest.approx(1 - 0.025 ** (1 / 3))  # Clopper and Pearson
    other = trials([("real", "", "c", 100), ("screen", "", "c", 70)])
    assert (
        evaluated(rows, development=other)["profiles"]["shipped"]["exact"]["bpcer"].value == 2 / 3
    )
    alone = trials([("real", "", "c", 100)])
    assert evaluated(rows, development=alone)["profiles"]["shipped"]["exact"] == {}


def test_a_classifier_of_attacks_is_judged_at_the_decisive_threshold() -> None:
    found = evaluated(ROWS)
    figures = found["profiles"]["shipped"]["classification"]["figures"]
    assert figures["accuracy"].value == 6 / 8
    assert figures["recall"].value == figures["specificity"].value == 3 / 4
    assert figures["mcc"].value == pytest.approx(1 / 2)
    assert found["headline"]["f1"] == pytest.approx(3 / 4)
    classes = found["profiles"]["shipped"]["classification"]["classes"]
    assert classes["attack"]["support"] == classes["bona_fide"]["support"] == 4


def test_brief_figures_are_those_of_the_whole_report() -> None:
    of = trials(ROWS)
    scoring = Scoring(0.5, {}, of.scored(Level, PROFILE.mapping))
    short = brief(scoring, seed=0)
    whole = evaluated(ROWS)["profiles"]["shipped"]["figures"]
    assert tuple(short)[:-1] == BRIEF
    assert all(short[name] == whole[name] for name in BRIEF)
    assert short["non_response"].value == 0
    silent = brief(Scoring(0.5, {}, of.sample([math.nan] * 8)), seed=0)
    assert silent["auc"].value is None
    assert silent["non_response"].value == 1


def test_the_worst_species_is_that_of_the_whole_report() -> None:
    of = trials(ROWS)
    scoring = Scoring(0.5, {}, of.scored(Level, PROFILE.mapping))
    worst = worst_species(scoring, [item.kind for item in of.items], 0)
    whole = evaluated(ROWS)["profiles"]["shipped"]["figures"]["worst_species_apcer_at_bpcer_5"]
    assert worst == whole


def test_the_gap_between_groups_worked_by_hand() -> None:
    """Of a one of two is rejected, of b none of two, of c nothing is known; one in c is silent."""
    bona_fide = np.array([True] * 5)
    scores = np.array([0.9, 0.1, 0.8, 0.7, math.nan])
    sample = Sample(scores, bona_fide, np.array(list("vwxyz")))
    found = gaps(sample, list("aabbc"), 0.5, 0)
    assert found["bpcer"].value == 1 / 2
    assert found["non_response"].value == 1
    assert gaps(sample, list("aaaaa"), 0.5, 0)["bpcer"].value is None
