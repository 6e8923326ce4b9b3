"""``palisade keys``: who may knock at the HTTP door."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from sessions.api_keys import ID, ApiKey, Scope, new_key
from sessions.commands import JsonOption, iso, ready_store
from sessions.errors import StoreError

app = typer.Typer(
    help="API keys: who may ask the graph, for what, and how often. They are kept in the store of "
    "sessions. As soon as one was made, a graph on loopback asks for keys, too.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

LONGEST_NAME = 64

STYLES = {"live": "green", "expired": "yellow", "revoked": "red"}


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Of whoever gets it, such as `capture-page`.")],
    scope: Annotated[
        Scope,
        typer.Option(
            help="applicant: verify and check quality, with coarse answers; operator: everything."
        ),
    ],
    per_minute: Annotated[
        int,
        typer.Option(
            min=1, max=100_000, help="Requests in any minute, for each replica of the ingress."
        ),
    ] = 600,
    expires_days: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Days that it is good for; for ever.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key and print it, this once: only a hash of it is kept.

    Example: `palisade keys create capture-page --scope applicant --expires-days 90`

    A graph that runs knows it within two seconds.
    """
    from sessions.keyring import Keyring
    from terminal import err

    if not name.isprintable() or not 1 <= len(name.strip()) <= LONGEST_NAME:
        raise StoreError(f"a key's name is 1 to {LONGEST_NAME} printable characters")
    now = datetime.now(UTC)
    expires_at = None if expires_days is None else now + timedelta(days=expires_days)
    key, token = new_key(name.strip(), scope, per_minute, now, expires_at)
    Keyring(ready_store()).add(key)
    if as_json:
        print(json.dumps({**_shown(key, now), "token": token}, default=iso))
        return
    err.print(f"Key {key.key_id} for {key.name}, scope {scope}. Keep it: it is not shown again.")
    print(token)


@app.command("list")
def list_keys(as_json: JsonOption = False) -> None:
    """List all keys, the newest first, also those that open nothing any more."""
    from rich.table import Table
    from rich.text import Text

    from sessions.keyring import Keyring
    from terminal import out

    now = datetime.now(UTC)
    keys = Keyring(ready_store()).all()
    if as_json:
        print(json.dumps([_shown(key, now) for key in keys], default=iso))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("key", "name", "scope", "a minute", "state", "expires", "used"):
        table.add_column(column, overflow="fold")
    for key in keys:
        state = key.state(now)
        table.add_row(
            key.key_id,
            Text(key.name),
            key.scope,
            str(key.per_minute),
            Text(state, style=STYLES[state]),
            _day(key.expires_at),
            _day(key.used_at),
        )
    out.print(table if keys else "No keys.")


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `palisade keys list` shows it.")],
) -> None:
    """Revoke a key for good; a graph that runs refuses it within two seconds.

    While the store is away a graph cannot know: it goes on for an hour with the keys it has seen.
    """
    from sessions.keyring import Keyring
    from terminal import out

    if not re.fullmatch(ID, key_id):  # a whole key in the history of a shell is bad enough
        raise StoreError("a key's id is 12 hexadecimal digits: the part after `pk_`")
    first = Keyring(ready_store()).revoke(key_id, datetime.now(UTC))
    out.print(f"{key_id} {'revoked' if first else 'was revoked before'}")


def _shown(key: ApiKey, now: datetime) -> dict[str, Any]:
    kept = {name: value for name, value in asdict(key).items() if name != "sha256"}
    return {**kept, "state": key.state(now)}


def _day(moment: datetime | None) -> str:
    return "—" if moment is None else f"{moment:%Y-%m-%d}"
