"""The two ways to serve that are compared, each in processes of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psutil

from benchmarks.serving import free_port, kill_tree, serving
from deployments.config import read_config
from deployments.environment import DEFAULTS


@dataclass(frozen=True, slots=True)
class Contender:
    """A running server.

    Attributes:
        name: for tables.
        url: where it listens.
        root: the process at the root of its tree.
        ready_s: seconds from its start to its first ``/readyz``.
    """

    name: str
    url: str
    root: psutil.Process
    ready_s: float


@contextmanager
def graph(profile: str = "cpu") -> Iterator[Contender]:
    """``palisade serve``, with an empty store of its own."""
    with _environment() as environment:
        started = time.monotonic()
        with serving(read_config(profile), environment) as (url, process):
            yield Contender("Serve", url, process, time.monotonic() - started)


@contextmanager
def one_process() -> Iterator[Contender]:
    """The same door and detectors in one process; see :mod:`benchmarks.one_process`."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "benchmarks.one_process", str(port)]
    with _environment() as environment:
        started = time.monotonic()
        quiet = subprocess.DEVNULL
        process = psutil.Popen(
            command, env={**os.environ, **environment}, stdout=quiet, stderr=quiet
        )
        try:
            while not _ready(url):
                if process.poll() is not None:
                    raise RuntimeError(f"{command[-2]} ended with exit code {process.returncode}")
                time.sleep(0.05)
            yield Contender("one process", url, process, time.monotonic() - started)
        finally:
            kill_tree(process)


@contextmanager
def _environment() -> Iterator[Mapping[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        yield {
            **DEFAULTS,  # some are for the C library, which reads them as a process begins
            "PALISADE_STORE": f"sqlite:///{Path(folder, 'sessions.sqlite3')}",
            "PALISADE_SPOOL": str(Path(folder, "spool")),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }


def _ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/readyz", timeout=5.0).status_code == 200
    except httpx2.HTTPError:
        return False
