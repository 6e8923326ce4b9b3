"""The folder of a run: what is kept while it runs, and the one table that it ends in.

    run.json         what the scores depend on: policy, versions, weights
    parts/*.parquet  rows that were scored since the table was written
    results.parquet  the whole table, in place at once when every row has been scored

A file appears under its name when it is whole, so that a run that is killed leaves rows that are
either there or not there.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from detectors.registry import DETECTORS
from docfraud.contracts import node_of
from docfraud.registry import SENSORS
from offline.errors import BatchError

ROW_GROUP = 4096

TRIED_AGAIN = frozenset({"file-unreadable", "scoring-failed", "worker-died"})
"""Errors that may have gone away by the next run although the file is the same."""

SCORED_NODES = (
    *(detector.name for detector in DETECTORS),
    *(node_of(sensor.name) for sensor in SENSORS),
)
"""Signals, and the document's checks and readers, as the columns name them."""

_MAP = pa.map_(pa.string(), pa.float64())
_WORDS = pa.list_(pa.string())

_KEY = {"row_id": pa.string()}
_OURS = {
    "sha256": pa.string(),
    "bytes": pa.int64(),
    "decision": pa.string(),
    "score": pa.float64(),
    "passed": pa.bool_(),
    "enforced": pa.bool_(),
    "coverage": pa.float64(),
    "reasons": _WORDS,
    "weights": _MAP,
    "contributions": _MAP,
    "face_problems": _WORDS,
    "quality": _MAP,
    "document_status": pa.string(),
    "document_score": pa.float64(),
    "document_passed": pa.bool_(),
    "document_reasons": _WORDS,
    **{
        f"{column}_{node}": kind
        for node in SCORED_NODES
        for column, kind in (
            ("status", pa.string()),
            ("score", pa.float64()),
            ("reasons", _WORDS),
            ("measures", _MAP),
        )
    },
    "error": pa.string(),
    "error_part": pa.string(),
    "error_detail": pa.string(),
    "elapsed_ms": pa.float64(),
    "scored_at": pa.timestamp("us", "UTC"),
    "policy": pa.string(),
    "policy_version": pa.int64(),
    "policy_sha256": pa.string(),
    "stamp": pa.string(),
    "verdict": pa.string(),
}
"""The columns of a result; docs/BATCH.md says what each of them is."""


def schema(columns: Sequence[str]) -> pa.Schema:
    """The columns of the table for a manifest with ``columns``, which come first.

    Raises:
        BatchError: a column of the manifest has the name of one of ours.
    """
    if taken := [name for name in columns if name in _KEY | _OURS]:
        raise BatchError(
            f"the manifest's column {', '.join(taken)} has the name of a column of the results; "
            "rename it"
        )
    return pa.schema(_KEY | dict.fromkeys(columns, pa.string()) | _OURS)


class Results:
    """The folder that a run writes to.

    Args:
        folder: made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.table = folder / "results.parquet"
        self._parts = folder / "parts"
        self._run = folder / "run.json"
        self._next = 0

    @contextmanager
    def opened(self, run: dict[str, Any], *, fresh: bool = False) -> Iterator[None]:
        """Hold the folder for this run alone, as long as the block lasts.

        Args:
            run: what the scores depend on, for ``run.json``.
            fresh: delete what an earlier run left here.

        Raises:
            BatchError: the folder cannot be used, another run holds it, or an earlier run in it
                differs from this one.
        """
        with self._reporting():
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / ".lock").open("w")
        with lock:
            _lock(lock.fileno(), self.folder)
            with self._reporting():
                if fresh:
                    self._clear()
                self._begin(run)
            yield

    def scored(self) -> dict[str, str]:
        """The stamp of each row that is here and needs no second attempt."""
        stamps: dict[str, str] = {}
        for source in self._sources():
            kept = pq.read_table(source, columns=["row_id", "stamp", "error"])
            for row_id, stamp, error in zip(*(c.to_pylist() for c in kept.columns), strict=True):
                if error in TRIED_AGAIN:
                    stamps.pop(row_id, None)
                else:
                    stamps[row_id] = stamp
        return stamps

    def write(self, rows: pa.Table) -> None:
        """Keep rows, in a part of their own."""
        part = self._parts / f"{self._next:08d}.parquet"
        self._next += 1
        with self._reporting():
            _replace(part, lambda path: pq.write_table(rows, path, compression="zstd"))

    def merge(self, row_ids: Collection[str], columns: pa.Schema) -> None:
        """Write the table: the newest result of each row of the manifest, and nothing else."""
        sources = self._sources()
        newest: dict[str, Path] = {}
        for source in sources:
            newest |= dict.fromkeys(_row_ids(source), source)
        wanted = set(row_ids)

        def write(path: Path) -> None:
            with pq.ParquetWriter(path, columns, compression="zstd") as writer:
                waiting: list[pa.RecordBatch] = []
                for source in sources:
                    for batch in pq.ParquetFile(source).iter_batches(ROW_GROUP):
                        keys = batch["row_id"].to_pylist()
                        keep = [key in wanted and newest[key] == source for key in keys]
                        if any(keep):
                            waiting.append(batch.filter(pa.array(keep)).select(columns.names))
                        if sum(map(len, waiting)) >= ROW_GROUP:
                            writer.write_table(pa.Table.from_batches(waiting))
                            waiting.clear()
                if waiting:
                    writer.write_table(pa.Table.from_batches(waiting))

        with self._reporting():
            if sources != [self.table] or set(newest) != wanted:
                _replace(self.table, write)
            for part in self._part_files():
                part.unlink()

    def write_text(self, name: str, text: str) -> None:
        """Write a text file of the run."""
        with self._reporting():
            _replace(self.folder / name, lambda path: path.write_text(text, "utf-8"))

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        """Say in one line what is wrong with the folder, such as a full disk."""
        try:
            yield
        except OSError as error:
            raise BatchError(
                f"{error.filename or self.folder}: {error.strerror or error}"
            ) from error

    def _begin(self, run: dict[str, Any]) -> None:
        """Go on with the run that is here, or begin a new one."""
        if self._run.exists():
            before = json.loads(self._run.read_text("utf-8"))
            if differs := [key for key in run if before.get(key) != run[key]]:
                was, now = ({key: r.get(key) for key in differs} for r in (before, run))
                raise BatchError(
                    f"{self.folder} holds a run with {_words(was)}, and this one has "
                    f"{_words(now)}; choose another folder, or --fresh to score everything again"
                )
        elif self._sources():
            raise BatchError(
                f"{self.folder} holds results without run.json; choose another folder, or --fresh "
                "to score everything again"
            )
        else:
            self.write_text("run.json", json.dumps(run, indent=1) + "\n")
        self._parts.mkdir(exist_ok=True)
        for unfinished in (*self.folder.glob("*.tmp"), *self._parts.glob("*.tmp")):
            unfinished.unlink()
        self._next = max((int(part.stem) for part in self._part_files()), default=-1) + 1

    def _clear(self) -> None:
        shutil.rmtree(self._parts, ignore_errors=True)
        for name in (self.table.name, "summary.json", "summary.html", self._run.name):
            with suppress(FileNotFoundError):
                (self.folder / name).unlink()

    def _part_files(self) -> list[Path]:
        return sorted(self._parts.glob("*.parquet"))

    def _sources(self) -> list[Path]:
        """Every file with rows, older first."""
        return [*([self.table] if self.table.exists() else []), *self._part_files()]


def _row_ids(source: Path) -> list[str]:
    ids: list[str] = pq.read_table(source, columns=["row_id"])["row_id"].to_pylist()
    return ids


def _replace(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file beside ``path``, to the disk, and only then call it ``path``."""
    unfinished = path.with_name(path.name + ".tmp")
    write(unfinished)
    _to_disk(unfinished)
    unfinished.replace(path)
    _to_disk(path.parent)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BatchError(f"another run writes to {folder}; wait for it to end") from None


def _words(run: dict[str, Any]) -> str:
    return ", ".join(f"{key} {_short(value)}" for key, value in run.items())


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{key} {_short(inner)}" for key, inner in value.items()) + ")"
    text = str(value)
    return f"{text[:12]}…" if len(text) == 64 else text
