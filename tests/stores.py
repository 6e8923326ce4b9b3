"""Real databases for tests: an SQLite file, PostgreSQL, and a line to it that can be cut."""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from multiprocessing.synchronize import Barrier
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, make_url

from sessions.record import Record
from sessions.store import Store
from sessions.url import store_url

POSTGRES = "PALISADE_TEST_POSTGRES"
"""Environment variable: URL of a server where tests may make databases."""


@contextmanager
def database(kind: str, folder: Path) -> Iterator[URL]:
    """An empty database of its own; skips the test where there is no server for it."""
    if kind == "sqlite":
        yield URL.create("sqlite", database=str(folder / "sessions.db"))
        return
    server = os.environ.get(POSTGRES)
    if not server:
        pytest.skip(f"{POSTGRES} is not set to the URL of a PostgreSQL server")
    name = f"palisade_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            yield store_url({"PALISADE_STORE": server}).set(database=name)
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def migrate_and_save(url: str, records: list[Record], barrier: Barrier) -> None:
    """What a replica does as it starts, in a process that needs to import little."""
    with closing(Store(make_url(url))) as store:
        barrier.wait()
        store.migrate()
        for record in records:
            store.save(record)


class Line:
    """A TCP proxy: passes bytes on, stalls while they keep coming, or hangs up on everybody."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._flowing = threading.Event()
        self._flowing.set()
        self._open: list[socket.socket] = []
        self._refusing = False
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self) -> None:
        """Take bytes, pass none on, and say nothing: a stopped server or a bad load balancer."""
        self._flowing.clear()

    def cut(self) -> None:
        """Hang up on everybody, and on whoever comes."""
        self._refusing = True
        self._hang_up()

    def mend(self) -> None:
        """Work again, for new connections; those that stalled stay dead."""
        self._refusing = False
        self._flowing.set()

    def close(self) -> None:
        self._server.close()
        self._hang_up()

    def _hang_up(self) -> None:
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                if self._refusing:
                    near.close()
                    continue
                far = socket.create_connection(self._target)
                self._open += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while content := one.recv(65536):
                self._flowing.wait()
                other.sendall(content)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
