"""What two signals gain over the reference's: expression over time, and highlights that agree.

``python -m benchmarks.still_signals DATA OUT`` measures clips, photographs held before a camera,
and pictures of ``DATA/manifest.csv``, judges them as ``faithful`` and as ``hardened`` does, prints
Markdown tables, and writes them and the rows to ``OUT/still_signals.md`` and ``.csv``.
"""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image, ImageOps

from benchmarks.looks import QUALITY, SIDE
from benchmarks.sessions import (
    DataError,
    Sample,
    balanced,
    prepare_worker,
    read_manifest,
    windows,
)
from detectors.blendshapes import Blendshapes
from detectors.contracts import Detector, FaceBundle
from detectors.eye_specular import EyeSpecular
from detectors.face import FaceLocator
from detectors.runner import Runner
from evaluation.attacks import CLIPS, OF_ONE_FRAME, Recording
from evaluation.intervals import Figure, Weights, bootstrap, proportion
from evaluation.metrics import curve
from fusion.mapping import mapped
from fusion.policy import SHIPPED, load_policy
from media.clips import Frame, read_clip
from media.images import decode_image
from media.limits import CLIP_LIMITS
from terminal import err, progress

LENGTHS = (3, 5, 10)
"""Seconds of the windows that a clip is cut into, end to end."""

PASSED = 0.5
"""Score from which a window counts as that of a live face."""

CLIP_FOLDERS = ("videos/live/", "videos/pulse/", "videos/replay/", "videos/deepfake/")

FFHQ = "synthetic/ffhq_real/"

TUNED = 150
"""Photographs of FFHQ, the first of the manifest, on which anchors of the eyes were set, and many
of which were held before a camera for those of the expressions: they are left out here."""

HELD = 8
"""Photographs that are held before a camera."""

UNHURRIED = replace(CLIP_LIMITS, wall_seconds=600.0)
"""Limits of a clip on a machine that does other things, too."""

FACE_SIDES = (480, 240)
"""Sides, in pixels, of the frames in which they are held: their faces fill most of it."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Genuine pictures and attacks.

    Attributes:
        name: in the table.
        real, attack: their folders.
        per_class: at most so many of each, subjects in turn.
        recoded: bring all to one size and JPEG quality, because encoders differ by class.
    """

    name: str
    real: str
    attack: str
    per_class: int
    recoded: bool = False


PICTURES = (
    Pictures("replay_attack", "pad/replay_attack/", "pad/replay_attack/", 60),
    Pictures("collectors", "pad/collectors/", "pad/collectors/", 20),
    Pictures("stylegan2", FFHQ, "synthetic/stylegan2/", 50, recoded=True),
    Pictures("sd3_portraits", FFHQ, "synthetic/sd3_portraits/", 50, recoded=True),
    Pictures("gan_512", FFHQ, "synthetic/gan_512/", 50, recoded=True),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One judged picture or window.

    Attributes:
        signal: its name.
        what: the group in the tables.
        seconds: length of the window; 0 of a picture.
        real: whether it is genuine.
        subject: the person.
        scores: of each policy; None where the signal did not judge.
    """

    signal: str
    what: str
    seconds: int
    real: bool
    subject: str
    scores: Mapping[str, float | None]


class Judged:
    """A detector under every shipped policy."""

    def __init__(self, detector: type[Detector[Any]]) -> None:
        self._detector = detector
        self._run = Runner(detector())
        policies = {name: load_policy(name).signal(detector.name) for name in SHIPPED}
        self._mappings = {name: entry.mapping for name, entry in policies.items() if entry}

    def __call__(self, bundle: FaceBundle | None) -> dict[str, float | None]:
        """The score of each policy."""
        if bundle is None or (self._detector is Blendshapes and bundle.blendshapes is None):
            return dict.fromkeys(self._mappings)
        measured = self._run(bundle.only(self._detector.needs))
        name, detector = self._detector.name, self._detector
        return {
            policy: mapped(name, detector, measured, mapping).score
            for policy, mapping in self._mappings.items()
        }


def main(
    data: Annotated[Path, typer.Argument(help="Folder with manifest.csv.")],
    out: Annotated[Path, typer.Argument(help="Folder for the results.")],
    seed: Annotated[int, typer.Option(min=0, help="Of samples and intervals.")] = 0,
) -> None:
    """Measure expressions over time and highlights, as the reference does and better."""
    try:
        samples = read_manifest(data).samples
    except DataError as error:
        err.print(f"still_signals: {error}", style="red", markup=False, soft_wrap=True)
        sys.exit(2)
    for library in ("OMP", "OPENBLAS"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    rows: list[Row] = []
    # Not forked: MediaPipe's threads do not survive it.
    workers = ProcessPoolExecutor(len(PARTS), get_context("spawn"), prepare_worker)
    with workers, progress("Measuring") as update:
        running = [workers.submit(measured, part, data, samples, seed) for part in PARTS]
        for at, part in enumerate(running):
            rows += part.result()
            update(at + 1, len(running))
    out.mkdir(parents=True, exist_ok=True)
    _write(out / "still_signals.csv", rows)
    text = expression_table(rows, seed) + "\n" + highlight_table(rows, seed)
    (out / "still_signals.md").write_text(text, "utf-8")
    print(text, end="")


def measured(part: str, data: Path, samples: Sequence[Sample], seed: int) -> list[Row]:
    """Measure one of :data:`PARTS`, in a worker process."""
    locator = FaceLocator()
    locator.load()
    return list(PARTS[part](locator, data, samples, seed))


def expressions(
    locator: FaceLocator, data: Path, samples: Sequence[Sample], seed: int
) -> Iterator[Row]:
    """Judge the windows of real clips."""
    judge = Judged(Blendshapes)
    for sample in samples:
        folder = next((f for f in CLIP_FOLDERS if sample.path.startswith(f)), None)
        if folder is None:
            continue
        frames = read_clip((data / sample.path).read_bytes(), UNHURRIED)
        first = next(frames)
        bundle = locator.locate(first.pixels, _again(first, frames)).bundle
        what = "live" if sample.real else folder.split("/")[1]
        yield from _windows(judge, bundle, what, sample.real, sample.subject)


def held_photographs(
    locator: FaceLocator, data: Path, samples: Sequence[Sample], seed: int
) -> Iterator[Row]:
    """Judge photographs of live faces that are held before a camera: nothing in them moves."""
    judge = Judged(Blendshapes)
    for at, sample in enumerate(_untouched(samples)[:HELD]):
        whole = Image.open(io.BytesIO((data / sample.path).read_bytes())).convert("RGB")
        for side in FACE_SIDES:
            pixels = np.asarray(ImageOps.fit(whole, (side, side)))
            recording = Recording((Frame(0.0, pixels),), np.zeros((478, 2), np.float32))
            for species in OF_ONE_FRAME:
                frames = CLIPS[species](recording, seed + at)
                bundle = locator.locate(frames[0].pixels, frames).bundle
                what = f"{species}, {side} px"
                yield from _windows(judge, bundle, what, False, sample.path, lengths=(3,))


def _windows(
    judge: Judged,
    bundle: FaceBundle | None,
    what: str,
    real: bool,
    subject: str,
    lengths: Sequence[int] = LENGTHS,
) -> Iterator[Row]:
    if bundle is None or bundle.clip is None:
        return
    for seconds in lengths:
        # A window of ninety frames at thirty a second ends before the third second does.
        for clip in windows(bundle.clip, seconds):
            scores = judge(replace(bundle, clip=clip))
            yield Row(Blendshapes.name, what, seconds, real, subject, scores)


def highlights(
    locator: FaceLocator,
    data: Path,
    samples: Sequence[Sample],
    seed: int,
) -> Iterator[Row]:
    """Judge the eyes of pictures."""
    judge = Judged(EyeSpecular)
    known: dict[tuple[str, bool], dict[str, float | None]] = {}
    for pictures in PICTURES:
        for real, folder in ((True, pictures.real), (False, pictures.attack)):
            chosen = (
                _untouched(samples)
                if folder == FFHQ
                else [s for s in samples if s.real is real and s.path.startswith(folder)]
            )
            for sample in balanced(chosen, pictures.per_class, seed):
                key = (sample.path, pictures.recoded)
                if key not in known:  # FFHQ stands against several sets
                    file = (data / sample.path).read_bytes()
                    pixels = decode_image(_recoded(file) if pictures.recoded else file).pixels
                    known[key] = judge(locator.locate(pixels).bundle)
                yield Row(EyeSpecular.name, pictures.name, 0, real, sample.subject, known[key])


PARTS: Mapping[str, Callable[[FaceLocator, Path, Sequence[Sample], int], Iterator[Row]]] = {
    "expressions": expressions,
    "held_photographs": held_photographs,
    "highlights": highlights,
}


def _untouched(samples: Sequence[Sample]) -> list[Sample]:
    """The photographs of FFHQ on which nothing was set."""
    return [sample for sample in samples if sample.path.startswith(FFHQ)][TUNED:]


def expression_table(rows: Sequence[Row], seed: int) -> str:
    """The share of windows that pass as alive, with intervals over subjects.

    They are bootstrapped, or Clopper and Pearson's where all windows agree.
    """
    lines = [
        "| what is looked at | window | windows | subjects | faithful | hardened |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    chosen = [row for row in rows if row.signal == Blendshapes.name]
    for what in dict.fromkeys(row.what for row in chosen):
        for seconds in LENGTHS:
            group = [row for row in chosen if (row.what, row.seconds) == (what, seconds)]
            if group:
                cells = [_percent(_passed(group, policy, seed)) for policy in SHIPPED]
                subjects = len({row.subject for row in group})
                lines.append(
                    f"| {what} | {seconds} s | {len(group)} | {subjects} | {' | '.join(cells)} |"
                )
    return "\n".join(lines) + "\n"


def highlight_table(rows: Sequence[Row], seed: int) -> str:
    """How many pictures the eyes are judged in, and what that separates."""
    head = " | ".join(f"judged, {policy} | AUC, {policy}" for policy in SHIPPED)
    lines = [f"| data set | pictures | {head} |", f"| --- | --- |{' --- | --- |' * len(SHIPPED)}"]
    chosen = [row for row in rows if row.signal == EyeSpecular.name]
    for what in dict.fromkeys(row.what for row in chosen):
        group = [row for row in chosen if row.what == what]
        cells = []
        for policy in SHIPPED:
            scored = [row for row in group if row.scores[policy] is not None]
            cells += [_of_classes(scored), _auc(scored, policy, seed)]
        lines.append(f"| {what} | {_of_classes(group)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


MIN_FILES = 5
"""Scores of either class below which an AUC is an anecdote and is not given."""


def _of_classes(rows: Sequence[Row]) -> str:
    real = sum(row.real for row in rows)
    return f"{real} / {len(rows) - real}"


def _auc(rows: Sequence[Row], policy: str, seed: int) -> str:
    real = np.array([row.real for row in rows], np.bool_)
    if min(real.sum(), (~real).sum()) < MIN_FILES:
        return "—"
    scores = np.array([row.scores[policy] for row in rows], np.float64)
    subjects = [row.subject for row in rows]
    found = bootstrap(lambda w: {"auc": curve(scores, real, w).auc}, subjects, seed=seed)["auc"]
    return _text(found, lambda value: f"{value:.2f}")


def _passed(rows: Sequence[Row], policy: str, seed: int) -> Figure:
    hits = np.array([(row.scores[policy] or 0.0) >= PASSED for row in rows], np.float64)
    if len(set(hits)) == 1:  # a bootstrap would be sure of it
        people = len({row.subject for row in rows})
        return proportion(int(hits[0]) * people, people)

    def share(weights: Weights) -> dict[str, float]:
        total = float(weights.sum())
        return {"passed": float(weights @ hits) / total if total else float("nan")}

    return bootstrap(share, [row.subject for row in rows], seed=seed)["passed"]


def _percent(figure: Figure) -> str:
    return _text(figure, lambda value: f"{100 * value:.0f}%")


def _text(figure: Figure, show: Callable[[float], str]) -> str:
    if figure.value is None or figure.low is None or figure.high is None:
        return "—"
    return f"{show(figure.value)} [{show(figure.low)}, {show(figure.high)}]"


def _again(first: Frame, rest: Iterator[Frame]) -> Iterator[Frame]:
    yield first
    yield from rest


def _recoded(file: bytes) -> bytes:
    square = ImageOps.fit(Image.open(io.BytesIO(file)).convert("RGB"), (SIDE, SIDE))
    encoded = io.BytesIO()
    square.save(encoded, "JPEG", quality=QUALITY)
    return encoded.getvalue()


def _write(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["signal", "what", "seconds", "real", "subject", *SHIPPED])
        for row in rows:
            scores = [row.scores[policy] for policy in SHIPPED]
            writer.writerow([row.signal, row.what, row.seconds, row.real, row.subject, *scores])


if __name__ == "__main__":
    typer.run(main)
