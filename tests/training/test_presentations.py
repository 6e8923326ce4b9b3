from __future__ import annotations

from training.examples import Example
from training.presentations import presented


def example(
    name: str, subject: str = "s", genuine: bool = True, kind: str = "", group: str = ""
) -> Example:
    return Example(name, genuine, kind, subject, (0, 0, 1, 1), name, group=group)


def names(examples: list[Example], size: int) -> list[str]:
    return ["".join(one.location for one in own.images) for own in presented(examples, size)]


def test_alone_each_picture_is_a_presentation() -> None:
    assert names([example("a"), example("b")], 1) == ["a", "b"]


def test_pictures_of_one_person_are_taken_four_at_a_time() -> None:
    assert names([example(name) for name in "abcdefgh"], 4) == ["abcd", "efgh"]


def test_the_first_is_repeated_where_there_are_fewer() -> None:
    assert names([example("a"), example("b")], 4) == ["abaa"]
    assert names([example(name) for name in "abcde"], 4) == ["abcd", "eeee"]


def test_people_classes_and_species_are_kept_apart() -> None:
    examples = [
        example("a"),
        example("b", genuine=False, kind="print"),
        example("c", genuine=False, kind="screen"),
        example("d", subject="t"),
        example("e"),
        example("f", subject=""),
        example("g", subject=""),
    ]
    assert names(examples, 2) == ["ae", "bb", "cc", "dd", "ff", "gg"]
    first = presented(examples, 2)[1]
    assert (first.genuine, first.kind, first.identity) == (False, "print", "s")


def test_a_manifest_may_say_what_belongs_together() -> None:
    videos = [example(name, group=group) for name, group in zip("abcd", "1212", strict=True)]
    assert names(videos, 2) == ["ac", "bd"]
