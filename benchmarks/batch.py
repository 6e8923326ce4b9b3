"""Offline scoring against a bare loop: two processes that do nothing but verify half of it each.

``python -m benchmarks.batch [IMAGES] [ROUNDS]`` runs the two in turn, over portraits made for it,
and prints a table and JSON.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image, ImageEnhance
from rich.table import Table

import batch
from benchmarks.sessions import prepare_worker
from fusion.policy import load_policy
from media.capture import Capture
from pipeline import Pipeline
from terminal import err, out, progress, silence_native_logs

POLICY = "faithful"
WORKERS = 2


def measure(images: int = 500, rounds: int = 3) -> dict[str, Any]:
    """Measure both in turn.

    Args:
        images: how many each of them scores in a round.
        rounds: how often each of them runs.

    Returns:
        For ``scoring`` (from the first image to the last) and for ``whole`` (with the start of
        the processes): images per second of ``bare`` and ``batch`` in each round, their medians,
        and the median of their ratio, batch to bare, with the smallest and the largest.
    """
    for library in ("OMP", "OPENBLAS"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    seconds: dict[str, list[tuple[float, float]]] = {"bare": [], "batch": []}
    with tempfile.TemporaryDirectory() as folder, progress("Batch against a bare loop") as update:
        manifest = portraits(Path(folder), images)
        paths = sorted(Path(folder).glob("*.jpg"))
        for turn in range(rounds):
            update(2 * turn, 2 * rounds, "bare loop")
            seconds["bare"].append(_bare(paths))
            update(2 * turn + 1, 2 * rounds, "batch")
            seconds["batch"].append(_batch(manifest, Path(folder) / f"out{turn}"))
    return {
        "images": images,
        "workers": WORKERS,
        "scoring": _compare(images, {name: [s for s, _ in own] for name, own in seconds.items()}),
        "whole": _compare(images, {name: [w for _, w in own] for name, own in seconds.items()}),
    }


def portraits(folder: Path, count: int) -> Path:
    """Write variants of scikit-image's astronaut, JPEGs of 512 px, and a manifest of them."""
    from skimage import data

    rng = np.random.default_rng(0)
    portrait = Image.fromarray(data.astronaut())  # type: ignore[no-untyped-call]
    lines = ["path,label,kind,subject"]
    for index in range(count):
        left, top, cut = rng.integers(0, 40, 3)
        view = portrait.crop((left, top, 512 - cut, 512 - cut)).resize((512, 512))
        view = ImageEnhance.Brightness(view).enhance(rng.uniform(0.8, 1.2))
        view.save(folder / f"{index:05d}.jpg", quality=int(rng.integers(75, 95)))
        lines.append(f"{index:05d}.jpg,real,portrait,{index}")
    manifest = folder / "manifest.csv"
    manifest.write_text("\n".join(lines) + "\n")
    return manifest


def _bare(paths: Sequence[Path]) -> tuple[float, float]:
    """Seconds of scoring, and of everything."""
    started = time.time()
    # Not forked: MediaPipe's and ONNX Runtime's threads do not survive it.
    with ProcessPoolExecutor(WORKERS, get_context("spawn"), prepare_worker) as pool:
        halves = [paths[worker::WORKERS] for worker in range(WORKERS)]
        spans = list(pool.map(_loop, halves))
    whole = time.time() - started
    return max(end for _, end in spans) - min(begin for begin, _ in spans), whole


def _loop(paths: Sequence[Path]) -> tuple[float, float]:
    """Verify every image; returns when that began and ended."""
    pipeline = Pipeline(load_policy(POLICY))
    began = time.time()
    for path in paths:
        pipeline.verify(Capture(path.read_bytes()))
    return began, time.time()


def _batch(manifest: Path, folder: Path) -> tuple[float, float]:
    """Seconds of scoring, and of everything."""
    started = time.time()
    done = batch.run(str(manifest), folder, load_policy(POLICY), workers=WORKERS)
    return done.seconds, time.time() - started


def _compare(images: int, seconds: dict[str, list[float]]) -> dict[str, Any]:
    rates = {name: [images / s for s in own] for name, own in seconds.items()}
    ratios = [of / to for of, to in zip(rates["batch"], rates["bare"], strict=True)]
    return {
        **{name: {"median": statistics.median(own), "rounds": own} for name, own in rates.items()},
        "ratio": {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios)},
    }


def main(
    images: Annotated[int, typer.Argument(min=WORKERS)] = 500,
    rounds: Annotated[int, typer.Argument(min=1)] = 3,
) -> None:
    """Measure batch scoring against a bare loop of two processes."""
    measured = measure(images, rounds)
    table = Table("images per second", "bare loop", "batch", "batch / bare", box=None)
    for name, what in (("scoring", "scoring"), ("whole", "with start-up")):
        row = measured[name]
        low, middle, high = (row["ratio"][key] for key in ("min", "median", "max"))
        table.add_row(
            what,
            *(f"{row[way]['median']:.1f}" for way in ("bare", "batch")),
            f"{middle:.2f}  ({low:.2f} to {high:.2f})",
        )
    err.print(table)
    out.print_json(json.dumps(measured))


if __name__ == "__main__":
    from deployments.environment import prepare

    prepare()
    silence_native_logs()
    typer.run(main)
