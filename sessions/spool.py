"""Records that wait on disk while the store is away: one file each, for every replica to read.

    SESSION_ID.record     a record, complete: files appear by a rename
    keys/DIGEST           an idempotency key that was claimed or answered meanwhile
    broken/               files that are no records, for people to look at

A name that begins with a dot is being written, or was when its writer died.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from sessions.errors import BrokenRecord
from sessions.idempotency import Claim, first_answer
from sessions.record import Record

log = logging.getLogger(__name__)

SUFFIX = ".record"

ABANDONED_S = 600.0
"""A file that has been in the making for so long has lost its writer."""

_number = itertools.count()


class Spool:
    """A folder of records. Several processes may use it at the same time.

    Args:
        folder: on a local disk; made when it is first needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broken = folder / "broken"
        self._keys = folder / "keys"

    def add(self, record: Record) -> None:
        """Write a record; once this returns it survives a crash and a power cut.

        Raises:
            OSError: the disk is full, or the folder cannot be written.
        """
        self._write(self._path(record.session_id), record.to_bytes())
        if record.claim is not None:
            with self._lock("keys"):
                held = self._held(record.claim.key)
                if held is None or held[2] == record.claim.owner:
                    self._hold(record.claim, record.session_id)

    def get(self, session_id: str) -> Record | None:
        """Return a record that waits here; None where there is none, or none that is whole."""
        try:
            return _read(self._path(session_id))
        except (FileNotFoundError, BrokenRecord):
            return None

    def remove(self, session_id: str) -> None:
        """Delete a record, if it is here."""
        self._path(session_id).unlink(missing_ok=True)

    def remove_subject(self, subject: str, until: datetime) -> None:
        """Delete the records of a subject that were made until a time."""
        for record in self:
            if record.subject == subject and record.verdict.created_at <= until:
                self.remove(record.session_id)

    def __len__(self) -> int:
        """Count the records that wait."""
        return sum(name.endswith(SUFFIX) for name in _names(self.folder))

    def broken_count(self) -> int:
        """Count the files that were set aside."""
        return len(_names(self.broken))

    def __iter__(self) -> Iterator[Record]:
        """Go through the records, oldest first; what is no record is set aside on the way."""
        waiting = []
        for name in _names(self.folder):
            if name.endswith(SUFFIX):
                with suppress(FileNotFoundError):
                    waiting.append(((self.folder / name).stat().st_mtime_ns, name))
        for _, name in sorted(waiting):
            path = self.folder / name
            try:
                record = _read(path)
            except FileNotFoundError:
                continue  # another replica was faster
            except (BrokenRecord, OSError) as error:
                self._set_aside(path, str(error))
                continue
            if path != self._path(record.session_id):
                self._set_aside(path, "it is the record of another session")
                continue
            yield record

    def refuse(self, session_id: str, why: str) -> None:
        """Set a record aside that the store will never take."""
        self._set_aside(self._path(session_id), why)

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Take the one turn at draining that there is; yields whether it was free."""
        with self._lock("drain", wait=False) as mine:
            yield mine

    def tidy(self, now: datetime) -> None:
        """Remove what dead writers and expired keys left behind."""
        for name in _names(self.folder):
            path = self.folder / name
            with suppress(FileNotFoundError):
                if name.endswith(".part") and time.time() - path.stat().st_mtime > ABANDONED_S:
                    path.unlink()
        if names := _names(self._keys):
            with self._lock("keys"):
                for name in names:
                    held = self._held(name)
                    if held is None or held[3] <= now:
                        (self._keys / name).unlink(missing_ok=True)

    # Idempotency keys, for as long as the store cannot be asked

    def answered(self, claim: Claim, now: datetime) -> str | None:
        """Return the session that answered a key here; None where the key is not known here.

        Raises:
            KeyReused: the key came with other content.
            KeyInProgress: its first request has no answer yet.
        """
        held = self._held(claim.key)
        if held is None or held[3] <= now:
            return None
        return first_answer(held[0], held[1], claim)

    def claim(self, claim: Claim, now: datetime) -> str | None:
        """Take a key for a request, among the replicas of this node; as :meth:`Store.claim`.

        Raises:
            KeyReused: the key came with other content.
            KeyInProgress: its first request has no answer yet.
            OSError: the disk is full, or the folder cannot be written.
        """
        with self._lock("keys"):
            session_id = self.answered(claim, now)
            if session_id is None:
                self._hold(claim, None)
            return session_id

    def release(self, claim: Claim) -> None:
        """Forget a key, unless another request holds it by now."""
        if not (self._keys / claim.key).exists():
            return
        with self._lock("keys"):
            held = self._held(claim.key)
            if held is not None and held[2] == claim.owner:
                (self._keys / claim.key).unlink(missing_ok=True)

    def _held(self, key: str) -> tuple[str, str | None, str, datetime] | None:
        """Return a key's fingerprint, session, owner and expiry."""
        try:
            fingerprint, session_id, owner, until = json.loads((self._keys / key).read_bytes())
            return fingerprint, session_id, owner, datetime.fromisoformat(until)
        except (OSError, ValueError):
            return None

    def _hold(self, claim: Claim, session_id: str | None) -> None:
        held = [claim.fingerprint, session_id, claim.owner, claim.expires_at.isoformat()]
        self._write(self._keys / claim.key, json.dumps(held).encode())

    # Files

    def _path(self, session_id: str) -> Path:
        return self.folder / f"{session_id}{SUFFIX}"

    def _write(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(0o700, parents=True, exist_ok=True)
        part = self.folder / f".{path.name}.{os.getpid()}.{next(_number)}.part"
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            part.rename(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)

    def _set_aside(self, path: Path, why: str) -> None:
        log.error("spool: %s was set aside: %s", path.name, why)
        try:
            self.broken.mkdir(0o700, exist_ok=True)
            path.rename(self.broken / path.name)
        except OSError as error:
            log.error("spool: %s could not be set aside: %s", path.name, error.strerror)

    @contextmanager
    def _lock(self, name: str, wait: bool = True) -> Iterator[bool]:
        """Hold a lock that is the process's and the thread's, and dies with them."""
        self.folder.mkdir(0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.folder / f".{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            yield True
        except BlockingIOError:
            yield False
        finally:
            os.close(descriptor)


def _read(path: Path) -> Record:
    return Record.from_bytes(path.read_bytes())


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
