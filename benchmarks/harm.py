"""The faults of the campaign: what is done to a running graph, and how it is undone."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.breakable import Way
from benchmarks.cluster import Cluster
from benchmarks.postgres import Postgres
from benchmarks.serving import actors, titles
from benchmarks.witness import Outcome
from detectors.registry import DETECTORS

STORE = "sessions.db"
"""Name of SQLite's file on the disk of a :class:`Site`."""


@dataclass(frozen=True, slots=True)
class Site:
    """A running graph and everything around it that can be harmed.

    Attributes:
        url: where it serves.
        root: the process that all of it descends from.
        broken: the folder of :mod:`benchmarks.breakable`.
        disk: the folder of the spool, and of the store where that is SQLite.
        small: whether that folder is a small disk of its own.
        server: of the store, where that is PostgreSQL.
        nodes: where the graph runs on several.
    """

    url: str
    root: psutil.Process
    broken: Path
    disk: Path
    small: bool = False
    server: Postgres | None = None
    nodes: Cluster | None = None

    def running(self) -> set[str]:
        """Titles of Serve's actors that run: each deployment, the proxy, the controller."""
        roots = [self.root, *(self.nodes.nodes.values() if self.nodes else ())]
        return {title for root in roots for title in titles(root, "Serve|Proxy")}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        name: for ``--only``.
        what: is done, for the table.
        harm: does it for the length of a ``with`` block; what was killed is not brought back.
        lasts_s: how long it is left like that.
        breaks: outcomes that this fault makes unavoidable, beside a problem with Retry-After.
        impossible: says why a graph cannot be harmed like that, where it cannot.
    """

    name: str
    what: str
    harm: Callable[[Site], AbstractContextManager[None]]
    lasts_s: float = 0.0
    breaks: frozenset[Outcome] = frozenset()
    impossible: Callable[[Site], str | None] = lambda site: None


def kill(name: str, what: str, kind: str, breaks: frozenset[Outcome] = frozenset()) -> Fault:
    """Kill all actors of a kind, as :func:`benchmarks.serving.actors` names them."""

    @contextmanager
    def harm(site: Site) -> Iterator[None]:
        victims = actors(site.root, kind)
        if not victims:
            raise RuntimeError(f"there is no {kind} to kill")
        for victim in victims:
            victim.kill()
        yield

    return Fault(f"kill-{name}", what, harm, breaks=breaks)


@contextmanager
def _kill_store(site: Site) -> Iterator[None]:
    assert site.server is not None
    site.server.kill()
    yield
    site.server.start()


@contextmanager
def _lock_store(site: Site) -> Iterator[None]:
    with closing(sqlite3.connect(site.disk / STORE, timeout=20.0, isolation_level=None)) as held:
        held.execute("BEGIN EXCLUSIVE")
        yield
        held.execute("ROLLBACK")


@contextmanager
def _fill_disk(site: Site) -> Iterator[None]:
    ballast = site.disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    yield
    ballast.unlink()


@contextmanager
def _kill_node(site: Site) -> Iterator[None]:
    assert site.nodes is not None
    site.nodes.kill("side")
    yield


def break_detector(name: str, way: Way, what: str) -> Fault:
    """Make a detector misbehave."""

    @contextmanager
    def harm(site: Site) -> Iterator[None]:
        note = site.broken / name
        note.with_suffix(".part").write_text(way)
        os.rename(note.with_suffix(".part"), note)
        yield
        note.unlink()

    return Fault(f"{name}-{way}", what, harm, lasts_s=15.0)


@contextmanager
def mounted(folder: Path, megabytes: int) -> Iterator[bool]:
    """Mount a small file system in memory on ``folder``; yields whether that is permitted."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    permitted = subprocess.run(mount, capture_output=True).returncode == 0
    try:
        yield permitted
    finally:
        if permitted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


KILL_REPLICAS = [
    kill(name, f"kill the replica of `{name}`", rf"ServeReplica:\w+:{name}")
    for name in ("Ingress", "Face", "Fusion", *(detector.name for detector in DETECTORS))
]
KILL_PROXY = kill(
    "proxy",
    "kill Serve's HTTP proxy",
    "ProxyActor",
    breaks=frozenset({Outcome.LOST, Outcome.CLOSED}),
)
KILL_CONTROLLER = kill("controller", "kill Serve's controller", "ServeController")
HANG = break_detector("gan_texture", Way.HANGS, "`gan_texture` never returns, for 15 s")
RAISE = break_detector("eye_specular", Way.RAISES, "`eye_specular` raises, for 15 s")
LIE = break_detector("rppg", Way.LIES, "`rppg` returns NaN, for 15 s")
KILL_STORE = Fault(
    "kill-store",
    "kill PostgreSQL, start it again 15 s later",
    _kill_store,
    lasts_s=15.0,
    impossible=lambda site: None if site.server else "there is no PostgreSQL here",
)
LOCK_STORE = Fault("lock-store", "lock the SQLite file for 15 s", _lock_store, lasts_s=15.0)
FILL_DISK = Fault(
    "fill-disk",
    "no space left for the store and the spool, for 15 s",
    _fill_disk,
    lasts_s=15.0,
    impossible=lambda site: None if site.small else "mounting a small disk takes root",
)
KILL_NODE = Fault("kill-node", "kill every process of one of two nodes", _kill_node)
