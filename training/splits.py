"""Three parts of the examples, to train, to choose by and to measure on: 70, 15 and 15 in 100.

No subject is in two of them: a network that has seen a face, a room or a camera knows it again, and
what it would score there says nothing about strangers.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from training.errors import TrainingError
from training.examples import Example

PARTS = {"train": 0.70, "validation": 0.15, "test": 0.15}
"""Shares of the subjects."""


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Splits(Generic[T]):
    """The three parts, none of which lacks a class."""

    train: tuple[T, ...]
    validation: tuple[T, ...]
    test: tuple[T, ...]

    def each(self) -> dict[str, tuple[T, ...]]:
        """The parts by their names."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def split(examples: Sequence[Example], seed: int) -> Splits[Example]:
    """Split examples by subject; as the manifest says where it has a column ``part``.

    Where that says ``train`` and ``test`` only, the validation part is drawn from the first.

    Subjects with both classes, with bona fide presentations only and with attacks only are dealt
    out apart, so that every part gets its share of each. An example that names no subject is one
    of its own, told by the content of its file, so that a copy lies in the same part.

    Args:
        examples: of a manifest.
        seed: of the draw; the same one gives the same parts, whatever the order of the manifest.

    Raises:
        TrainingError: a subject or a picture is in two parts, or a part lacks a class.
    """
    named = {one.part for one in examples}
    if named == {""}:
        dealt = _dealt(examples, seed)
        part_of = [dealt[one.identity] for one in examples]
    elif named == {"train", "test"}:
        learnt = [one for one in examples if one.part == "train"]
        drawn = {who for who, part in _dealt(learnt, seed).items() if part == "validation"}
        # Whoever is in both parts stays there, to be found out below.
        part_of = [
            "validation" if one.part == "train" and one.identity in drawn else one.part
            for one in examples
        ]
    elif unknown := sorted(named - PARTS.keys()):
        raise TrainingError(
            f"the column part has {unknown[0]!r}; every row needs one of {', '.join(PARTS)}"
        )
    else:
        part_of = [one.part for one in examples]
    _refuse_leaks(examples, part_of)
    parts = {
        name: tuple(one for one, part in zip(examples, part_of, strict=True) if part == name)
        for name in PARTS
    }
    for name, own in parts.items():
        if len({one.genuine for one in own}) < 2:
            raise TrainingError(
                f"the part {name} has {len(own)} pictures and lacks a class; more subjects are "
                "needed, or a column part in the manifest"
            )
    return Splits(**parts)


def _dealt(examples: Sequence[Example], seed: int) -> Mapping[str, str]:
    """The part of each subject."""
    classes: dict[str, set[bool]] = defaultdict(set)
    for one in examples:
        classes[one.identity].add(one.genuine)
    strata: dict[tuple[bool, ...], list[str]] = defaultdict(list)
    for subject, own in classes.items():
        strata[tuple(sorted(own))].append(subject)
    dealt = {}
    for subjects in strata.values():
        subjects.sort(key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
        # At least one for each of the small parts, where there are as many as parts.
        least = 1 if len(subjects) >= len(PARTS) else 0
        small = max(round(PARTS["test"] * len(subjects)), least)
        for at, subject in enumerate(subjects):
            dealt[subject] = "validation" if at < small else "test" if at < 2 * small else "train"
    return dealt


def _refuse_leaks(examples: Sequence[Example], part_of: Sequence[str]) -> None:
    subjects: dict[str, str] = {}
    pictures: dict[str, tuple[str, str]] = {}
    for one, part in zip(examples, part_of, strict=True):
        subject = one.identity
        if (other := subjects.setdefault(subject, part)) != part:
            raise TrainingError(
                f"the subject {one.subject!r} is in the parts {other} and {part}: what is measured "
                "would say nothing about strangers"
            )
        known, elsewhere = pictures.setdefault(one.sha256, (part, one.location))
        if known != part:
            raise TrainingError(
                f"{elsewhere} and {one.location} are the same picture, in the parts {known} and "
                f"{part}: give them the same subject"
            )
