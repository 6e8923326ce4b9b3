"""Recognise the programs a picture went through, by the list in ``editors.toml``."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from media.metadata import Metadata

CATEGORIES = (
    "editor",
    "generator",
    "screenshot",
    "scanner",
    "organiser",
    "metadata_editor",
    "library",
    "messenger",
    "injector",
)
"""What a program of the list does to a picture; ``editors.toml`` describes each."""

_SEPARATORS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Program:
    """One entry of the list.

    Attributes:
        category: one of :data:`CATEGORIES`.
        name: a snake_case word.
        names: phrases in fields that name programs.
        notes: phrases in descriptions and comments.
        keywords: of PNG texts, lower case.
        namespaces: of XMP properties.
    """

    category: str
    name: str
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    keywords: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()

    @property
    def reason(self) -> str:
        """What stands in a record, such as ``editor:photoshop``."""
        return f"{self.category}:{self.name}"


def parse(text: str) -> tuple[Program, ...]:
    """Read a list.

    Raises:
        ValueError: it is not TOML, or an entry has an unknown category, key or type.
    """
    return tuple(
        _program(category, name, entry)
        for category, entries in tomllib.loads(text).items()
        for name, entry in entries.items()
    )


def _program(category: str, name: str, entry: dict[str, list[str]]) -> Program:
    if category not in CATEGORIES:
        raise ValueError(f"{category}.{name}: no such category")
    if unknown := entry.keys() - {"names", "notes", "keywords", "namespaces"}:
        raise ValueError(f"{category}.{name}: unknown {', '.join(sorted(unknown))}")
    phrases = entry.get("names", [name.replace("_", " ")]) + entry.get("notes", [])
    if odd := [phrase for phrase in phrases if phrase != plain(phrase)]:
        raise ValueError(f"{category}.{name}: {odd} would never match")
    return Program(
        category,
        name,
        tuple(entry.get("names", [name.replace("_", " ")])),
        tuple(entry.get("notes", [])),
        frozenset(entry.get("keywords", [])),
        frozenset(entry.get("namespaces", [])),
    )


@cache
def known_programs() -> tuple[Program, ...]:
    """Read the list that comes with Palisade."""
    return parse(Path(__file__).with_name("editors.toml").read_text(encoding="utf-8"))


def find_programs(metadata: Metadata, known: Iterable[Program]) -> tuple[Program, ...]:
    """Find the programs that metadata name, in the order of the list."""
    programs = _lines(metadata.programs)
    notes = _lines(metadata.notes)
    return tuple(
        program
        for program in known
        if any(_stands_in(phrase, programs) for phrase in program.names)
        or any(_stands_in(phrase, notes) for phrase in program.notes)
        or not program.keywords.isdisjoint(metadata.keywords)
        or not program.namespaces.isdisjoint(metadata.namespaces)
    )


def plain(text: str) -> str:
    """Fold case and width, and make every run of other signs than letters and digits a space."""
    return _SEPARATORS.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def _lines(texts: Iterable[str]) -> str:
    """Put texts on lines of their own, each after a space, so that phrases do not cross them."""
    return "\n".join(f" {plain(text)}" for text in texts)


def _stands_in(phrase: str, text: str) -> bool:
    at = text.find(f" {phrase}")
    while at >= 0:
        end = at + 1 + len(phrase)
        if not text[end : end + 1].isalpha():
            return True
        at = text.find(f" {phrase}", end)
    return False
