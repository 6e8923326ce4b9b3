from __future__ import annotations

from dataclasses import replace

import pytest

from training.errors import TrainingError
from training.examples import Example
from training.splits import split


def examples(subjects: int, of_each: int = 2) -> list[Example]:
    """As many bona fide presentations as attacks of every subject."""
    return [
        Example(f"{s}-{n}-{g}", g, "" if g else "print", f"s{s}", (0, 0, 1, 1), f"{s}{n}{g}")
        for s in range(subjects)
        for n in range(of_each)
        for g in (True, False)
    ]


def test_subjects_are_split_seventy_to_fifteen_to_fifteen() -> None:
    parts = split(examples(40), 0).each()
    subjects = {name: {one.subject for one in own} for name, own in parts.items()}
    assert {name: len(own) for name, own in subjects.items()} == {
        "train": 28,
        "validation": 6,
        "test": 6,
    }
    assert set.union(*subjects.values()) == {f"s{s}" for s in range(40)}
    assert sum(len(own) for own in parts.values()) == 160


def test_the_split_depends_on_the_seed_and_not_on_the_order() -> None:
    all_of_them = examples(20)
    parts = split(all_of_them, 0)
    turned = split(all_of_them[::-1], 0)
    assert set(turned.test) == set(parts.test)
    assert set(split(all_of_them, 1).test) != set(parts.test)


def test_every_part_gets_its_share_of_subjects_with_one_class_only() -> None:
    alone = [replace(one, subject=one.subject + str(one.genuine)) for one in examples(10)]
    for own in split(alone, 3).each().values():
        genuine = sum(one.genuine for one in own)
        assert genuine * 2 == len(own)


def test_copies_that_name_nobody_stay_together() -> None:
    unnamed = [replace(one, subject="", sha256=one.location[:3]) for one in examples(30)]
    parts = split(unnamed, 0).each()
    digests = [{one.sha256 for one in own} for own in parts.values()]
    assert sum(map(len, digests)) == len(set.union(*digests))


def in_parts(*parts: str) -> list[Example]:
    """Both classes of one subject in each."""
    return [
        replace(one, part=part)
        for number, part in enumerate(parts)
        for one in examples(number + 1)
        if one.subject == f"s{number}"
    ]


def test_the_manifest_may_say_which_part_a_row_is_in() -> None:
    parts = split(in_parts("test", "train", "validation", "train"), 0).each()
    assert {one.subject for one in parts["train"]} == {"s1", "s3"}
    assert {one.subject for one in parts["test"]} == {"s0"}


def test_a_subject_in_two_parts_is_refused() -> None:
    leaking = in_parts("train", "validation", "test")
    leaking.append(replace(leaking[0], part="test", sha256="another picture"))
    with pytest.raises(TrainingError, match="'s0' is in the parts train and test"):
        split(leaking, 0)


def test_the_same_picture_under_two_names_is_refused() -> None:
    leaking = in_parts("train", "validation", "test")
    leaking.append(replace(leaking[0], subject="other", part="test"))
    with pytest.raises(TrainingError, match="are the same picture, in the parts train and test"):
        split(leaking, 0)


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(TrainingError, match="the column part has 'devel'"):
        split(in_parts("train", "devel", "test"), 0)


def test_a_part_without_one_of_the_classes_is_refused() -> None:
    with pytest.raises(TrainingError, match="the part validation has 0 pictures"):
        split(examples(2), 0)
    lacking = [o for o in in_parts("train", "validation", "test") if o.genuine or o.part != "test"]
    with pytest.raises(TrainingError, match="the part test has 2 pictures and lacks a class"):
        split(lacking, 0)


def test_a_validation_part_is_drawn_from_train_where_only_test_is_told_apart() -> None:
    given = [
        replace(one, part="test" if one.subject in ("s0", "s1") else "train")
        for one in examples(22)
    ]
    parts = split(given, 0)
    assert {one.subject for one in parts.test} == {"s0", "s1"}
    subjects = [{one.subject for one in own} for own in (parts.train, parts.validation)]
    assert [len(own) for own in subjects] == [17, 3]
    assert not set.intersection(*subjects)
    leaking = [*given, replace(given[0], part="train", sha256="another")]
    with pytest.raises(TrainingError, match="'s0' is in the parts"):
        split(leaking, 0)
