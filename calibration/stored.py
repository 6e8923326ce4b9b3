"""Recorded sessions, from wherever an operator has them."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from calibration.errors import CalibrationError
from evaluation.labels import ATTACK, BONA_FIDE
from fusion.verdict import Verdict
from offline.files import is_url
from sessions.commands import ready_store
from sessions.query import Filters, Position
from sessions.url import STORE, store_url

PAGE = 500
"""Records that are read at once."""

TABLE = "results.parquet"
"""The table in the folder of a run of ``palisade batch``."""


@dataclass(frozen=True, slots=True)
class Period:
    """When sessions were made; None asks for all.

    Attributes:
        since: then or later.
        until: before then.
    """

    since: datetime | None = None
    until: datetime | None = None

    def __contains__(self, moment: datetime) -> bool:
        after = self.since is None or moment >= self.since
        return after and (self.until is None or moment < self.until)


def recorded(source: str | None, period: Period) -> Iterator[Verdict | None]:
    """Read records one after the other.

    Args:
        source: None for the store that ``PALISADE_STORE`` names; the URL of another one; the
            Parquet of ``palisade batch`` or the folder that it is in; or a file with the JSON of a
            verdict on each line.
        period: in which they were made.

    Yields:
        The record, or None for one that cannot be read: of an earlier version, or damaged.

    Raises:
        CalibrationError: the file cannot be read.
        StoreError: the store cannot be asked.
    """
    if source is None or is_url(source):
        bodies = _of_store(source, period)
    else:
        path = Path(source)
        path = path / TABLE if path.is_dir() else path
        bodies = _of_table(path) if path.suffix == ".parquet" else _of_lines(path)
    for body in bodies:
        try:
            record = Verdict.from_json(body)
        except ValueError:
            yield None
            continue
        if record.created_at in period:
            yield record


def labels(path: Path) -> dict[str, bool]:
    """Read which sessions were genuine: a CSV with ``session_id`` and ``label``.

    Returns:
        Whether a session is bona fide, by its id.

    Raises:
        CalibrationError: it cannot be read, lacks a column, or a label is not understood.
    """
    known: dict[str, bool] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if lacking := {"session_id", "label"} - set(reader.fieldnames or ()):
                raise CalibrationError(f"{path}: no column {', '.join(sorted(lacking))}")
            for row in reader:
                label = (row["label"] or "").strip().lower()
                if label not in (*BONA_FIDE, *ATTACK):
                    raise CalibrationError(
                        f"{path}: line {reader.line_num}: the label {label!r} is not understood; "
                        f"bona fide are {', '.join(BONA_FIDE)}, attacks are {', '.join(ATTACK)}"
                    )
                known[row["session_id"].strip()] = label in BONA_FIDE
    except OSError as error:
        raise CalibrationError(f"{path}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise CalibrationError(f"{path}: this is no CSV in UTF-8: {error}") from None
    return known


def _of_store(url: str | None, period: Period) -> Iterator[bytes]:
    environment = os.environ if url is None else {STORE: url}
    if url is not None and store_url(environment).password is not None:
        raise CalibrationError(f"a password on the command line is no secret: use {STORE}")
    store = ready_store(environment)
    filters = Filters(since=period.since, until=period.until)
    after: Position | None = None
    now = datetime.now(UTC)
    while True:
        found, after = store.bodies(filters, PAGE, now, after)
        yield from (body for _, body in found)
        if after is None:
            return


def _of_table(path: Path) -> Iterator[bytes]:
    try:
        with pq.ParquetFile(path) as table:
            if "verdict" not in table.schema_arrow.names:
                raise CalibrationError(f"{path}: no column verdict, as `palisade batch` writes it")
            for batch in table.iter_batches(PAGE, columns=["verdict"]):
                yield from (body.encode() for body in batch.column(0).to_pylist() if body)
    except OSError as error:
        raise CalibrationError(f"{path}: {error.strerror or error}") from None
    except pa.ArrowException as error:
        raise CalibrationError(f"{path}: this is no Parquet: {error}") from None


def _of_lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as lines:
            yield from (line for line in lines if line.strip())
    except OSError as error:
        raise CalibrationError(f"{path}: {error.strerror}") from None
