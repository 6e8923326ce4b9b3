"""How well the distilled blendshape network stands for MediaPipe's, on faces that it never saw.

``python -m benchmarks.blendshapes DATA OUT`` asks both about the same landmarks of pictures and
clips of ``DATA/manifest.csv``, and of photographs that are held before a camera; it judges both
answers under the shipped policies, prints Markdown tables and writes them to
``OUT/blendshapes.md``. Needs ``face_landmarker.task``, the teacher.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image, ImageOps

from benchmarks.likeness import (
    Asked,
    Rows,
    Watched,
    clip_table,
    cost,
    picture_table,
    window_table,
)
from benchmarks.sessions import DataError, Sample, balanced, prepare_worker, read_manifest
from benchmarks.still_signals import (
    CLIP_FOLDERS,
    FACE_SIDES,
    FFHQ,
    HELD,
    TUNED,
    UNHURRIED,
)
from detectors.clip import trace_clip
from detectors.expression import BlendshapeNetwork
from detectors.face import FaceLocator
from detectors.following import FrameLike
from detectors.landmarks import TASK, Face, MeshLandmarker, TasksLandmarker
from detectors.pixels import Pixels
from evaluation.attacks import CLIPS, OF_ONE_FRAME, Recording
from media.clips import Frame, read_clip
from media.errors import MediaError
from media.images import decode_image
from models.store import ModelUnavailable, find
from terminal import err, progress
from training.blendshapes import portraits
from training.errors import TrainingError

PICTURES = {
    "UTKFace": ("faces/utkface_200/", 200),
    "FFHQ": (FFHQ, 200),
    "celebrities": ("faces/pairs_deepface/", 100),
    "webcam, live": ("pad/replay_attack/", 60),
}
"""Photographs of real people: where they lie, and how many are taken at most."""

PORTRAITS = "portraits held out"

PEOPLE = "live"


class Both:
    """A landmarker that gives the distilled network's answers and keeps the teacher's.

    Attributes:
        kept: the teacher's answers about the frames of a clip, in order.
    """

    def __init__(self, teacher: BlendshapeNetwork) -> None:
        self._mesh = MeshLandmarker()
        self._teacher = teacher
        self.model = self._mesh.model
        self.kept: list[Rows] = []

    def find(self, pixels: Pixels) -> list[Face]:
        """Find the faces in a uint8 RGB image (H, W, 3)."""
        return self._mesh.find(pixels)

    def blendshapes(self, landmarks: Rows) -> Rows:
        """The distilled network's blendshapes, float32 (52,), of landmarks (478, 3)."""
        self.kept.append(self._teacher.coefficients(landmarks))
        return self._mesh.blendshapes(landmarks)


def main(
    data: Annotated[Path, typer.Argument(help="Folder with manifest.csv.")],
    out: Annotated[Path, typer.Argument(help="Folder for the results.")],
    seed: Annotated[int, typer.Option(min=0, help="Of samples and intervals.")] = 0,
) -> None:
    """Compare the distilled network with its teacher."""
    prepare_worker()
    try:
        samples = read_manifest(data).samples
        task = find(TASK)
        held = portraits(data, 0)[1]  # the seed that it was trained with
    except (DataError, ModelUnavailable, TrainingError) as error:
        err.print(f"blendshapes: {error}", style="red", markup=False, soft_wrap=True)
        sys.exit(2)
    teacher = BlendshapeNetwork(str(task))
    chosen = [
        (name, sample)
        for name, (folder, most) in PICTURES.items()
        for sample in balanced([s for s in samples if _of(s, folder)], most, seed)
    ]
    named = [Sample(path.relative_to(data).as_posix(), False, path.name) for path in held]
    chosen = [(PORTRAITS, sample) for sample in named] + chosen
    with progress("Pictures") as update:
        asked = []
        for at, one in enumerate(ask(chosen, data, teacher, TasksLandmarker(str(task)))):
            asked.append(one)
            update(at, len(chosen))
    with progress("Clips") as update:
        seen = []
        for at, clip in enumerate(watch(samples, data, teacher, seed)):
            seen.append(clip)
            update(at, at + 2, clip.what)
    text = "\n".join(
        [
            picture_table(asked, seed),
            clip_table(seen, seed),
            window_table(seen),
            cost(asked, teacher),
        ]
    )
    out.mkdir(parents=True, exist_ok=True)
    (out / "blendshapes.md").write_text(text, "utf-8")
    print(text, end="")


def _of(sample: Sample, folder: str) -> bool:
    return sample.real and sample.path.startswith(folder)


def ask(
    chosen: Iterable[tuple[str, Sample]],
    data: Path,
    teacher: BlendshapeNetwork,
    tasks: TasksLandmarker,
) -> Iterator[Asked]:
    """Ask both networks about pictures; those without a face are left out."""
    bare, full = FaceLocator(landmarker=MeshLandmarker()), FaceLocator(landmarker=tasks)
    bare.load()
    full.load()
    for name, sample in chosen:
        try:
            pixels = decode_image((data / sample.path).read_bytes()).pixels
        except MediaError:
            continue
        bundle, other = bare.locate(pixels).bundle, full.locate(pixels).bundle
        if bundle is not None and bundle.blendshapes is not None:
            whole = None if other is None else other.blendshapes
            right = teacher.coefficients(bundle.landmarks)
            yield Asked(name, sample.subject, bundle, bundle.blendshapes, right, whole)


def watch(
    samples: Sequence[Sample], data: Path, teacher: BlendshapeNetwork, seed: int
) -> Iterator[Watched]:
    """Ask both networks about clips, and about photographs that are held before a camera."""
    both = Both(teacher)
    locator = FaceLocator(landmarker=both)
    locator.load()
    for sample in samples:
        folder = next((f for f in CLIP_FOLDERS if sample.path.startswith(f)), None)
        if folder is None:
            continue
        what = PEOPLE if sample.real else folder.split("/")[1]
        frames = read_clip((data / sample.path).read_bytes(), UNHURRIED)
        yield from _traced(what, sample.subject, next(frames), frames, locator, both)
    photographs = [s for s in samples if s.path.startswith(FFHQ)][TUNED:][:HELD]
    for at, sample in enumerate(photographs):
        whole = Image.open(io.BytesIO((data / sample.path).read_bytes())).convert("RGB")
        for side in FACE_SIDES:
            pixels = np.asarray(ImageOps.fit(whole, (side, side)))
            recording = Recording((Frame(0.0, pixels),), np.zeros((478, 2), np.float32))
            for species in OF_ONE_FRAME:
                clip = CLIPS[species](recording, seed + at)
                yield from _traced(species, sample.path, clip[0], clip[1:], locator, both)


def _traced(
    what: str,
    subject: str,
    first: FrameLike,
    others: Iterable[FrameLike],
    locator: FaceLocator,
    both: Both,
) -> Iterator[Watched]:
    """Trace a clip once for both."""
    bundle = locator.locate(first.pixels).bundle
    if bundle is None:
        return
    both.kept.clear()
    both.blendshapes(bundle.landmarks)
    about_first = both.kept.pop()
    clip = trace_clip(_chained(first, others), both)
    if clip is None or clip.blendshapes is None:
        return
    rows = np.full_like(clip.blendshapes, np.nan)
    rows[np.isfinite(clip.blendshapes[:, 0])] = both.kept
    bundle = replace(bundle, clip=clip)
    yield Watched(what, subject, bundle, replace(clip, blendshapes=rows), about_first)


def _chained(first: FrameLike, others: Iterable[FrameLike]) -> Iterator[FrameLike]:
    yield first
    yield from others


if __name__ == "__main__":
    typer.run(main)
