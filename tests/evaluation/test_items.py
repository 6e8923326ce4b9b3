from __future__ import annotations

import pytest

from evaluation.errors import EvaluationError
from evaluation.items import bona_fide, read_items
from evaluation.labels import ATTACK, BONA_FIDE
from offline.errors import BatchError

from .conftest import MakeSet


def test_images_are_found_relative_to_the_manifest(make_set: MakeSet) -> None:
    items = read_items(make_set([("a/1.png", "real", "phone", "p", 9)]))
    (item,) = items.images
    assert item.location.endswith("/set/a/1.png")
    assert (item.path, item.label, item.kind, item.subject) == ("a/1.png", "real", "phone", "p")


def test_truth_files_that_the_list_names_are_passed_over(make_set: MakeSet) -> None:
    rows = [("1.png", "x", "", "", 9), ("1.gt.txt", "x", "", "", 0), ("2.BIN", "x", "", "", 0)]
    items = read_items(make_set(rows))
    assert [item.path for item in items.images] == ["1.png"]
    assert items.passed_over == 2


def test_an_image_that_is_listed_twice_is_measured_twice_and_counted(make_set: MakeSet) -> None:
    rows = [("1.png", "real", "", "", 9), ("1.png", "real", "", "", 9), ("2.png", "x", "", "", 9)]
    items = read_items(make_set(rows))
    assert (len(items.images), items.repeated) == (3, 1)


def test_a_list_without_images_says_so(make_set: MakeSet) -> None:
    with pytest.raises(EvaluationError, match="none of its rows is an image"):
        read_items(make_set([("1.txt", "x", "", "", 0)]))


def test_a_manifest_that_cannot_be_used_says_why(make_set: MakeSet) -> None:
    with pytest.raises(BatchError, match="no rows"):
        read_items(make_set([]))


def test_labels_are_told_apart_whatever_their_case(make_set: MakeSet) -> None:
    rows = [("1.png", "Real ", "", "", 1), ("2.png", "screen", "", "", 1)]
    assert bona_fide(read_items(make_set(rows))).tolist() == [True, False]


def test_no_label_is_of_both_classes() -> None:
    assert not set(BONA_FIDE) & set(ATTACK)


def test_unknown_labels_are_named(make_set: MakeSet) -> None:
    rows = [(f"{at}.png", label, "", "", 1) for at, label in enumerate(["real", "odd", "odd", ""])]
    with pytest.raises(EvaluationError) as caught:
        bona_fide(read_items(make_set(rows)))
    assert "the labels 'odd' (2), '' (1) are not understood; bona fide are" in str(caught.value)


def test_many_unknown_labels_fit_one_line(make_set: MakeSet) -> None:
    rows = [(f"{at}.png", f"l{at}", "", "", 1) for at in range(9)]
    with pytest.raises(EvaluationError, match=r"'l4' \(1\) and 4 more are not"):
        bona_fide(read_items(make_set(rows)))
