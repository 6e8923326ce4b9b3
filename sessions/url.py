"""Where this machine keeps its sessions. Only the environment says so: the URL holds a password."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import platformdirs
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from sessions.errors import StoreError

STORE = "PALISADE_STORE"
"""Environment variable: ``sqlite:///…`` or ``postgresql://…``; SQLite in the user's data folder
where it is not set."""

SPOOL = "PALISADE_SPOOL"
"""Environment variable: the folder where records wait for the store; beside it by default."""


def store_url(environment: Mapping[str, str]) -> URL:
    """Return the URL of the store.

    Raises:
        StoreError: it is none, or of a database that is not supported.
    """
    given = environment.get(STORE, "").strip()
    if not given:
        return URL.create("sqlite", database=str(_data_folder() / "sessions.db"))
    try:
        url = make_url(given)
    except (ArgumentError, ValueError):  # whose message would repeat the URL
        raise StoreError(f"{STORE} is not a database URL") from None
    if url.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername in ("sqlite", "sqlite+pysqlite"):
        if url.database in (None, "", ":memory:"):
            raise StoreError(f"{STORE}: SQLite needs a file, as in sqlite:////var/lib/palisade.db")
        return url.set(drivername="sqlite")
    raise StoreError(f"{STORE}: use sqlite:///… or postgresql://…, not {url.drivername}://…")


def spool_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder where records wait for the store.

    Raises:
        StoreError: the URL of the store is wrong.
    """
    if given := environment.get(SPOOL, "").strip():
        return Path(given)
    url = store_url(environment)
    beside = Path(str(url.database)).parent if url.drivername == "sqlite" else _data_folder()
    return beside / "spool"


def shown(url: URL) -> str:
    """Return the URL without its password, for people."""
    return url.render_as_string(hide_password=True)


def _data_folder() -> Path:
    return Path(platformdirs.user_data_dir("palisade"))
