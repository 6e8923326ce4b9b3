"""What the ingress remembers: every verdict before it is returned, and every key that it answers.

A verdict goes to the store; where the store is down or slow, to the spool on this node's disk, from
where a background task moves it on. Nothing here waits longer than its caller's deadline.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
import uuid
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Mapping,
)
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, ParamSpec, TypeVar

from deployments.problems import Problem
from deployments.settings import MemorySettings
from deployments.watch import stage
from deployments.workers import Workers
from fusion.enforcement import canary_key, pseudonym
from fusion.verdict import Verdict
from media.capture import Capture
from sessions.api_keys import ApiKey
from sessions.drain import drain
from sessions.errors import RecordRefused, StoreUnavailable
from sessions.idempotency import Claim, KeyInProgress, KeyReused, fingerprint, key_digest
from sessions.keyring import Keyring
from sessions.query import Filters, Page, Position, Summary
from sessions.record import Record
from sessions.spool import Spool
from sessions.store import Deleted, Store
from sessions.url import spool_folder, store_url

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

Decide = Callable[[Capture, str | None, float], Awaitable[Verdict]]
"""Takes a capture and a subject to a verdict within so many seconds."""

START_S = 10.0
"""How long the start of a replica waits for the store, so that a healthy one has it at once:
without it, nobody's key is known. One that refuses is not waited for."""

PAUSE_S, LONGEST_PAUSE_S = 0.5, 5.0
"""Between two looks at the spool, or at a store that is away: doubled with each failure."""

_TURNS = random.Random()
"""Of its own: whoever seeds the shared one and counts on it shares a process with this thread."""

READ_S = 5.0
"""How long a reader waits for the store."""

MISSES = 3
"""So many short waits in a row, and the store counts as away."""

STUCK_S = 10.0
"""A connection that has been at one thing for so long is cut."""

CLAIM_MARGIN = timedelta(seconds=30)
"""How long after its deadline a request whose replica died still holds its key."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict that is on record.

    Attributes:
        body: the JSON, byte for byte as it is on record.
        record: where it is: in the store, or on this node's disk until the store is back.
        replayed: whether an earlier request with the same key got it first.
    """

    body: bytes
    record: Literal["stored", "spooled"]
    replayed: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """For the HTTP response."""
        headers = {"Palisade-Record": self.record}
        return headers | ({"Idempotency-Replayed": "true"} if self.replayed else {})


class Memory:
    """The memory of one ingress replica.

    Args:
        settings: how long things are kept, and may take.
        environment: where the store and the spool are, and the secret of digests.
        report: told from time to time how many records wait in the spool.

    Raises:
        StoreError: the URL of the store is wrong. A store that is down is no error.
    """

    def __init__(
        self,
        settings: MemorySettings,
        environment: Mapping[str, str],
        report: Callable[[int], None] = lambda waiting: None,
    ) -> None:
        self.store = Store(store_url(environment), connections=9)
        self._keyring = Keyring(self.store)
        self.spool = Spool(spool_folder(environment))
        self._settings = settings
        self._report = report
        self._reserve_s = settings.reserve_ms / 1e3
        self._keep = timedelta(days=settings.retention_days)
        self._secret = canary_key(environment)
        # Threads of their own: an analyst's long list takes no place from a verdict, and a hung
        # store none from the disk. Those that ask the store are as many as its connections.
        self._writers = Workers("record", threads=4, waiting=64)
        self._readers = Workers("read", threads=3, waiting=16)
        self._disk = Workers("spool", threads=2, waiting=64)
        self._tender = Workers("tend", threads=1, waiting=0)
        self._locksmith = Workers("keys", threads=1, waiting=1)
        self._up = False
        self._missed = 0
        self._stopping = threading.Event()
        self._next_sweep = time.monotonic()
        self._errands: set[asyncio.Task[None]] = set()

    # Verdicts

    async def answer(
        self,
        decide: Decide,
        capture: Capture,
        subject: str | None,
        key: str | None,
        deadline_s: float,
        holder: str | None = None,
    ) -> Answer:
        """Decide a capture, once for each key, and record the verdict.

        Args:
            decide: makes the verdict, in what is left of the time.
            capture: what the client sent.
            subject: the client's name for the person.
            key: of the header ``Idempotency-Key``.
            deadline_s: time for all of it.
            holder: id of the API key that the request came with, if any; ``key`` is its word.

        Raises:
            Problem: the verdict could not be recorded, the key is taken, or ``decide`` raised it.
        """
        deadline = time.monotonic() + deadline_s
        claim = None
        if key is not None:
            claim = await self._claim_for(key, holder, capture, subject, deadline_s)
            first = await self._first_answer(claim, deadline)
            if first is not None:
                return first
        try:
            left = deadline - time.monotonic() - self._reserve_s
            verdict = await decide(capture, subject, left)
            with stage("record"):
                return await self._remember(verdict, subject, claim, deadline)
        except BaseException:
            if claim is not None:
                self._run_errand(self._release(claim))
            raise

    async def _remember(
        self, verdict: Verdict, subject: str | None, claim: Claim | None, deadline: float
    ) -> Answer:
        """Put a verdict on record before ``deadline``, on the clock of :func:`time.monotonic`."""
        now = datetime.now(UTC)
        record = Record(
            verdict=verdict,
            body=verdict.to_json(),
            subject=None if subject is None else pseudonym(self._secret, subject),
            expires_at=now + self._keep,
            claim=claim
            and replace(claim, expires_at=now + timedelta(hours=self._settings.key_hours)),
        )
        try:
            await self._write(deadline, self.store.save, record)
            return Answer(record.body, "stored")
        except StoreUnavailable:
            pass
        except RecordRefused as error:  # the drain will set it aside, for people to look at
            log.error("the store refused the record of %s: %s", record.session_id, error)
        left = deadline - time.monotonic()
        try:
            await self._disk.run(max(left, self._reserve_s / 2), self.spool.add, record)
        except OSError as error:  # a TimeoutError is one
            log.error("the record of %s cannot be written: %r", record.session_id, error)
            raise _unrecorded() from None
        return Answer(record.body, "spooled")

    async def _write(
        self, deadline: float, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Ask the store to write something, for half of the time that is left at most.

        Raises:
            StoreUnavailable: it does not, or not in time.
        """
        if not self._up:
            raise StoreUnavailable("the store is away")
        longest = self._settings.store_timeout_ms / 1e3
        left = deadline - time.monotonic()
        patience = min(longest, max(left, self._reserve_s) / 2)
        try:
            written = await self._writers.run(patience, work, *args, **kwargs)
        except StoreUnavailable as error:
            self._lose(str(error))
            raise
        except TimeoutError:
            # One short wait says little, on a busy machine; a long one or several do.
            self._missed += 1
            if patience == longest or self._missed >= MISSES:
                self._lose("it does not answer")
            raise StoreUnavailable("the store is slow") from None
        self._missed = 0
        return written

    # Keys

    async def _claim_for(
        self,
        key: str,
        holder: str | None,
        capture: Capture,
        subject: str | None,
        deadline_s: float,
    ) -> Claim:
        return Claim(
            key=key_digest(self._secret, key, holder),
            fingerprint=await asyncio.to_thread(fingerprint, self._secret, capture, subject),
            owner=uuid.uuid4().hex,
            expires_at=datetime.now(UTC) + timedelta(seconds=deadline_s) + CLAIM_MARGIN,
        )

    async def _first_answer(self, claim: Claim, deadline: float) -> Answer | None:
        """Take a key, or return what it was answered with.

        Raises:
            Problem: the key came with other content, or is being worked on.
        """
        now = datetime.now(UTC)
        left = deadline - time.monotonic()
        try:
            session_id = await self._disk.run(left, self.spool.answered, claim, now)
            if session_id is None:
                try:
                    session_id = await self._write(deadline, self.store.claim, claim, now)
                except StoreUnavailable:
                    left = deadline - time.monotonic()
                    session_id = await self._disk.run(left, self.spool.claim, claim, now)
        except KeyReused:
            raise Problem(
                422,
                "idempotency-key-reused",
                "This Idempotency-Key came before with other content; take a new key.",
            ) from None
        except KeyInProgress:
            raise Problem(
                409,
                "idempotency-key-in-progress",
                "The first request with this Idempotency-Key is still being worked on.",
                retry_after=1,
            ) from None
        except OSError as error:
            log.error("a key cannot be claimed: %r", error)
            raise _unrecorded() from None
        return None if session_id is None else replace(await self.get(session_id), replayed=True)

    async def _release(self, claim: Claim) -> None:
        """Let a key be tried again; where neither place can be asked, it expires."""
        with suppress(OSError):
            await self._disk.run(READ_S, self.spool.release, claim)
        with suppress(StoreUnavailable):
            await self._write(time.monotonic() + READ_S, self.store.release, claim)

    # Sessions

    async def get(self, session_id: str) -> Answer:
        """Return a session's verdict, from the spool or the store.

        Raises:
            Problem: 404, 410 where it was deleted, 503 where the store cannot be asked.
        """
        now = datetime.now(UTC)
        # The spool first: in the other order, a record on its way to the store would be missed.
        waiting = await self._look(self.spool.get, session_id)
        try:
            kept = await self._read(self.store.get, session_id, now)
        except Problem:
            if waiting is None:
                raise
            kept = None
        if isinstance(kept, Deleted):
            raise Problem(410, "session-deleted", "This session has been deleted.")
        if kept is not None:
            return Answer(kept, "stored")
        if waiting is not None and waiting.expires_at > now:
            return Answer(waiting.body, "spooled")
        raise Problem(404, "no-such-session", "There is no such session, or no more.")

    async def page(self, filters: Filters, limit: int, after: Position | None) -> Page:
        """List sessions of the store, the newest first.

        Raises:
            Problem: the store cannot be asked.
        """
        return await self._read(self.store.page, filters, limit, datetime.now(UTC), after)

    async def delete(self, session_id: str) -> None:
        """Delete a session, wherever it is.

        Raises:
            Problem: the store cannot be asked; the session is not deleted then.
        """
        await self._read(self.store.delete, session_id, datetime.now(UTC), self._keep)
        await self._look(self.spool.remove, session_id)

    async def erase(self, subject: str) -> int:
        """Delete every session of a subject; returns how many there were in the store.

        Raises:
            Problem: the store cannot be asked; nothing is deleted then.
        """
        name, now = pseudonym(self._secret, subject), datetime.now(UTC)
        erased = await self._read(self.store.erase, name, now, self._keep)
        await self._look(self.spool.remove_subject, name, now)
        return erased

    async def bodies(
        self,
        filters: Filters,
        limit: int,
        after: Position | None,
        work: Callable[[list[tuple[Summary, bytes]]], T],
    ) -> tuple[T, Position | None]:
        """Do something with a page of sessions and their verdicts, in a reader's thread.

        Returns:
            What came of it, and where the next page begins.

        Raises:
            Problem: the store cannot be asked.
        """

        def look() -> tuple[T, Position | None]:
            found, following = self.store.bodies(filters, limit, datetime.now(UTC), after)
            return work(found), following

        return await self._read(look)

    def pseudonym(self, subject: str) -> str:
        """Return what stands for a subject in the store."""
        return pseudonym(self._secret, subject)

    def spooled(self) -> int:
        """Count the records that wait on this node's disk; a look at one folder."""
        return len(self.spool)

    async def _read(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Ask the store for someone who has no verdict to lose.

        Raises:
            Problem: it cannot be asked. A verdict may still find it well.
        """
        if self._up:
            try:
                return await self._readers.run(READ_S, work, *args, **kwargs)
            except (StoreUnavailable, TimeoutError) as error:
                log.warning("the store did not answer: %r", error)
        raise _away()

    async def _look(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do something in the spool, for someone who has no verdict to lose.

        Raises:
            Problem: the disk does not answer.
        """
        try:
            return await self._disk.run(READ_S, work, *args, **kwargs)
        except OSError as error:
            log.warning("the spool cannot be used: %r", error)
            raise _away() from None

    # API keys

    async def api_keys(self, used: Collection[str], timeout_s: float) -> dict[str, ApiKey]:
        """Return every API key by its id, and note those that were used.

        Raises:
            StoreUnavailable: the store cannot be asked, or not in time.
        """
        if not self._up:
            raise StoreUnavailable("the store is away")
        try:
            return await self._locksmith.run(
                timeout_s, self._keyring.look, frozenset(used), datetime.now(UTC)
            )
        except TimeoutError:
            raise StoreUnavailable("the store is slow") from None

    # In the background

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Look after the store and the spool for the length of a ``with`` block."""
        ready = asyncio.Event()
        tending = asyncio.create_task(self._tend(ready))
        with suppress(TimeoutError):
            await asyncio.wait_for(ready.wait(), START_S)
        try:
            yield
        finally:
            self._stopping.set()
            tending.cancel()
            with suppress(asyncio.CancelledError):
                await tending
            for workers in (
                self._writers,
                self._readers,
                self._disk,
                self._tender,
                self._locksmith,
            ):
                workers.close()
            self.store.abort(older_than_s=1.0)  # or a thread that hangs would keep the process
            self.store.close()

    async def _tend(self, ready: asyncio.Event) -> None:
        pause = PAUSE_S
        while True:
            try:
                await self._one_round()
                pause = PAUSE_S
            except StoreUnavailable as error:
                self._lose(str(error))
                pause = min(2 * pause, LONGEST_PAUSE_S)
            except Exception:
                log.exception("tending the store failed")
                pause = LONGEST_PAUSE_S
            ready.set()
            await asyncio.sleep(pause * _TURNS.uniform(0.75, 1.25))  # replicas take turns

    async def _one_round(self) -> None:
        work = self._tender.start(self._mend)
        while not (await asyncio.wait({work}, timeout=STUCK_S))[0]:
            self.store.abort(older_than_s=STUCK_S)
        work.result()

    def _mend(self) -> None:
        """Bring back the store, empty the spool into it, sweep from time to time."""
        self._report(self.spooled())
        if not self._up:
            self.store.abort(older_than_s=STUCK_S)
            self.store.make_ready()
            self._up, self._missed = True, 0
            log.info("the store is there")
        drain(self.store, self.spool, stop=self._stopping.is_set)
        self._report(self.spooled())
        if time.monotonic() >= self._next_sweep:
            self._next_sweep = time.monotonic() + self._settings.sweep_minutes * 60
            now = datetime.now(UTC)
            self.store.sweep(now, self._stopping.is_set)
            self.spool.tidy(now)

    def _lose(self, why: str) -> None:
        """Spool from now on, until the store has been seen to work again."""
        if self._up:
            log.warning("the store is away, records go to the spool: %s", why)
        self._up = False

    def _run_errand(self, errand: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(errand)
        self._errands.add(task)  # the event loop itself holds tasks but weakly
        task.add_done_callback(self._errands.discard)


def _away() -> Problem:
    return Problem(
        503, "store-unavailable", "The store of sessions is away; try again.", retry_after=2
    )


def _unrecorded() -> Problem:
    return Problem(
        503,
        "record-unavailable",
        "The verdict cannot be recorded now, and none is given without a record; try again.",
        retry_after=5,
    )
