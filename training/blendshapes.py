"""Distil MediaPipe's blendshape network into the small one that ships.

``python -m training.blendshapes DATA [--out models/blendshapes.npz]`` takes the landmarks of
``DATA/synthetic/sd3_portraits`` (CC0), holds every fifth portrait out, draws faces from the
others (:mod:`training.shapes`), asks the network inside ``face_landmarker.task`` about them, and
fits a perceptron to its answers. It prints how far that is off on the portraits held out and on
faces drawn from those. Nothing else trains it.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from numpy.typing import NDArray
from scipy.special import logit

from detectors.contracts import BLENDSHAPES, LANDMARKS
from detectors.distilled import SEEN, Distilled, features, read
from detectors.expression import BLENDSHAPE_NAMES, BlendshapeNetwork
from detectors.face import FaceLocator
from detectors.landmarks import TASK, MeshLandmarker
from media.errors import MediaError
from media.images import decode_image
from models.store import ModelUnavailable, find
from terminal import err, progress, silence_native_logs
from training.errors import TrainingError
from training.faces import SOURCES, drawn
from training.keeping import keep
from training.shapes import SEEN_AT, Array, Modeller, frontal, muscles

Points = NDArray[np.float32]

Progress = Callable[[int, int], None]
"""Told how many are done, and of how many."""

PERMITTED = next(source for source in SOURCES if source.name == "sd3_portraits")
"""What trains the network that is shipped."""

HELD_OUT = 5
"""One portrait of so many is held out."""

LEAST_PORTRAITS = 20

HIDDEN = (256, 128)
"""Units of the hidden layers of the network that is shipped."""

LADDER = ((), (64,), (128, 64), HIDDEN, (512, 256))
"""What ``--compare`` compares; the first is linear in the log-odds."""

DRAWN_HELD_OUT = 2000
"""Faces drawn from the portraits that were held out."""

EXAMPLES = 128
"""Faces that go into the file of examples, the portraits held out among them."""

MODELS_OF_MUSCLES = 8
"""Portraits over which the directions of muscles are averaged."""

SELDOM = 0.01
"""Share of the faces drawn in which a muscle has to work, or it is said not to."""

BATCH, RATE, DECAY = 512, 2e-3, 0.01
"""Faces in a step; highest learning rate; decay of the weights (AdamW)."""

CLIPPED = 7.0
"""Log-odds beyond which the teacher's answers count as equal: 0.001 and 0.999."""

PROBABILITY, LOG_ODDS = 20.0, 0.02
"""Weights of the squared errors in the loss. Log-odds count, because what the reference calls an
active muscle begins at 0.01."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """Faces and what the teacher says of them.

    Attributes:
        inputs: float32 (N, 292), :func:`detectors.distilled.features`.
        answers: float32 (N, 52).
    """

    inputs: NDArray[np.float32]
    answers: NDArray[np.float32]

    @property
    def idle(self) -> list[str]:
        """Coefficients above 0.5 in fewer than one face of a hundred."""
        seen = (self.answers > 0.5).mean(axis=0)
        return [name for name, share in zip(BLENDSHAPE_NAMES, seen, strict=True) if share < SELDOM]

    @property
    def flat(self) -> float:
        """Mean absolute error of whoever always gives the mean answer."""
        return float(np.abs(self.answers - self.answers.mean(axis=0)).mean())

    def off(self, student: Distilled) -> float:
        """Mean absolute error of a student, over faces and coefficients."""
        return float(np.abs(student.answers(self.inputs) - self.answers).mean())


class Teacher:
    """MediaPipe's network, asked about points alone.

    Args:
        path: ``face_landmarker.task``.
    """

    def __init__(self, path: Path) -> None:
        self._network = BlendshapeNetwork(str(path))

    def __call__(self, points: Array | Points) -> NDArray[np.float32]:
        """Blendshapes, float32 (N, 52), of points (N, 146, 2), those of ``SEEN``."""
        whole = np.zeros((LANDMARKS, 3), np.float32)
        answers = np.empty((len(points), BLENDSHAPES), np.float32)
        for at, face in enumerate(points):
            whole[SEEN_AT, :2] = face
            answers[at] = self._network.coefficients(whole)
        return answers

    def about(self, points: Array | Points) -> Lesson:
        """Ask about points (N, 146, 2)."""
        return Lesson(features(points.astype(np.float32)), self(points))


def distil(
    data: Annotated[Path, typer.Argument(help="Folder with synthetic/sd3_portraits.")],
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("models/blendshapes.npz"),
    examples: Annotated[
        Path | None, typer.Option(help="Also write faces held out, for the test of its figure.")
    ] = None,
    compare: Annotated[bool, typer.Option(help="Print a table of other sizes, too.")] = False,
    count: Annotated[int, typer.Option(min=BATCH, help="Faces to draw.")] = 120_000,
    epochs: Annotated[int, typer.Option(min=1, help="Times that each is seen.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Of every draw.")] = 0,
) -> None:
    """Distil the network."""
    cv2.setNumThreads(1)
    silence_native_logs()
    try:
        teacher = Teacher(find(TASK))
        learnt, held = portraits(data, seed)
        shown = np.array(list(held.values()))
        with progress("Faces") as update:
            lesson, held_out, drawn_held_out = lessons(
                teacher, np.array(list(learnt.values())), shown, count, seed, update
            )
        if compare:
            print(table(lesson, held_out, drawn_held_out, epochs, seed))
        content = fit(lesson, HIDDEN, epochs, seed)
        keep(out, content)
        if examples is not None:
            keep(examples, exampled(held_out, drawn_held_out, teacher))
    except (ModelUnavailable, TrainingError) as error:
        err.print(f"blendshapes: {error}", style="red", markup=False, soft_wrap=True)
        sys.exit(1)
    student = read(content)
    print(f"{out}: {len(content):,} bytes, sha256 {student.sha256}")
    print(f"{len(learnt)} portraits learnt from, {len(held)} held out")
    print(f"hardly ever seen at work: {', '.join(lesson.idle) or 'none'}")
    for name, asked in (("portraits held out", held_out), ("drawn from them", drawn_held_out)):
        print(
            f"{name}: mean absolute error {asked.off(student):.4f}, "
            f"that of the mean answer {asked.flat:.4f}"
        )


def portraits(data: Path, seed: int) -> tuple[dict[Path, Points], dict[Path, Points]]:
    """Landmarks of the permitted portraits, those to learn from and those held out.

    Each shows another person of the generator's, so that no face is in both.

    Returns:
        Two maps of a file to its landmarks, float32 (478, 3), in pixels; every fifth is in the
        second.

    Raises:
        TrainingError: there are fewer than :data:`LEAST_PORTRAITS` with a face.
    """
    locator = FaceLocator(landmarker=MeshLandmarker())
    locator.load()
    learnt: dict[Path, Points] = {}
    held: dict[Path, Points] = {}
    for path in drawn(data, PERMITTED, seed):
        try:
            bundle = locator.locate(decode_image(path.read_bytes()).pixels).bundle
        except MediaError:
            continue
        if bundle is not None:
            part = learnt if (len(learnt) + len(held)) % HELD_OUT else held
            part[path] = bundle.landmarks
    if (count := len(learnt) + len(held)) < LEAST_PORTRAITS:
        raise TrainingError(
            f"{data / PERMITTED.folder} has {count} portraits with a face; at least "
            f"{LEAST_PORTRAITS} are needed"
        )
    return learnt, held


def lessons(
    teacher: Teacher, learnt: Points, shown: Points, count: int, seed: int, update: Progress
) -> tuple[Lesson, Lesson, Lesson]:
    """What is learnt, the portraits held out, and faces drawn from those.

    Args:
        teacher: who is asked.
        learnt: (N, 478, 3), portraits to learn from.
        shown: (N, 478, 3), those held out.
        count: how many faces to draw from the first.
        seed: of the draws.
        update: told how many are drawn, and of how many.
    """
    faces = np.array([frontal(face) for face in learnt])
    others = np.array([frontal(face) for face in shown])
    directions = muscles(teacher, faces[:MODELS_OF_MUSCLES])
    return (
        _drawn(teacher, Modeller.of(faces, directions), count, seed, update),
        teacher.about(shown[:, SEEN_AT, :2]),
        _drawn(teacher, Modeller.of(others, directions), DRAWN_HELD_OUT, seed + 1, update),
    )


def _drawn(teacher: Teacher, modeller: Modeller, count: int, seed: int, update: Progress) -> Lesson:
    rng = np.random.default_rng(seed)
    parts = []
    for start in range(0, count, BATCH):
        points = [modeller.draw(rng) for _ in range(min(BATCH, count - start))]
        parts.append(teacher.about(np.array(points)))
        update(start, count)
    return Lesson(
        np.concatenate([part.inputs for part in parts]),
        np.concatenate([part.answers for part in parts]),
    )


def fit(lesson: Lesson, hidden: Sequence[int], epochs: int, seed: int) -> bytes:
    """Fit a perceptron to the teacher's answers.

    Args:
        lesson: at least :data:`BATCH` faces.
        hidden: units of its hidden layers.
        epochs: times that each face is seen.
        seed: of the first weights and of the order.

    Returns:
        A file as :func:`detectors.distilled.read` takes it, its weights rounded to half precision.
    """
    import torch
    from torch import nn

    torch.manual_seed(seed)
    mean, scale = lesson.inputs.mean(axis=0), lesson.inputs.std(axis=0)
    sizes = [lesson.inputs.shape[1], *hidden, BLENDSHAPES]
    linear = [nn.Linear(*pair) for pair in pairwise(sizes)]
    network = nn.Sequential(*(part for layer in linear[:-1] for part in (layer, nn.SiLU())))
    network.append(linear[-1])

    inputs = torch.from_numpy((lesson.inputs - mean) / scale)
    right = torch.from_numpy(lesson.answers)
    odds = logit(np.clip(lesson.answers.astype(np.float64), 1e-7, 1 - 1e-7))
    odds = torch.from_numpy(np.clip(odds, -CLIPPED, CLIPPED).astype(np.float32))
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    steps = len(inputs) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=epochs * steps + 1)
    for _ in range(epochs):
        order = torch.randperm(len(inputs))
        for step in range(steps):
            batch = order[step * BATCH : (step + 1) * BATCH]
            said = network(inputs[batch])
            loss = PROBABILITY * (torch.sigmoid(said) - right[batch]).square().mean()
            clipped = said.clamp(-CLIPPED, CLIPPED)
            loss = loss + LOG_ODDS * (clipped - odds[batch]).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    arrays = {"mean": mean, "scale": scale}
    for at, layer in enumerate(linear):
        arrays[f"weight_{at}"] = layer.weight.detach().numpy().T.astype(np.float16)
        arrays[f"bias_{at}"] = layer.bias.detach().numpy().astype(np.float16)
    return _file(arrays)


def table(lesson: Lesson, held_out: Lesson, drawn_held_out: Lesson, epochs: int, seed: int) -> str:
    """Compare sizes, as a Markdown table."""
    lines = [
        "| hidden units | KB | portraits held out, MAE | drawn from them, MAE |",
        "| --- | ---: | ---: | ---: |",
    ]
    for hidden in LADDER:
        content = fit(lesson, hidden, epochs, seed)
        student = read(content)
        lines.append(
            f"| {', '.join(map(str, hidden)) or 'none'} | {len(content) / 1e3:.0f} | "
            f"{held_out.off(student):.4f} | {drawn_held_out.off(student):.4f} |"
        )
    return "\n".join(lines)


def exampled(held_out: Lesson, drawn_held_out: Lesson, teacher: Teacher) -> bytes:
    """Some faces held out, in half precision, and the teacher's answers about just those."""
    inputs = np.concatenate([held_out.inputs, drawn_held_out.inputs])[:EXAMPLES].astype(np.float16)
    points = inputs.astype(np.float64).reshape(len(inputs), len(SEEN), 2)
    return _file({"inputs": inputs, "answers": teacher(points)})


def _file(arrays: dict[str, NDArray[np.float16] | NDArray[np.float32]]) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


if __name__ == "__main__":
    typer.run(distil)
