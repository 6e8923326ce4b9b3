"""A Ray cluster of several nodes on this machine, each of which can be killed like a machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.serving import free_port, kill_tree, search_path
from deployments.environment import DEFAULTS, SERVING

STORE_BYTES = 200 * 2**20
"""Of each node's object store: room for a few clips."""


class Cluster:
    """Nodes started with ``ray start``, as on machines of their own.

    Args:
        folder: of Ray's sockets and logs; short, since a socket's path has 107 bytes at most.
        environment: variables of all processes on the nodes, beside those of this process.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        # The workers import what a Serve config names, such as a module of the benchmarks.
        self._environment = {
            **DEFAULTS,
            **SERVING,
            **os.environ,
            "PYTHONPATH": search_path(),
            "RAY_AUTH_MODE": "token",
            **environment,
        }
        self.nodes: dict[str, psutil.Popen] = {}
        self.address = f"127.0.0.1:{free_port()}"

    @property
    def environment(self) -> dict[str, str]:
        """What ``palisade serve`` needs to find the cluster and to be let in."""
        return {"RAY_ADDRESS": self.address, "RAY_AUTH_MODE": "token"}

    def start(self, name: str, cpus: int = 4, timeout_s: float = 120.0) -> None:
        """Start a node and wait until it has joined; the first one is the head.

        Args:
            name: also its label ``place``, which a Serve config can select.
            cpus: that it offers, whatever the machine has.
            timeout_s: for a busy machine.

        Raises:
            RuntimeError: the node did not come up; the message is what Ray said.
        """
        if self.nodes:
            role = ["--address", self.address]
        else:
            role = ["--head", "--port", self.address.partition(":")[2]]
            role += ["--include-dashboard=false", "--temp-dir", str(self._folder)]
            # Nobody asks the server for remote drivers, but its default port may be taken.
            role += ["--ray-client-server-port", str(free_port())]
        log = self._folder / f"{name}.log"
        with log.open("wb") as sink:
            process = psutil.Popen(
                [
                    *(sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *role),
                    # Two nodes on one machine would meet on the default ports.
                    *("--min-worker-port", "0", "--max-worker-port", "0"),
                    *("--num-cpus", str(cpus), "--object-store-memory", str(STORE_BYTES)),
                    *("--labels", f"place={name}"),
                ],
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=self._environment,
            )
        self.nodes[name] = process
        give_up = time.monotonic() + timeout_s
        while "runtime started" not in log.read_text():
            if process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"node {name} did not start:\n{log.read_text()}")
            time.sleep(0.1)

    def kill(self, name: str) -> None:
        """Kill every process of a node."""
        kill_tree(self.nodes.pop(name))


@contextmanager
def cluster(environment: Mapping[str, str] | None = None) -> Iterator[Cluster]:
    """Make a cluster for a ``with`` block; it has no node yet."""
    folder = Path(tempfile.mkdtemp(prefix="ray-"))
    made = Cluster(folder, environment or {})
    try:
        yield made
    finally:
        for name in reversed(list(made.nodes)):  # the head last
            made.kill(name)
        shutil.rmtree(folder, ignore_errors=True)
