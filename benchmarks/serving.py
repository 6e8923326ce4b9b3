"""``palisade serve`` in processes of its own, and what can be found among them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import psutil
import yaml

START_S = 300.0


@contextmanager
def serving(
    raw: Mapping[str, Any], environment: Mapping[str, str] | None = None
) -> Iterator[tuple[str, psutil.Popen]]:
    """Serve a graph for a ``with`` block.

    Args:
        raw: a Serve config; its port is replaced by a free one.
        environment: variables beside those of this process.

    Yields:
        Where it serves, and the process of the command.

    Raises:
        RuntimeError: it did not come up; the message is what it said.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        config, log = Path(folder, "serve.yaml"), Path(folder, "serve.log")
        options = {**raw["http_options"], "port": port}
        config.write_text(yaml.safe_dump({**raw, "http_options": options}))
        with log.open("wb") as sink:
            process = psutil.Popen(
                [sys.executable, "-m", "cli", "serve", "--profile", str(config)],
                stdout=sink,
                stderr=subprocess.STDOUT,
                # The workers import what the config names, such as a module of the benchmarks.
                env={**os.environ, "PYTHONPATH": search_path(), **(environment or {})},
            )
        try:
            give_up = time.monotonic() + START_S
            while not _ready(url):
                if process.poll() is not None or time.monotonic() > give_up:
                    raise RuntimeError(f"the graph did not start:\n{log.read_text()}")
                time.sleep(0.2)
            yield url, process
        finally:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGINT)
            try:
                process.wait(60)
            except psutil.TimeoutExpired:
                kill_tree(process)


def _ready(url: str) -> bool:
    with suppress(httpx2.HTTPError):
        return httpx2.get(f"{url}/readyz", timeout=5.0).status_code == 200
    return False


def search_path() -> str:
    """``PYTHONPATH`` by which other processes find the modules that this one finds here."""
    return os.pathsep.join(filter(None, (os.getcwd(), os.environ.get("PYTHONPATH"))))


def free_port() -> int:
    """A TCP port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def actors(root: psutil.Process, kind: str) -> list[psutil.Process]:
    """Ray actors in the tree of a process.

    Args:
        root: of the tree.
        kind: a regular expression for the title, such as ``ServeController``.
    """
    return [process for process, title in _titled(root) if re.match(rf"(?:{kind})\b", title)]


def titles(root: psutil.Process, kind: str) -> set[str]:
    """Titles of Ray actors in the tree of a process, ``ServeReplica:palisade:Face`` for example.

    Args:
        root: of the tree.
        kind: a regular expression for how the title begins.
    """
    return {title for _, title in _titled(root) if re.match(kind, title)}


def _titled(root: psutil.Process) -> Iterator[tuple[psutil.Process, str]]:
    for process in root.children(recursive=True):
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            name = "".join(process.cmdline()[:1])
            if name.startswith("ray::"):
                # What comes after a dot is the method that runs at the moment.
                yield process, name.removeprefix("ray::").partition(".")[0].strip()


def kill_tree(root: psutil.Process) -> None:
    """Kill a process and all that it started, at once, as a power cut does."""
    doomed = [root, *root.children(recursive=True)]
    for process in doomed:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(doomed, timeout=10)
