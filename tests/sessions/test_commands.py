"""``palisade sessions`` on a store of its own."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner
from verdicts import record_with

from fusion.enforcement import pseudonym
from fusion.verdict import Decision
from sessions.commands import app
from sessions.errors import StoreError
from sessions.spool import Spool
from sessions.store import Store
from sessions.url import store_url


class Commands:
    """The command, and what it works on."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.store = Store(store_url(environment))
        self.spool = Spool(Path(environment["PALISADE_SPOOL"]))
        self._environment = environment

    def __call__(self, *arguments: str) -> str:
        result = CliRunner().invoke(app, list(arguments), env=self._environment)
        if isinstance(result.exception, StoreError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout


@pytest.fixture
def new(tmp_path: Path) -> Any:
    """Where no graph has run yet."""
    commands = Commands(
        {
            "PALISADE_STORE": f"sqlite:///{tmp_path}/sessions.db",
            "PALISADE_SPOOL": str(tmp_path / "spool"),
            "PALISADE_CANARY_KEY": "secret",
            "COLUMNS": "80",
        }
    )
    yield commands
    commands.store.close()


@pytest.fixture
def palisade(new: Commands) -> Commands:
    new.store.migrate()
    return new


def test_without_a_store_it_says_how_to_get_one(new: Commands) -> None:
    with pytest.raises(StoreError, match="palisade sessions migrate"):
        new("list")
    assert not Path(str(new.store.url.database)).exists()
    assert "went from empty to 0003" in new("migrate")
    assert "is up to date" in new("migrate")
    assert new("list").strip() == "No sessions."


def test_a_list_fits_a_terminal_and_can_be_continued(palisade: Commands) -> None:
    records = [record_with() for _ in range(3)]
    for record in records:
        palisade.store.save(record)
    listed = palisade("list", "--limit", "2")
    assert records[0].session_id not in listed
    for record in records[1:]:
        assert f"{record.session_id}  " in listed
    assert "review" in listed
    cursor = listed.partition("--cursor ")[2].strip()
    assert records[0].session_id in palisade("list", "--cursor", cursor)


def test_a_list_as_json_is_that_of_the_api(palisade: Commands) -> None:
    record = record_with(decision=Decision.ACCEPT, subject=pseudonym(b"secret", "Jane"))
    palisade.store.save(record)
    palisade.store.save(record_with())
    page = json.loads(palisade("list", "--json", "--subject", "Jane", "--decision", "accept"))
    assert page["next"] is None
    (session,) = page["sessions"]
    assert session["session_id"] == record.session_id
    assert session["score"] == record.verdict.score
    assert datetime.fromisoformat(session["created_at"]) == record.verdict.created_at


def test_times_are_utc(palisade: Commands) -> None:
    palisade.store.save(record_with(created_at=datetime(2026, 1, 31, 23, 59, tzinfo=UTC)))
    assert "2026-01-31 23:59" in palisade("list", "--since", "2026-01-31")
    assert "No sessions." in palisade("list", "--since", "2026-02-01")


def test_a_session_is_shown_from_the_store_and_from_the_spool(palisade: Commands) -> None:
    stored, waiting = record_with(), record_with()
    palisade.store.save(stored)
    palisade.spool.add(waiting)
    for record in (stored, waiting):
        assert palisade("show", record.session_id, "--json").encode() == record.body + b"\n"
        assert "eye_specular" in palisade("show", record.session_id)


def test_what_cannot_be_shown(palisade: Commands) -> None:
    with pytest.raises(StoreError, match="there is no session"):
        palisade("show", "0" * 32)
    with pytest.raises(StoreError, match="no session id"):
        palisade("show", "../../etc/passwd")
    with pytest.raises(StoreError, match="cursor"):
        palisade("list", "--cursor", "x")


def test_sessions_are_deleted_wherever_they_are(palisade: Commands) -> None:
    stored, waiting = record_with(), record_with()
    palisade.store.save(stored)
    palisade.spool.add(waiting)
    palisade("delete", stored.session_id, waiting.session_id)
    for record in (stored, waiting):
        with pytest.raises(StoreError, match="has been deleted"):
            palisade("show", record.session_id)


def test_the_sessions_of_a_subject_are_deleted(palisade: Commands) -> None:
    name = pseudonym(b"secret", "Jane")
    palisade.store.save(record_with(subject=name))
    palisade.spool.add(record_with(subject=name))
    assert "1 session" in palisade("delete", "--subject", "Jane")
    assert len(palisade.spool) == 0
    assert "No sessions." in palisade("list")


@pytest.mark.parametrize("arguments", [(), ("0" * 32, "--subject", "Jane"), ("no-id",)])
def test_a_deletion_must_say_what(palisade: Commands, arguments: tuple[str, ...]) -> None:
    with pytest.raises(StoreError, match=r"delete needs|is no session id"):
        palisade("delete", *arguments)


def test_the_spool_is_drained_and_what_is_broken_is_told(palisade: Commands) -> None:
    record = record_with()
    palisade.spool.add(record)
    (palisade.spool.folder / "odd.record").write_bytes(b"odd")
    drained = palisade("drain")
    assert "1 record moved to the store; 0 waiting" in drained
    assert "1 file set aside" in drained
    assert palisade.store.get(record.session_id, datetime.now(UTC)) == record.body


def test_what_has_expired_is_swept(palisade: Commands) -> None:
    palisade.store.save(record_with(expires_at=datetime.now(UTC) - timedelta(days=1)))
    assert "1 row deleted" in palisade("sweep")
