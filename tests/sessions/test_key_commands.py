"""``palisade keys`` on a store of its own."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from sessions.api_keys import read_token
from sessions.errors import StoreError
from sessions.key_commands import app
from sessions.keyring import Keyring
from sessions.store import Store
from sessions.url import store_url


class Commands:
    """The command, and the keys it works on."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.store = Store(store_url(environment))
        self.keys = Keyring(self.store)
        self._environment = environment

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments), env=self._environment)

    def __call__(self, *arguments: str) -> str:
        result = self.run(*arguments)
        if isinstance(result.exception, StoreError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout


@pytest.fixture
def new(tmp_path: Path) -> Any:
    """Where no graph has run yet."""
    commands = Commands({"PALISADE_STORE": f"sqlite:///{tmp_path}/s.db", "COLUMNS": "90"})
    yield commands
    commands.store.close()


@pytest.fixture
def palisade(new: Commands) -> Commands:
    new.store.migrate()
    return new


def test_without_a_store_it_says_how_to_get_one(new: Commands) -> None:
    for arguments in (("list",), ("create", "x", "--scope", "operator"), ("revoke", "0" * 12)):
        with pytest.raises(StoreError, match="palisade sessions migrate"):
            new(*arguments)


def test_the_token_alone_is_on_stdout_and_opens_the_key(palisade: Commands) -> None:
    token = palisade("create", "capture page", "--scope", "applicant").removesuffix("\n")
    key_id, secret = read_token(token) or ("", "")
    (key,) = palisade.keys.all()
    assert (key.key_id, key.name, key.scope, key.per_minute) == (
        key_id,
        "capture page",
        "applicant",
        600,
    )
    assert key.expires_at is None
    assert key.opened_by(secret, datetime.now(UTC))


def test_a_key_may_expire_and_be_rare(palisade: Commands) -> None:
    made = json.loads(
        palisade(
            *("create", "Jo", "--scope", "operator", "--per-minute", "5"),
            *("--expires-days", "90", "--json"),
        )
    )
    (key,) = palisade.keys.all()
    assert key.per_minute == made["per_minute"] == 5
    assert key.expires_at == key.created_at + timedelta(days=90)
    assert datetime.fromisoformat(made["expires_at"]) == key.expires_at
    assert read_token(made["token"])


def test_a_list_shows_what_each_key_is_good_for_and_no_secret(palisade: Commands) -> None:
    assert palisade("list").strip() == "No keys."
    token = palisade("create", "[red]page[/]", "--scope", "applicant").strip()
    key_id, secret = read_token(token) or ("", "")
    listed, as_json = palisade("list"), palisade("list", "--json")
    for word in (key_id, "[red]page[/]", "applicant", "600", "live"):
        assert word in listed
    (shown,) = json.loads(as_json)
    assert (shown["key_id"], shown["state"], shown["used_at"]) == (key_id, "live", None)
    (key,) = palisade.keys.all()
    for text in (listed, as_json):
        assert secret not in text
        assert key.sha256 not in text


def test_a_key_is_revoked(palisade: Commands) -> None:
    token = palisade("create", "page", "--scope", "applicant").strip()
    key_id = (read_token(token) or ("", ""))[0]
    assert f"{key_id} revoked" in palisade("revoke", key_id)
    assert "was revoked before" in palisade("revoke", key_id)
    assert "revoked" in palisade("list")
    with pytest.raises(StoreError, match="12 hexadecimal digits") as refused:
        palisade("revoke", token)
    assert token not in str(refused.value)


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "two\nlines", "bell\a"])
def test_a_name_is_for_people(palisade: Commands, name: str) -> None:
    with pytest.raises(StoreError, match="name"):
        palisade("create", name, "--scope", "operator")
    assert palisade.keys.all() == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("page",),
        ("page", "--scope", "admin"),
        ("page", "--scope", "operator", "--per-minute", "0"),
        ("page", "--scope", "operator", "--expires-days", "0"),
    ],
)
def test_what_a_key_cannot_be(palisade: Commands, arguments: tuple[str, ...]) -> None:
    assert palisade.run("create", *arguments).exit_code == 2
    assert palisade.keys.all() == []
