"""Offline scoring with Ray Data: the same detectors as the graph, without Serve.

    manifest ──▶ rows that are not scored yet ──▶ actor pool, a Scorer each ──▶ Parquet in OUT

Paths travel to the actors and rows of scores come back; the pixels never leave the actor that
read them. This process writes each batch as it comes, so that a run that is killed goes on where
it stopped.
"""

from __future__ import annotations

import json
import logging
import math
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyarrow as pa

from deployments.cluster import connected
from fusion.enforcement import canary_key
from fusion.policy import Policy, load_policy
from models import store
from offline.errors import BatchError
from offline.files import stamp
from offline.manifest import Manifest, Row, files_of, read_manifest
from offline.report import page
from offline.results import Results, schema
from offline.scoring import Scorer, failure, unscored
from offline.summary import Summary, summarise
from terminal import silence_native_logs

log = logging.getLogger(__name__)

BATCH = 8
"""Rows that an actor takes at once: few, because the last batches end a run unevenly, and because
those under way when a run is killed are scored again."""

WINDOW = 100_000
"""Rows that Ray Data is given at once; it keeps an object for every batch of them."""

OBJECT_STORE = 256 * 2**20
"""Bytes for what waits between this process and the actors: paths and scores."""

PACKAGES = (
    "palisade",
    "mediapipe",
    "numpy",
    "scipy",
    "opencv-contrib-python-headless",
    "pillow",
    "av",
    "onnxruntime",
    "onnxruntime-gpu",
)
"""Whose versions the scores depend on."""

Progress = Callable[[int, int, str], None]
"""Called with the rows that have been scored, the rows in all, and how it goes."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        summary: of all rows, those of earlier runs included.
        scored: rows that this run scored.
        kept: rows that were there already.
        seconds: from the first row to the last, without the start of Ray and of the actors; 0
            where nothing was left to score.
    """

    summary: Summary
    scored: int
    kept: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Job:
    """What an actor needs to know.

    Attributes:
        policy: its content; the object itself cannot travel.
        base: the folder or URL that relative paths start from.
        columns: of the results.
    """

    policy: dict[str, Any]
    base: str
    columns: pa.Schema

    def table(self, rows: list[dict[str, Any]]) -> pa.Table:
        """Put rows into a table; what they do not have is null."""
        return pa.Table.from_pylist(rows, self.columns)


def run(
    manifest: str,
    out: Path,
    policy: Policy,
    *,
    workers: int | None = None,
    gpus: float = 0.0,
    fresh: bool = False,
    on_progress: Progress | None = None,
) -> Outcome:
    """Score every row of a manifest that is not scored yet, and write the table and its summary.

    Args:
        manifest: path or object-store URL of a CSV.
        out: folder for the results.
        policy: decides.
        workers: actors, a CPU each; as many as Ray has CPUs by default.
        gpus: share of a GPU that each actor takes.
        fresh: delete what an earlier run left in ``out``.
        on_progress: told while it runs.

    Raises:
        BatchError: the manifest or the folder cannot be used, or the folder holds a run with
            another manifest, policy or version.
    """
    listed = read_manifest(manifest)
    columns = schema(listed.columns)
    results = Results(out)
    with results.opened(_describe(listed, policy), fresh=fresh):
        left = _left(listed, results.scored())
        meter = _Meter(len(listed.rows), len(listed.rows) - len(left), on_progress)
        if left:
            job = Job(policy.model_dump(mode="json"), listed.base, columns)
            with connected(num_cpus=workers, object_store_memory=OBJECT_STORE):
                for rows in score(job, left, _pool_size(workers), gpus):
                    results.write(rows)
                    meter.add(rows)
        results.merge(listed.rows, columns)
        summary = summarise(results.table)
        results.write_text("summary.json", json.dumps(asdict(summary), indent=1) + "\n")
        title = f"{Path(listed.source).name} under {policy.name} v{policy.version}"
        results.write_text("summary.html", page(summary, title))
    return Outcome(summary, len(left), len(listed.rows) - len(left), meter.seconds)


def _left(manifest: Manifest, scored: Mapping[str, str]) -> dict[str, Row]:
    """The rows that have no result, or whose files have changed since."""
    there = [key for key in manifest.rows if key in scored]
    with ThreadPoolExecutor(16) as pool:  # an object store answers one after the other slowly
        stamps = pool.map(
            lambda key: stamp(files_of(manifest.rows[key], manifest.base).values()), there
        )
        same = {key for key, now in zip(there, stamps, strict=True) if now == scored[key]}
    return {key: row for key, row in manifest.rows.items() if key not in same}


def score(job: Job, left: Mapping[str, Row], workers: int, gpus: float = 0.0) -> Iterator[pa.Table]:
    """Score rows with a pool of actors, on the Ray that this process is connected to.

    Args:
        job: what to do.
        left: the rows, by their keys.
        workers: actors.
        gpus: share of a GPU that each of them takes.

    Yields:
        The results in batches, as they are done; each row is in exactly one of them.

    Raises:
        BatchError: the actors do not start.
    """
    keys = list(left)
    for at in range(0, len(keys), WINDOW):
        yield from _window(job, {key: left[key] for key in keys[at : at + WINDOW]}, workers, gpus)


def _window(job: Job, left: Mapping[str, Row], workers: int, gpus: float) -> Iterator[pa.Table]:
    """Score so many rows as Ray Data is given at once."""
    lost = dict(left)
    # A file on which the process of an actor dies takes the batches of that actor with it. Those
    # rows come again one by one, and the one that it was gets a reason.
    for size, waiting in ((BATCH, 2), (1, 1)):
        if not lost:
            return
        for rows in _map(job, lost, workers, gpus, size=size, waiting=waiting):
            for key in rows["row_id"].to_pylist():
                del lost[key]
            yield rows
    policy = load_policy(job.policy)
    for key, row in lost.items():
        died = failure("worker-died", "The process that scored this row died, twice.")
        yield job.table([unscored({"row_id": key, **row}, job.base, policy.ref) | died])


def _map(
    job: Job, rows: Mapping[str, Row], workers: int, gpus: float, *, size: int, waiting: int
) -> Iterator[pa.Table]:
    """Yield the batches that did not take their actor along.

    Args:
        size: rows in a batch.
        waiting: batches that an actor is given at once.
    """
    import ray.data
    from ray.data import ActorPoolStrategy, DataContext
    from ray.exceptions import RayError
    from ray.util.annotations import RayDeprecationWarning

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.max_errored_blocks = -1  # what is lost is counted here, not there
    context.target_max_block_size = 2**20  # it expects so much of a batch, and holds back by that
    listed = [{"row_id": key, **row} for key, row in rows.items()]
    batches = [pa.Table.from_pylist(listed[at : at + size]) for at in range(0, len(listed), size)]
    with warnings.catch_warnings():
        # There is no other way yet to say that a task is not to be repeated for ever.
        warnings.simplefilter("ignore", RayDeprecationWarning)
        scored = ray.data.from_arrow(batches).map_batches(
            Worker,
            fn_constructor_args=[job],
            batch_size=None,  # a batch of ours is a block of theirs
            batch_format="pyarrow",
            compute=ActorPoolStrategy(
                size=min(workers, len(batches)), max_tasks_in_flight_per_actor=waiting
            ),
            num_cpus=1,
            num_gpus=gpus,
            max_task_retries=1,
        )
    try:
        yield from scored.iter_batches(batch_size=None, batch_format="pyarrow")
    except RayError as error:
        log.debug("Ray Data stopped", exc_info=True)
        raise BatchError(f"the workers failed: {str(error).strip().splitlines()[-1]}") from None


def _pool_size(workers: int | None) -> int:
    """How many actors there can be.

    Raises:
        BatchError: Ray has fewer CPUs.
    """
    import ray

    cpus = int(ray.cluster_resources().get("CPU", 0))  # type: ignore[no-untyped-call]
    if cpus < (workers or 1):
        raise BatchError(f"{workers or 1} workers need a CPU each, and Ray has {cpus}")
    return workers or cpus


class Worker:
    """An actor of the pool: the detectors, loaded once."""

    def __init__(self, job: Job) -> None:
        import cv2

        cv2.setNumThreads(1)  # the pool is the parallelism
        silence_native_logs()
        self._job = job
        self._score = Scorer(load_policy(job.policy), job.base, canary_key=canary_key(os.environ))

    def __call__(self, rows: pa.Table) -> pa.Table:
        """Score a batch."""
        return self._job.table([self._score(row) for row in rows.to_pylist()])


def _describe(manifest: Manifest, policy: Policy) -> dict[str, Any]:
    """What the scores of a run depend on."""
    return {
        "manifest": manifest.source,
        "policy": asdict(policy.ref),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
        "weights": {
            entry.model.name: entry.model.sha256 if entry.state is store.State.OK else "none"
            for entry in store.entries()
        },
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


class _Meter:
    """Counts the rows of a run, and tells how fast it goes."""

    def __init__(self, rows: int, kept: int, on_progress: Progress | None) -> None:
        self._rows, self._kept, self._scored = rows, kept, 0
        self._first, self._last = math.inf, -math.inf
        self._tell = on_progress or (lambda done, of, how: None)
        if kept < rows:
            self._tell(kept, rows, "starting the workers")

    @property
    def seconds(self) -> float:
        """From the beginning of the first row to the end of the last."""
        return max(self._last - self._first, 0.0)

    def add(self, rows: pa.Table) -> None:
        """Count a batch."""
        began = [at.timestamp() for at in rows["scored_at"].to_pylist()]
        took = rows["elapsed_ms"].to_pylist()
        self._scored += len(began)
        self._first = min(self._first, *began)
        self._last = max(at + ms / 1e3 for at, ms in zip(began, took, strict=True))
        rate = self._scored / self.seconds
        done = self._kept + self._scored
        left = timedelta(seconds=round((self._rows - done) / rate))
        self._tell(done, self._rows, f"{rate:.1f} rows/s, {left} left")
