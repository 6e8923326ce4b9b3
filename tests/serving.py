"""A running graph, as tests see it."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import psutil

import graph
from deployments.config import check_config, with_policy
from fusion.policy import load_policy


class Graph:
    """A running graph: where it is, and how to change its policy."""

    def __init__(self, url: str, raw: dict[str, Any], deploy: Any) -> None:
        self.client = httpx2.Client(base_url=url, timeout=60.0)
        self._raw, self._deploy = raw, deploy

    def verify(
        self, headers: dict[str, str] | None = None, app: str = "", **parts: bytes
    ) -> httpx2.Response:
        files = {name: (f"{name}.bin", content) for name, content in parts.items()}
        return self.client.post(f"{app}/v1/verify", files=files, headers=headers)

    def change_policy(self, raw_policy: dict[str, Any]) -> str:
        """Deploy a policy and wait until it is in force; returns its digest."""
        policy = load_policy(raw_policy)
        self._deploy(check_config(with_policy(self._raw, policy), graph.NODES))
        give_up = time.monotonic() + 30
        while self.client.get("/v1/policy").json()["sha256"] != policy.sha256:
            assert time.monotonic() < give_up, "the policy did not become live"
            time.sleep(0.05)
        return policy.sha256


def replicas(deployment: str) -> Iterator[int]:
    """Process ids of the replicas of one deployment that this process started."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if re.match(rf"ray::ServeReplica:\w+:{deployment}\b", " ".join(process.cmdline())):
                yield process.pid


def peak_memory(pid: int) -> int:
    """Largest resident size, in bytes, that a process ever had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024
