"""The API keys of a store: make them, list them, revoke them, note their use."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, insert, or_, select, update

from sessions.api_keys import ApiKey
from sessions.errors import StoreError, StoreUnavailable
from sessions.schema import api_keys
from sessions.store import Store

USED_TO = timedelta(hours=1)
"""How exactly the last use of a key is known."""


class Keyring:
    """The keys of a store. Its methods block, as those of the store do, and raise what they raise.

    Args:
        store: keeps them.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, key: ApiKey) -> None:
        """Keep a new key."""
        values = {field: getattr(key, field) for field in ApiKey.__slots__}
        self._store.run(lambda connection: connection.execute(insert(api_keys).values(**values)))

    def all(self) -> list[ApiKey]:
        """Return every key that was ever made, the newest first; dead ones are never removed."""
        columns = [api_keys.c[field] for field in ApiKey.__slots__]
        query = select(*columns).order_by(api_keys.c.created_at.desc(), api_keys.c.key_id)
        rows = self._store.run(lambda connection: connection.execute(query).all())
        return [ApiKey(**row._mapping) for row in rows]

    def look(self, used: Collection[str], now: datetime) -> dict[str, ApiKey]:
        """Return every key by its id, and note the use of some.

        Args:
            used: ids of keys that came since the last look.
            now: the time to note.
        """
        keys = {key.key_id: key for key in self.all()}
        stale = [
            key_id
            for key_id in used
            if key_id in keys and _older(keys[key_id].used_at, now - USED_TO)
        ]
        if stale:
            note = (
                update(api_keys)
                .where(
                    api_keys.c.key_id.in_(stale),
                    # Another replica may have noted a later use meanwhile.
                    or_(api_keys.c.used_at.is_(None), api_keys.c.used_at < now),
                )
                .values(used_at=now)
            )
            with suppress(StoreUnavailable):  # what was read is good all the same
                self._store.run(lambda connection: connection.execute(note))
        return keys

    def revoke(self, key_id: str, now: datetime) -> bool:
        """Revoke a key for good.

        Returns:
            False where it was revoked before.

        Raises:
            StoreError: there is no such key.
        """
        strike = (
            update(api_keys)
            .where(api_keys.c.key_id == key_id, api_keys.c.revoked_at.is_(None))
            .values(revoked_at=now)
        )
        known = select(func.count()).where(api_keys.c.key_id == key_id)

        def work(connection: Connection) -> tuple[int, int]:
            struck = connection.execute(strike).rowcount
            return struck, connection.execute(known).scalar_one()

        struck, there = self._store.run(work)
        if not there:
            raise StoreError(f"there is no key {key_id}; `palisade keys list` shows them")
        return bool(struck)


def _older(moment: datetime | None, than: datetime) -> bool:
    return moment is None or moment < than
