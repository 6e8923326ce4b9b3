"""What it costs a request to be remembered.

    python -m benchmarks.memory [REQUESTS]

Verdicts of the usual size go through the memory of an ingress: into SQLite, into the PostgreSQL of
``PALISADE_TEST_POSTGRES`` where there is one, and to the spool of a node whose store is away; with
an ``Idempotency-Key`` for an upload of 100 kB and without. CPU time is what is added to a verdict.
Rounds alternate; each figure is the median of three.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from deployments.memory import Memory
from deployments.settings import MemorySettings
from detectors.contracts import Measurement, Status
from detectors.registry import DETECTORS
from fusion.judge import Judge
from fusion.policy import load_policy
from fusion.verdict import FaceSummary, Verdict
from media.capture import Capture
from terminal import out, progress

ROUNDS = 3
WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Case:
    """One way to be remembered."""

    store: str
    url: str
    keyed: bool


def main() -> None:
    """Measure every case and print a table."""
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    costs: dict[Case, list[tuple[float, float, float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder, progress("Remembering") as update:
        cases = [Case(*which, keyed) for which in _stores(folder) for keyed in (False, True)]
        for turn in range(ROUNDS):
            for number, case in enumerate(cases):
                update(turn * len(cases) + number, ROUNDS * len(cases), case.store)
                costs[case].append(asyncio.run(_cost(case, Path(folder), requests)))
    table = Table(box=None, pad_edge=False)
    for column in ("store", "Idempotency-Key", "CPU ms", "p50 ms", "p95 ms"):
        table.add_column(column)
    for case, rounds in costs.items():
        medians = (f"{statistics.median(figures):.2f}" for figures in zip(*rounds, strict=True))
        table.add_row(case.store, "yes" if case.keyed else "no", *medians)
    out.print(table)


def _stores(folder: str) -> list[tuple[str, str]]:
    stores = [("SQLite", f"sqlite:///{folder}/sessions.db")]
    if server := os.environ.get("PALISADE_TEST_POSTGRES"):
        stores.append(("PostgreSQL", server))
    return [*stores, ("away: spooled", "sqlite:////dev/null/sessions.db")]


async def _cost(case: Case, folder: Path, requests: int) -> tuple[float, float, float]:
    """Return the CPU time of a request, the median of its wall times, and their 95th percentile."""
    spool = tempfile.mkdtemp(dir=folder)
    memory = Memory(MemorySettings(), {"PALISADE_STORE": case.url, "PALISADE_SPOOL": spool})
    capture = Capture(os.urandom(100_000))
    judge = Judge(load_policy("faithful"))
    measures = {f"measure_{number}": 1 / (number + 3) for number in range(10)}
    measured = {d.name: Measurement(measures, Status.ABSTAINED) for d in DETECTORS}
    seconds: list[float] = []

    async def decide(_: Capture, subject: str | None, __: float) -> Verdict:
        return judge.verdict(uuid.uuid4().hex, measured, FaceSummary(), subject=subject)

    async def remember() -> None:
        key = uuid.uuid4().hex if case.keyed else None
        started = time.perf_counter()
        await memory.answer(decide, capture, "somebody", key, 20.0)
        seconds.append(time.perf_counter() - started)

    async with memory.at_work():
        for _ in range(WARM_UP):
            await remember()
        seconds.clear()
        started = time.process_time()
        for _ in range(requests):
            await remember()
        remembered = time.process_time() - started
    started = time.process_time()
    for _ in range(requests):
        await decide(capture, "somebody", 20.0)
    judged = time.process_time() - started
    return (
        (remembered - judged) / requests * 1e3,
        statistics.median(seconds) * 1e3,
        statistics.quantiles(seconds, n=20)[-1] * 1e3,
    )


if __name__ == "__main__":
    main()
