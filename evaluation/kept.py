"""Results that outlive the process: a line of JSON each, on the disk before the next is worked out.

A run that is stopped, or killed, goes on where it stopped. The first line says what the results
depend on; where that has changed, they are worked out again.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from os import fsync
from pathlib import Path
from typing import Any, BinaryIO

from evaluation.errors import EvaluationError


class Kept:
    """The results in an open file.

    Args:
        file: opened for reading and appending.
        basis: what results depend on besides their keys; others are forgotten.
    """

    def __init__(self, file: BinaryIO, basis: str) -> None:
        self._file = file
        self._results: dict[str, Any] = {}
        self._read(basis)

    def __contains__(self, key: str) -> bool:
        return key in self._results

    def __getitem__(self, key: str) -> Any:
        return self._results[key]

    def add(self, key: str, result: Any) -> None:
        """Keep a result, which JSON can write; it is on the disk when this returns."""
        self._append({"key": key, "result": result})
        self._results[key] = result

    def _read(self, basis: str) -> None:
        self._file.seek(0)
        first, *lines = list(self._file) or [b""]
        if _parsed(first) != {"basis": basis}:
            self._file.truncate(0)
            self._append({"basis": basis})
            return
        end = len(first)
        for line in lines:
            entry = _parsed(line)
            if entry is None:  # cut off when the process was killed: from here on nothing is sure
                break
            self._results[entry["key"]] = entry["result"]
            end += len(line)
        self._file.truncate(end)

    def _append(self, entry: dict[str, Any]) -> None:
        self._file.write(json.dumps(entry, allow_nan=False).encode() + b"\n")
        self._file.flush()
        fsync(self._file.fileno())


@contextmanager
def kept(path: Path, basis: str) -> Iterator[Kept]:
    """Open a file of results, made if it is not there, for this process alone.

    Raises:
        EvaluationError: it cannot be written to, or another run writes to it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield Kept(file, basis)
    except BlockingIOError:
        raise EvaluationError(f"another run writes to {path}; wait for it to end") from None
    except OSError as error:
        raise EvaluationError(f"{error.filename or path}: {error.strerror or error}") from error


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
