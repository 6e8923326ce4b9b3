"""The store of sessions: SQLite on one node, PostgreSQL for many.

Every write begins with the statement that takes the lock, and is right whichever of several
replicas gets there first: the database decides, by its primary keys.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from sqlalchemy import (
    URL,
    Column,
    Connection,
    Table,
    create_engine,
    delete,
    event,
    func,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from sessions.errors import RecordRefused, StoreUnavailable
from sessions.idempotency import Claim, first_answer
from sessions.query import Filters, Page, Position, Summary
from sessions.record import Record
from sessions.schema import REVISION, erasures, keys, sessions

T = TypeVar("T")

CONNECT_S = 2
"""How long PostgreSQL may take to let us in."""

BUSY_S = 2.0
"""How long SQLite waits for another writer."""

STATEMENT_S = 10
"""How long PostgreSQL may work on one statement."""

TOMBSTONE_MARGIN = timedelta(days=1)
"""How much longer than any record of it the trace of a deletion is kept."""

BATCH = 500
"""Rows that one transaction of a sweep deletes: others write in between."""

EMPTY = {
    column.name: None for column in sessions.c if column.name not in ("session_id", "expires_at")
}
"""The values of a deleted session."""

_SUMMARY = tuple(sessions.c[field] for field in Summary.__slots__)


@dataclass(frozen=True, slots=True)
class Deleted:
    """In place of a session that was deleted."""


class Store:
    """Sessions in a database. Its methods block, and may be called from several threads.

    They raise :class:`StoreUnavailable` where the database cannot be asked now, and may all be
    repeated: nothing happens twice.

    Args:
        url: of SQLite or PostgreSQL, see :mod:`sessions.url`.
        connections: how many threads may ask at the same time.
    """

    def __init__(self, url: URL, connections: int = 8) -> None:
        self.url = url
        self._at_work: dict[Any, float] = {}  # connections in use, and since when
        if url.drivername == "sqlite":
            self._insert: Any = sqlite.insert
            arguments: dict[str, Any] = {"timeout": BUSY_S}
            prepare: Callable[[Any, Any], None] = _prepare_sqlite
        else:
            self._insert = postgresql.insert
            arguments = {
                "connect_timeout": CONNECT_S,
                # A peer that vanished is noticed within seconds, not hours.
                "keepalives_idle": 5,
                "keepalives_interval": 2,
                "keepalives_count": 3,
                "tcp_user_timeout": 10_000,
            }
            prepare = _prepare_postgresql
        self._engine = create_engine(
            url,
            connect_args={k: v for k, v in arguments.items() if k not in url.query},
            pool_size=connections,
            max_overflow=0,
            pool_timeout=BUSY_S,
            hide_parameters=True,
        )
        event.listen(self._engine, "connect", prepare)
        event.listen(self._engine, "checkout", self._taken)
        event.listen(self._engine, "checkin", self._given_back)

    # The schema

    def revision(self) -> str | None:
        """Return the migration that the tables are at; None where there are no tables yet."""
        if self.url.drivername == "sqlite" and not os.path.exists(str(self.url.database)):
            return None

        def work(connection: Connection) -> str | None:
            if not connection.dialect.has_table(connection, "alembic_version"):
                return None
            return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()

        return self.run(work)

    def migrate(self) -> None:
        """Make or update the tables, once, however many replicas try."""
        if self.revision() == REVISION:
            return
        # Alembic is large, and needed only now.
        from alembic.util import CommandError

        from sessions.migrations import upgrade

        if self.url.drivername == "sqlite":
            try:
                Path(str(self.url.database)).parent.mkdir(0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise StoreUnavailable(f"{error.filename}: {error.strerror}") from None
        try:
            upgrade(self._engine)
        except SQLAlchemyError as error:
            raise StoreUnavailable(_reason(error)) from None
        except CommandError as error:  # the tables are those of a later version
            raise StoreUnavailable(str(error)) from None

    def make_ready(self) -> None:
        """Bring the tables up to date, and see that they can be written."""
        self.migrate()
        self.run(lambda connection: connection.execute(delete(keys).where(keys.c.key == "")))

    # Records

    def save(self, record: Record) -> None:
        """Keep a record; does nothing where it is there already, or was deleted.

        Raises:
            RecordRefused: the database will never take it.
        """
        verdict, document = record.verdict, record.verdict.document

        def work(connection: Connection) -> None:
            connection.execute(
                self._insert(sessions)
                .values(
                    session_id=verdict.session_id,
                    expires_at=record.expires_at,
                    created_at=verdict.created_at,
                    decision=verdict.decision.value,
                    passed=verdict.passed,
                    mode=verdict.enforcement.mode,
                    enforced=verdict.enforced,
                    score=verdict.score,
                    coverage=verdict.coverage,
                    policy=verdict.policy.name,
                    policy_sha256=verdict.policy.sha256,
                    subject=record.subject,
                    verdict=record.body.decode(),
                    document_fraud_data=document and document.to_json().decode(),
                )
                .on_conflict_do_nothing()
            )
            if record.claim is not None:
                self._answer(connection, record.claim, verdict.session_id)

        self.run(work)

    def _answer(self, connection: Connection, claim: Claim, session_id: str) -> None:
        """Let a key lead to its answer, unless it belongs to another request by now."""
        statement = self._insert(keys).values(
            key=claim.key,
            fingerprint=claim.fingerprint,
            owner=claim.owner,
            session_id=session_id,
            expires_at=claim.expires_at,
        )
        new = statement.excluded
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=[keys.c.key],
                set_={"session_id": new.session_id, "expires_at": new.expires_at},
                where=keys.c.owner == new.owner,
            )
        )

    def get(self, session_id: str, now: datetime) -> bytes | Deleted | None:
        """Return the JSON of a verdict, byte for byte as it was saved.

        Returns:
            The bytes, :class:`Deleted`, or None where there is no such session, or no more.
        """
        query = select(sessions.c.verdict).where(
            sessions.c.session_id == session_id, sessions.c.expires_at > now
        )
        row = self.run(lambda connection: connection.execute(query).first())
        if row is None:
            return None
        return Deleted() if row.verdict is None else row.verdict.encode()

    def page(self, filters: Filters, limit: int, now: datetime, after: Position | None) -> Page:
        """List sessions, the newest first.

        Args:
            filters: which of them.
            limit: how many at most.
            now: sessions that have expired by then are left out.
            after: where the page before ended.
        """
        rows, following = self._rows(_SUMMARY, filters, limit, now, after)
        return Page(tuple(Summary(**row._mapping) for row in rows), following)

    def bodies(
        self, filters: Filters, limit: int, now: datetime, after: Position | None
    ) -> tuple[list[tuple[Summary, bytes]], Position | None]:
        """List sessions as :meth:`page` does, each with the JSON of its verdict."""
        columns = (*_SUMMARY, sessions.c.verdict)
        rows, following = self._rows(columns, filters, limit, now, after)
        return [(Summary(*row[:-1]), row[-1].encode()) for row in rows], following

    def _rows(
        self,
        columns: Sequence[Column[Any]],
        filters: Filters,
        limit: int,
        now: datetime,
        after: Position | None,
    ) -> tuple[Sequence[Any], Position | None]:
        """Return the rows of a page, and where the next one begins."""
        place = tuple_(sessions.c.created_at, sessions.c.session_id)
        query = (
            select(*columns)
            .where(
                sessions.c.created_at.is_not(None), sessions.c.expires_at > now, *filters.clauses()
            )
            .order_by(sessions.c.created_at.desc(), sessions.c.session_id.desc())
            .limit(limit + 1)  # one more says whether there is a next page
        )
        if after is not None:
            # Two conditions: the first lets an index find the place.
            query = query.where(
                sessions.c.created_at <= after.created_at,
                place < (after.created_at, after.session_id),
            )
        rows = self.run(lambda connection: connection.execute(query).all())
        found = rows[:limit]
        more = len(rows) > limit
        return found, Position(found[-1].created_at, found[-1].session_id) if more else None

    def count(self, now: datetime) -> int:
        """Count the sessions that are kept."""
        query = select(func.count()).where(
            sessions.c.created_at.is_not(None), sessions.c.expires_at > now
        )
        return int(self.run(lambda connection: connection.execute(query).scalar_one()))

    # Deletion

    def delete(self, session_id: str, now: datetime, keep: timedelta) -> None:
        """Delete a session, also one that is yet to arrive from a spool.

        Args:
            session_id: of the session; whether it is there does not matter.
            now: the time of the deletion.
            keep: how long records live: so long it must be known that this one was deleted.
        """
        gone = {"expires_at": now + keep + TOMBSTONE_MARGIN, **EMPTY}
        statement = self._insert(sessions).values(session_id=session_id, **gone)
        # One row, one primary key: an insert of the session comes before this or does nothing.
        self.run(
            lambda connection: connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[sessions.c.session_id],
                    set_=gone,
                    where=sessions.c.created_at.is_not(None),
                )
            )
        )

    def erase(self, subject: str, now: datetime, keep: timedelta) -> int:
        """Delete every session of a subject, also those that are yet to arrive from a spool.

        Args:
            subject: keyed digest of the name.
            now: sessions made later are not affected.
            keep: as for :meth:`delete`.

        Returns:
            How many sessions of the store were deleted.
        """
        times = {"erased_at": now, "expires_at": now + keep + TOMBSTONE_MARGIN}
        statement = self._insert(erasures).values(subject=subject, **times)

        def work(connection: Connection) -> int:
            connection.execute(
                statement.on_conflict_do_update(index_elements=[erasures.c.subject], set_=times)
            )
            return self._apply_erasures(connection, erasures.c.subject == subject)

        return self.run(work)

    def erased(self, subject: str, created_at: datetime) -> bool:
        """Whether a session of ``subject`` made at ``created_at`` has been deleted on request."""
        query = select(erasures.c.subject).where(
            erasures.c.subject == subject, erasures.c.erased_at >= created_at
        )
        return self.run(lambda connection: connection.execute(query).first()) is not None

    @staticmethod
    def _apply_erasures(connection: Connection, *which: Any) -> int:
        return connection.execute(
            update(sessions)
            .where(
                sessions.c.subject == erasures.c.subject,
                sessions.c.created_at <= erasures.c.erased_at,
                *which,
            )
            .values(**EMPTY, expires_at=erasures.c.expires_at)
        ).rowcount

    def sweep(self, now: datetime, stop: Callable[[], bool] = lambda: False) -> int:
        """Delete what has expired, in small transactions.

        Args:
            now: the time to judge by.
            stop: asked between the batches.

        Returns:
            How many rows of sessions and traces of deletions were deleted.
        """
        # A save that was under way during an erasure may have come after it.
        self.run(lambda connection: self._apply_erasures(connection))
        swept = 0
        for table in (sessions, keys, erasures):
            while not stop():
                batch = self.run(partial(_sweep_batch, table, now))
                swept += batch
                if batch < BATCH:
                    break
        return swept

    # Idempotency keys

    def claim(self, claim: Claim, now: datetime) -> str | None:
        """Take a key for a request.

        Returns:
            None when the key is now the request's, or the session that answered it before.

        Raises:
            KeyReused: the key came with other content.
            KeyInProgress: its first request has no answer yet.
        """
        values = {
            "fingerprint": claim.fingerprint,
            "owner": claim.owner,
            "session_id": None,
            "expires_at": claim.expires_at,
        }
        take = (
            self._insert(keys)
            .values(key=claim.key, **values)
            .on_conflict_do_update(
                index_elements=[keys.c.key], set_=values, where=keys.c.expires_at <= now
            )
            .returning(keys.c.key)
        )
        look = select(keys.c.fingerprint, keys.c.session_id).where(keys.c.key == claim.key)

        def work(connection: Connection) -> tuple[str, str | None] | None:
            if connection.execute(take).first() is not None:
                return None
            held = connection.execute(look).first()
            # Released between the two: whoever asks again will get it.
            return (claim.fingerprint, None) if held is None else (held[0], held[1])

        held = self.run(work)
        return None if held is None else first_answer(*held, claim)

    def release(self, claim: Claim) -> None:
        """Give up a key that was not answered, so that the client can try again."""
        statement = delete(keys).where(
            keys.c.key == claim.key, keys.c.owner == claim.owner, keys.c.session_id.is_(None)
        )
        self.run(lambda connection: connection.execute(statement))

    # Connections

    def abort(self, older_than_s: float) -> int:
        """Cut connections to PostgreSQL that have been at one thing for too long.

        A database that was stopped, or a proxy that stalls, keeps a thread waiting for as long
        as the connection stands; this wakes it. SQLite needs no such thing: its waits are short.

        Returns:
            How many were cut.
        """
        now, cut = time.monotonic(), 0
        for connection, since in self._at_work.copy().items():
            if now - since >= older_than_s and isinstance(connection, psycopg.Connection):
                with suppress(OSError, psycopg.Error):
                    with socket.socket(fileno=socket.dup(connection.fileno())) as line:
                        line.shutdown(socket.SHUT_RDWR)
                    cut += 1
        return cut

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._engine.dispose()

    def run(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in a transaction, twice where the first connection turns out to be dead.

        Raises:
            RecordRefused: the database will never take what ``work`` writes.
            StoreUnavailable: it cannot be asked now.
        """
        for attempt in (1, 2):
            try:
                with self._engine.begin() as connection:
                    return work(connection)
            except (DataError, IntegrityError) as error:
                raise RecordRefused(_reason(error)) from None
            except SQLAlchemyError as error:
                dead = isinstance(error, DBAPIError) and error.connection_invalidated
                if not dead or attempt == 2:
                    raise StoreUnavailable(_reason(error)) from None
        raise AssertionError("unreachable")

    def _taken(self, connection: Any, *_: Any) -> None:
        self._at_work[connection] = time.monotonic()

    def _given_back(self, connection: Any, *_: Any) -> None:
        self._at_work.pop(connection, None)


def _sweep_batch(table: Table, now: datetime, connection: Connection) -> int:
    (key,) = table.primary_key.columns
    expired = select(key).where(table.c.expires_at <= now).limit(BATCH)
    return connection.execute(delete(table).where(key.in_(expired))).rowcount


def _prepare_sqlite(connection: sqlite3.Connection, _: Any) -> None:
    # Readers do not wait for the writer, and a commit costs no fsync: what was committed survives
    # the death of every process, and the last moments may be lost with the machine's power.
    connection.execute("PRAGMA synchronous = NORMAL")
    give_up = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:  # this change does not wait for others by itself
            if time.monotonic() > give_up:
                raise
            time.sleep(0.01)


def _prepare_postgresql(connection: psycopg.Connection[Any], _: Any) -> None:
    with connection.transaction():
        connection.execute(f"SET statement_timeout = '{STATEMENT_S}s'")
        connection.execute(f"SET idle_in_transaction_session_timeout = '{STATEMENT_S}s'")


def _reason(error: SQLAlchemyError) -> str:
    """Say what happened, in one line: the driver's words where there are any."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    words = str(origin).strip().splitlines()
    return words[0] if words else type(origin).__name__
