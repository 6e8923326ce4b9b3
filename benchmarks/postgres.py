"""A PostgreSQL server of our own, which can be killed and started again."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from benchmarks.serving import free_port, kill_tree


def binaries() -> Path | None:
    """Where the server's programs are; None where there are none."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return places[-1] if places else None


class Postgres:
    """A server on loopback.

    Args:
        folder: of its data.
        programs: where ``initdb`` and ``pg_ctl`` are.
    """

    def __init__(self, folder: Path, programs: Path) -> None:
        self._programs = programs
        self._folder = folder
        # PostgreSQL refuses to run as root; Debian's package brings a user for it.
        self._as_user = [] if os.getuid() else ["runuser", "-u", "postgres", "--"]
        port, password = free_port(), secrets.token_hex(16)
        secret = folder / "password"
        secret.write_text(password)
        if self._as_user:
            shutil.chown(folder, "postgres")
            shutil.chown(secret, "postgres")
        self._run("initdb", "-U", "palisade", "--pwfile", str(secret), "-A", "scram-sha-256")
        self._options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder}"
        self.url = f"postgresql://palisade:{password}@127.0.0.1:{port}/postgres"

    def start(self) -> None:
        """Start the server, which first repairs what a kill left behind."""
        log = str(self._folder / "log")
        self._run("pg_ctl", "start", "--wait", "--silent", "--log", log, "-o", self._options)

    def kill(self) -> None:
        """Kill every process of the server at once."""
        pid = int((self._folder / "data" / "postmaster.pid").read_text().split()[0])
        kill_tree(psutil.Process(pid))

    def _run(self, program: str, *options: str) -> None:
        command = [*self._as_user, str(self._programs / program), "-D", "data", *options]
        # From its own folder: the server's user may not read where we are.
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(command, cwd=self._folder, check=True, **quiet)


@contextmanager
def postgres(programs: Path) -> Iterator[Postgres]:
    """Run a server for a ``with`` block."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        server = Postgres(Path(folder), programs)
        server.start()
        try:
            yield server
        finally:
            server.kill()
