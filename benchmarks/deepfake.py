"""What the deepfake network costs through the graph, and which faces its detectors find.

``python -m benchmarks.deepfake speed`` holds the deployment against the same detector in one
process and against onnxruntime alone, in turns, one thread each. Without an exported checkpoint it
exports one with random weights, which takes torch and the same time.

``python -m benchmarks.deepfake faces DATA`` counts, over a folder with a ``manifest.csv`` (path,
label, subject), the faces that each detector on this machine is sure enough of. Both print
Markdown.
"""

from __future__ import annotations

import asyncio
import csv
import os
import random
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import psutil
import typer
from numpy.typing import NDArray

from benchmarks.captures import selfie
from benchmarks.processes import cpu_seconds, pss_bytes
from benchmarks.serving import actors
from deployments.environment import SERVING, prepare
from detectors.contracts import FaceBundle
from detectors.deepfake import (
    MIN_CONFIDENCE,
    MIN_FACE,
    PADDING,
    SEARCHED_CROP,
    Deepfake,
    Network,
    padded,
    prepared,
)
from detectors.face import FaceLocator
from detectors.finders import YUNET, Finder, RetinaFaceOnnx, RetinaFacePackage, Sighting, YuNet
from evaluation.intervals import bootstrap
from media.images import decode_image
from media.stills import Stills
from models import deepfake, onnx, own, store
from models.store import ModelUnavailable
from terminal import progress

app = typer.Typer(no_args_is_help=True)

FACES = 10
"""In each turn of each way: as many as a clip's frames."""

IN_FLIGHT = 2
"""Calls that a replica works on at once on a CPU."""

SETS = (
    ("pad/replay_attack/devel", "live"),
    ("pad/collectors", "live"),
    ("faces/pairs_deepface", "real"),
    ("deepfake/validation", "real"),
    ("deepfake/validation", "fake"),
    ("synthetic/ffhq_real", "real"),
    ("synthetic/stylegan2", "fake"),
    ("synthetic/sd3_portraits", "fake"),
)
"""Beginnings of paths, and labels."""


@app.command()
def speed(
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each way.")] = 15,
) -> None:
    """Hold the deployment against onnxruntime alone."""
    cv2.setNumThreads(1)
    with ExitStack() as stack:
        stack.enter_context(_weights())
        ways = stack.enter_context(_ways())
        for way in ways.values():
            way()  # what is only done once is not measured
        taken: dict[str, list[tuple[float, float]]] = defaultdict(list)
        with progress("Measuring") as update:
            for turn in range(rounds):
                update(turn + 1, rounds)
                for name, way in ways.items():
                    taken[name].append(_cost(way))
        (replica,) = actors(psutil.Process(), "ServeReplica:benchmark")
        memory = pss_bytes(replica) / 1e9
    bare = taken["onnxruntime alone"]
    print("| way | ms a face | against onnxruntime | CPU ms a face | against onnxruntime |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, turns in taken.items():
        wall, cpu = (statistics.median(turn[at] for turn in turns) for at in (0, 1))
        ratios = [
            _spread([turn[at] / least[at] for turn, least in zip(turns, bare, strict=True)])
            for at in (0, 1)
        ]
        print(f"| {name} | {wall:.1f} | {ratios[0]} | {cpu:.1f} | {ratios[1]} |")
    print(f"\nThe replica takes {memory:.2f} GB (PSS) where nothing else shares its pages.")


def _cost(way: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU milliseconds a face, of this process and all that it started."""
    here = psutil.Process()
    cpu, wall = cpu_seconds(here), time.perf_counter()
    way()
    wall, cpu = time.perf_counter() - wall, cpu_seconds(here) - cpu
    return 1e3 * wall / FACES, 1e3 * cpu / FACES


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


@contextmanager
def _weights() -> Iterator[None]:
    """Make sure that there is a network, if need be with random weights in a store for now."""
    if own.installed(deepfake.NAME):
        yield
        return
    import torch

    with tempfile.TemporaryDirectory() as folder:
        yunet = store.find(YUNET)
        Path(folder, yunet.name).symlink_to(yunet)
        before = os.environ.get("PALISADE_MODELS")
        os.environ["PALISADE_MODELS"] = folder
        checkpoint = Path(folder, "random.bin")
        torch.save(deepfake.network().state_dict(), checkpoint)
        deepfake.export(checkpoint)
        print("The weights are random: they cost the same, and mean nothing.\n")
        try:
            yield
        finally:
            os.environ.pop("PALISADE_MODELS")
            if before is not None:
                os.environ["PALISADE_MODELS"] = before


@contextmanager
def _ways() -> Iterator[Mapping[str, Callable[[], object]]]:
    """Every way to answer about ten faces."""
    prepare()
    for name, value in SERVING.items():
        os.environ.setdefault(name, value)
    from ray import serve

    import graph
    from deployments.cluster import connected
    from deployments.deepfake_node import DeepfakeNode

    bundle = _bundle()
    detector = Deepfake()
    detector.load()
    (face, *_) = detector.finder.find(bundle.crop, MIN_CONFIDENCE, SEARCHED_CROP)
    tensor, weights = prepared(padded(bundle.crop, face, PADDING)), own.find(deepfake.NAME).path
    session, network = onnx.session(weights), Network()

    def bare() -> None:
        for _ in range(FACES):
            session.run([deepfake.OUTPUT], {deepfake.INPUT: tensor})

    def from_crops() -> None:
        for _ in range(FACES):
            network(prepared(padded(bundle.crop, face, PADDING)))

    def in_process() -> None:
        for _ in range(FACES):
            detector.measure(bundle)

    with connected(num_cpus=4):
        serve.start(http_options={"location": "NoServer"})
        deployment = serve.deployment(name="deepfake", **graph.NODE)(DeepfakeNode)
        node: Any = serve.run(deployment.bind(Deepfake), name="benchmark", route_prefix=None)
        clip = Stills((bundle.crop,) * FACES, moving=True)

        async def one_by_one() -> None:
            for _ in range(FACES):
                await node.remote(bundle)

        async def side_by_side() -> None:
            waiting = [node.remote(bundle) for _ in range(IN_FLIGHT)]
            for _ in range(FACES - IN_FLIGHT):
                await waiting.pop(0)
                waiting.append(node.remote(bundle))
            for call in waiting:
                await call

        async def as_clip() -> None:
            await node.watch.remote(clip)

        # Calls come from a loop that never stops, as those of the ingress do.
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, daemon=True).start()

        def run(work: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
            return lambda: asyncio.run_coroutine_threadsafe(work(), loop).result()

        try:
            yield {
                "onnxruntime alone": bare,
                "with the crop prepared": from_crops,
                "with the face found: the detector in one process": in_process,
                "the deployment, one call after the other": run(one_by_one),
                f"the deployment, {IN_FLIGHT} calls at once": run(side_by_side),
                f"the deployment, a clip of {FACES} frames": run(as_clip),
            }
        finally:
            serve.delete("benchmark")


def _bundle() -> FaceBundle:
    locator = FaceLocator()
    locator.load()
    bundle = locator.locate(decode_image(selfie()).pixels).bundle
    if bundle is None:
        raise RuntimeError("no face in the benchmark's own selfie")
    return bundle.only(Deepfake.needs)


@app.command()
def faces(
    data: Annotated[Path, typer.Argument(help="Folder with a manifest.csv.", file_okay=False)],
    number: Annotated[int, typer.Option(min=1, help="Images of each set, at most.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice and the intervals.")] = 0,
) -> None:
    """Count the faces that each detector is sure enough of, in crops as the graph sends them."""
    cv2.setNumThreads(1)
    locator, finders = FaceLocator(), _finders()
    locator.load()
    print(f"At a confidence of {MIN_CONFIDENCE:.2f} and {MIN_FACE:.0f} px, seed {seed}:\n")
    names = [finder.name for finder in finders]
    print(f"| set | faces | {' | '.join(names)} | overlap |")
    print(f"| --- | ---: |{' ---: |' * (len(names) + 1)}")
    spent: dict[str, list[float]] = defaultdict(list)
    for prefix, label in SETS:
        rows = _sample(data, prefix, label, number, seed)
        seen: list[dict[str, Sighting | None]] = []
        subjects = []
        for row in rows:
            bundle = locator.locate(decode_image((data / row["path"]).read_bytes()).pixels).bundle
            if bundle is None:
                continue
            subjects.append(row["subject"])
            found = {}
            for finder in finders:
                started = time.process_time()
                boxes = finder.find(bundle.crop, MIN_CONFIDENCE, SEARCHED_CROP)
                spent[finder.name].append(1e3 * (time.process_time() - started))
                large = [box for box in boxes if box.side / bundle.crop_scale >= MIN_FACE]
                found[finder.name] = max(large, key=lambda box: box.side, default=None)
            seen.append(found)
        figures = bootstrap(_shares(seen, names), subjects, seed=seed)
        cells = " | ".join(str(figures[name]) for name in names)
        print(f"| {prefix}, {label} | {len(seen)} | {cells} | {_overlap(seen)} |")
    cost = ", ".join(f"{name} {statistics.median(spent[name]):.1f} ms" for name in names)
    print(f"\nCPU time of a search, median: {cost}.")


def _finders() -> list[Finder]:
    made: list[Finder] = []
    for kind in (RetinaFacePackage, RetinaFaceOnnx, YuNet):
        with suppress(ModelUnavailable):
            made.append(kind())
    return made


def _sample(data: Path, prefix: str, label: str, number: int, seed: int) -> list[dict[str, str]]:
    with (data / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["path"].startswith(prefix) and row["label"] == label
        ]
    return random.Random(seed).sample(rows, min(number, len(rows)))


def _shares(
    seen: list[dict[str, Sighting | None]], names: list[str]
) -> Callable[[NDArray[np.float64]], Mapping[str, float]]:
    hits = {name: np.array([one[name] is not None for one in seen], float) for name in names}

    def shares(weights: NDArray[np.float64]) -> dict[str, float]:
        total = weights.sum()
        return {n: float(hit @ weights / total) if total else np.nan for n, hit in hits.items()}

    return shares


def _overlap(seen: list[dict[str, Sighting | None]]) -> str:
    """Median intersection over union of the boxes of the first two detectors."""
    both = [
        (a.box, b.box)
        for a, b, *_ in (list(one.values()) for one in seen if len(one) > 1)
        if a and b
    ]
    if not both:
        return "—"
    first, second = np.array(both).transpose(1, 0, 2)
    sides = np.minimum(first[:, 2:], second[:, 2:]) - np.maximum(first[:, :2], second[:, :2])
    shared = sides.clip(0).prod(axis=1)
    areas = [(box[:, 2:] - box[:, :2]).prod(axis=1) for box in (first, second)]
    return f"{np.median(shared / (sum(areas) - shared)):.2f}"


if __name__ == "__main__":
    app()
