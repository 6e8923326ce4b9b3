"""From the spool into the store, each record exactly once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sessions.errors import RecordRefused
from sessions.record import Record
from sessions.spool import Spool
from sessions.store import Store


@dataclass(frozen=True, slots=True)
class Drained:
    """What a turn at draining did.

    Attributes:
        saved: records that are in the store now, or had been deleted or expired meanwhile.
        refused: records that the store will never take; they were set aside.
    """

    saved: int = 0
    refused: int = 0


def drain(
    store: Store,
    spool: Spool,
    *,
    stop: Callable[[], bool] = lambda: False,
    on_record: Callable[[int], None] = lambda done: None,
) -> Drained:
    """Move every record to the store, oldest first; does nothing while another process does.

    A record leaves the disk after the store has it: a crash in between saves it again, which
    changes nothing.

    Args:
        store: takes them.
        spool: has them.
        stop: asked before each record.
        on_record: told how many are done.

    Raises:
        StoreUnavailable: the store went away; what is left waits on.
    """
    saved = refused = 0
    if not len(spool):
        return Drained()
    with spool.turn() as mine:
        if not mine:
            return Drained()
        for record in spool:
            if stop():
                break
            try:
                if not _unwanted(store, record):
                    store.save(record)
            except RecordRefused as error:
                spool.refuse(record.session_id, str(error))
                refused += 1
            else:
                # The key first: its answer is in the store now, and may be looked for there.
                if record.claim is not None:
                    spool.release(record.claim)
                spool.remove(record.session_id)
                saved += 1
            on_record(saved + refused)
    return Drained(saved, refused)


def _unwanted(store: Store, record: Record) -> bool:
    """Whether a record has expired, or its subject was erased, while it waited."""
    if record.expires_at <= datetime.now(UTC):
        return True
    return record.subject is not None and store.erased(record.subject, record.verdict.created_at)
