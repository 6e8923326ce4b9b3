"""The list of what is to be scored: a CSV with a row for each capture."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from offline.errors import BatchError
from offline.files import FileError, is_url, opened, resolve

REQUIRED = ("path", "label", "kind", "subject")

FILES = {"path": "selfie", "clip": "clip", "document": "document"}
"""Columns that name files, and the part of a capture that each file is."""

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is to be scored.

    Attributes:
        source: where it was read: an absolute path or a URL.
        columns: in the order of the file.
        rows: the text of every column, by a key that names the row: the same in every run as long
            as the row is the same, wherever it stands.
    """

    source: str
    columns: tuple[str, ...]
    rows: Mapping[str, Row]

    @property
    def base(self) -> str:
        """The folder that relative paths start from."""
        return self.source.rpartition("/")[0]


def read_manifest(source: str) -> Manifest:
    """Read a manifest.

    Args:
        source: path or object-store URL of a CSV in UTF-8.

    Raises:
        BatchError: it cannot be read, lacks a column, or a row has too many or too few fields.
    """
    try:
        with opened(source) as (stream, _):
            content = stream.read()
        text = bytes(content).decode("utf-8-sig")
    except FileError as error:
        raise BatchError(f"{source}: {error.detail}") from None
    except UnicodeDecodeError:
        raise BatchError(f"{source}: this is not UTF-8 text") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = tuple(next(reader, ()))
        _check_columns(source, columns)
        rows: dict[str, Row] = {}
        seen: Counter[str] = Counter()
        for values in reader:
            if not values:
                continue
            if len(values) != len(columns):
                raise BatchError(
                    f"{source}: line {reader.line_num} has {len(values)} fields, the header has "
                    f"{len(columns)}"
                )
            row = dict(zip(columns, values, strict=True))
            content = json.dumps(row, sort_keys=True)
            seen[content] += 1  # a row that stands there twice is scored twice
            rows[_key(content, seen[content])] = row
    except csv.Error as error:
        raise BatchError(f"{source}: line {reader.line_num}: {error}") from None
    if not rows:
        raise BatchError(f"{source}: no rows")
    return Manifest(source if is_url(source) else str(Path(source).resolve()), columns, rows)


def files_of(row: Row, base: str) -> dict[str, str]:
    """Where the files of a row are, by the part of the capture that each of them is."""
    return {
        part: resolve(base, row[column]) for column, part in FILES.items() if row.get(column, "")
    }


def _check_columns(source: str, columns: tuple[str, ...]) -> None:
    if lacking := [name for name in REQUIRED if name not in columns]:
        raise BatchError(f"{source}: no column {', '.join(lacking)}")
    if twice := [name for name, count in Counter(columns).items() if count > 1]:
        raise BatchError(f"{source}: more than one column {', '.join(twice)}")


def _key(content: str, nth: int) -> str:
    return hashlib.sha256(f"{nth} {content}".encode()).hexdigest()[:32]
