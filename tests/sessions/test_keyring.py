"""API keys in SQLite and in PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from sessions.api_keys import ApiKey, new_key
from sessions.errors import RecordRefused, StoreError
from sessions.keyring import USED_TO, Keyring
from sessions.schema import api_keys
from sessions.store import Store

NOW = datetime(2026, 1, 1, 12, 30, 15, 250_000, tzinfo=UTC)


@pytest.fixture
def ring(store: Store) -> Keyring:
    return Keyring(store)


def made(ring: Keyring, minutes: int = 0, days: int | None = None) -> tuple[ApiKey, str]:
    created = NOW + timedelta(minutes=minutes)
    expires = None if days is None else created + timedelta(days=days)
    key, token = new_key("capture page", "applicant", 60, created, expires)
    ring.add(key)
    return key, token


def test_keys_come_back_as_they_were_the_newest_first(ring: Keyring) -> None:
    assert ring.all() == []
    older, newer = made(ring)[0], made(ring, minutes=1, days=90)[0]
    assert ring.all() == [newer, older]


def test_nothing_in_the_table_opens_the_door(ring: Keyring, store: Store) -> None:
    _, token = made(ring)
    (row,) = store.run(lambda connection: connection.execute(select(api_keys)).all())
    assert token.rpartition("_")[2] not in repr(row)
    assert token not in repr(row)


def test_an_id_belongs_to_one_key(ring: Keyring) -> None:
    key, _ = made(ring)
    with pytest.raises(RecordRefused):
        ring.add(key)


def test_a_key_is_revoked_once_and_stays_in_the_list(ring: Keyring) -> None:
    key, _ = made(ring)
    assert ring.revoke(key.key_id, NOW)
    assert not ring.revoke(key.key_id, NOW + timedelta(days=1))
    (kept,) = ring.all()
    assert kept.revoked_at == NOW
    assert kept.state(NOW) == "revoked"


def test_a_key_that_is_not_there_cannot_be_revoked(ring: Keyring) -> None:
    with pytest.raises(StoreError, match="there is no key"):
        ring.revoke("0" * 12, NOW)


def test_the_use_of_a_key_is_noted_to_the_hour(ring: Keyring) -> None:
    key, other = made(ring)[0], made(ring)[0]
    assert set(ring.look([], NOW)) == {key.key_id, other.key_id}
    assert ring.look([], NOW)[key.key_id].used_at is None
    soon, later = NOW + USED_TO / 2, NOW + USED_TO * 1.5
    for moment, noted in ((NOW, NOW), (soon, NOW), (later, later)):
        ring.look([key.key_id, "0" * 12], moment)
        keys = ring.look([], moment)
        assert keys[key.key_id].used_at == noted
        assert keys[other.key_id].used_at is None
