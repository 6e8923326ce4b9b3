"""The manifest of weight files, as typed records."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Model:
    """One weight file and its model card.

    Attributes:
        name: how the code and the command line call it.
        file: name of the file, without a folder.
        purpose: what it computes.
        url: official address, pinned to a revision.
        sha256: digest of the file, 64 lower-case hexadecimal digits.
        bytes: size of the file.
        licence: SPDX identifier.
        licence_note: whose it is, and what the identifier leaves unsaid.
        input: names, shapes, dtypes and preprocessing.
        output: names, shapes, units and polarity.
        intended_use: what it is used for here.
        limits: what it cannot do.
        research_only: whether the terms of what it was trained on allow research only. It is
            neither fetched nor used unless the operator accepts that.
    """

    name: str
    file: str
    purpose: str
    url: str
    sha256: str
    bytes: int
    licence: str
    licence_note: str
    input: str
    output: str
    intended_use: str
    limits: str
    research_only: bool = False


def parse(text: str) -> dict[str, Model]:
    """Read a manifest.

    Args:
        text: TOML with one table per model.

    Raises:
        ValueError: it is not TOML, or an entry has an unknown, missing or malformed key.
    """
    return {name: _record(name, entry) for name, entry in tomllib.loads(text).items()}


@cache
def models() -> Mapping[str, Model]:
    """The manifest that ships with Palisade, by name."""
    path = Path(__file__).with_name("manifest.toml")
    return MappingProxyType(parse(path.read_text(encoding="utf-8")))


_KINDS = {"bytes": int, "research_only": bool}
"""Types of the keys that are no text."""


def _record(name: str, entry: Any) -> Model:
    if not isinstance(entry, dict):
        raise ValueError(f"manifest: {name} must be a table")
    kinds = {field.name: _KINDS.get(field.name, str) for field in fields(Model)}
    del kinds["name"]
    entry = {"research_only": False, **entry}
    if odd := sorted(kinds.keys() ^ entry.keys()):
        raise ValueError(f"manifest: {name} has unknown or missing keys: {', '.join(odd)}")
    for key, kind in kinds.items():
        if type(entry[key]) is not kind:
            raise ValueError(f"manifest: {name}.{key} must be of type {kind.__name__}")
    model = Model(name=name, **entry)
    if not re.fullmatch(r"[0-9a-f]{64}", model.sha256):
        raise ValueError(f"manifest: {name}.sha256 must be 64 lower-case hexadecimal digits")
    if model.bytes <= 0:
        raise ValueError(f"manifest: {name}.bytes must be positive")
    if not model.url.startswith("https://"):
        raise ValueError(f"manifest: {name}.url must begin with https://")
    if not re.fullmatch(r"\w[\w.-]*", model.file):
        raise ValueError(f"manifest: {name}.file must be a bare file name")
    return model
