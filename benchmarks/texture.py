"""What heads on fine detail are worth against generated faces, each with its four controls.

``python -m benchmarks.texture DATA OUT --photographs FOLDER`` brings the faces of DATA to one
encoder and one range of scales, fits every candidate with sources left out, prints a Markdown
table, and writes it to ``OUT/texture.md`` and ``OUT/texture.json``. FOLDER holds photographs that
anyone may train on (models/cards/gan_texture.md says which); without it the rows of what may be
shipped are left out. ``--backbone FILE`` adds a frozen network of the folder of models, which
takes torch; ``--native`` takes large faces at the scale that they came with.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from numpy.typing import NDArray

from detectors.contracts import LANDMARKS, FaceBundle, Status
from detectors.face import FaceLocator
from detectors.fingerprint import Head, Vector
from detectors.gan_texture import GanTexture, GanTextureMapping
from detectors.pixels import Pixels
from evaluation.intervals import Figure, bootstrap
from terminal import progress, silence_native_logs
from training.backbone import load
from training.controls import Table, Trainer, compare
from training.faces import SOURCES, SWAPS, Face, gather
from training.features import FAMILIES
from training.heads import fit
from training.photographs import NAME, squares

PERMITTED = {"sd3_portraits", NAME}
"""What may train a head that is shipped."""

NETWORK = "mobilenet"

COMBINED = (("spectrum", "colour_fixed", "cooccurrences_fixed"), ("spectrum", NETWORK))


IN_FULL = ("sharpness", "spectrum", NETWORK)
"""Heads of which the second table tells each source of photographs."""

Family = Callable[[Pixels], Vector]


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One candidate trained in one way."""

    head: str
    trained_on: str
    figures: Mapping[str, Figure]

    def of(self, control: str) -> list[float]:
        """The AUC of every pair of one control."""
        return [
            figure.value
            for name, figure in self.figures.items()
            if name.startswith(f"{control}: ") and figure.value is not None
        ]


def texture(
    data: Annotated[Path, typer.Argument(help="Folder with the sources.")],
    out: Annotated[Path, typer.Argument(help="Folder for the results.")],
    photographs: Annotated[Path | None, typer.Option(help="Photographs to train on.")] = None,
    backbone: Annotated[Path | None, typer.Option(help="mobilenetV1X0.25_pretrain.tar")] = None,
    native: Annotated[bool, typer.Option(help="Large faces as they are.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of every draw.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="Faces of a source at most.")] = None,
) -> None:
    """Compare candidates."""
    cv2.setNumThreads(1)
    silence_native_logs()
    locator = FaceLocator()
    locator.load()
    sources = [s if limit is None else s.limited(limit) for s in SOURCES]
    with progress("Faces") as update:
        faces = list(gather(data, seed, locator, sources, native, update))
    if photographs is not None:
        with progress("Photographs") as update:
            faces += squares(photographs, seed, native, update)
    families = dict(FAMILIES) | ({} if backbone is None else {NETWORK: load(backbone)})
    rows = list(measure(faces, families, seed))
    out.mkdir(parents=True, exist_ok=True)
    text = markdown(faces, rows)
    (out / "texture.md").write_text(text, "utf-8")
    report = {"seed": seed, "faces": counts(faces), "rows": [_flat(row) for row in rows]}
    (out / "texture.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    print(text, end="")


def measure(faces: Sequence[Face], families: Mapping[str, Family], seed: int) -> Iterator[Row]:
    """Fit and compare every candidate, trained on everything and on what is permitted."""
    plain, blurred = stacked(faces, faithful)
    table = tabled(faces, plain, blurred)
    everything = dict.fromkeys(table.sources.tolist(), True)
    yield row("faithful", "nothing", table, everything, seed, lambda _: Head(np.ones(1), 0.0))
    ways = {"all others": everything}
    if NAME in everything:
        ways["permitted"] = {name: name in PERMITTED for name in everything}
    found = {name: stacked(faces, family) for name, family in families.items()}
    for names in COMBINED:
        if all(name in found for name in names):
            parts = [found[name] for name in names]
            together = np.hstack([a for a, _ in parts]), np.hstack([b for _, b in parts])
            found[" + ".join(names)] = together
    for way, trainable in ways.items():
        for head, (plain, blurred) in found.items():
            table = tabled(faces, plain, blurred)
            yield row(head, way, table, trainable, seed, partial(trained, table))


def faithful(patch: Pixels) -> Vector:
    """The reference's score, of which nothing is fitted: float64 (1,)."""
    corners = np.zeros((LANDMARKS, 3), np.float32)
    corners[1, :2] = len(patch)
    bundle = FaceBundle(
        crop=patch,
        frame=patch[:0],
        box=(0.0, 0.0, float(len(patch)), float(len(patch))),
        crop_origin=(0.0, 0.0),
        crop_scale=1.0,
        frame_size=(len(patch), len(patch)),
        landmarks=corners,
    )
    measured = GanTexture().measure(bundle)
    if measured.status is not Status.OK:
        return np.array([0.5])
    return np.array([GanTexture.score(measured.measures, GanTextureMapping()).value])


def stacked(
    faces: Sequence[Face], family: Family
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The features of all faces, and of the blurred ones: float64 (N, F) each."""
    return (
        np.array([family(face.patch) for face in faces]),
        np.array([family(face.blurred) for face in faces]),
    )


def tabled(
    faces: Sequence[Face], plain: NDArray[np.float64], blurred: NDArray[np.float64]
) -> Table:
    """Put features beside what is known of the faces."""
    return Table(
        plain,
        blurred,
        np.array([face.real for face in faces]),
        np.array([face.source for face in faces]),
        np.array([face.subject for face in faces]),
    )


def trained(table: Table, chosen: NDArray[np.bool_]) -> Head:
    """Fit a head on some of the faces."""
    return fit(table.features[chosen], table.real[chosen], table.sources[chosen])


def row(
    head: str, way: str, table: Table, trainable: Mapping[str, bool], seed: int, train: Trainer
) -> Row:
    """Take one candidate through the controls."""
    apart = {SWAPS} & set(table.sources.tolist())
    pairs = [pair for pair in compare(table, trainable, seed, train, apart) if pair.upper != NAME]

    def statistics(weights: NDArray[np.float64]) -> dict[str, float]:
        aucs = {pair: pair.auc(weights) for pair in pairs}
        controls: dict[str, list[float]] = {}
        for pair, auc in aucs.items():
            controls.setdefault(pair.control, []).append(auc)
            if pair.control == "left_out":
                controls.setdefault(f"left out, {pair.upper}", []).append(auc)
        means = {control: float(np.mean(values)) for control, values in controls.items() if values}
        return means | {pair.name: auc for pair, auc in aucs.items()}

    return Row(head, way, bootstrap(statistics, table.subjects.tolist(), seed=seed))


def counts(faces: Sequence[Face]) -> dict[str, int]:
    """How many faces each source has."""
    return dict(Counter(face.source for face in faces))


def markdown(faces: Sequence[Face], rows: Sequence[Row]) -> str:
    """The table for people."""
    known = ", ".join(f"{name} {count}" for name, count in counts(faces).items())
    lines = [
        f"Faces: {known}.",
        "",
        "| head | trained on | known generator | left out | its worst pair | "
        "real against real | blurred | face swaps |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for found in rows:
        worst = found.of("left_out")
        real = found.of("real")
        cells = [
            found.head,
            found.trained_on,
            str(found.figures["known"]),
            str(found.figures["left_out"]),
            f"{min(worst):.2f}" if worst else "—",
            f"{min(real):.2f} to {max(real):.2f}" if real else "—",
            str(found.figures["blur"]),
            str(found.figures.get("apart", "—")),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    cameras = sorted({face.source for face in faces if face.real} - {NAME})
    lines += [
        "",
        "Generators left out, by the source of the photographs:",
        "",
        f"| head | trained on | {' | '.join(cameras)} |",
        "| --- | --- |" + " --- |" * len(cameras),
    ]
    for found in rows:
        if found.head in IN_FULL:
            values = [str(found.figures[f"left out, {camera}"]) for camera in cameras]
            lines.append(f"| {' | '.join([found.head, found.trained_on, *values])} |")
    return "\n".join(lines) + "\n"


def _flat(found: Row) -> dict[str, Any]:
    figures = {name: asdict(figure) for name, figure in found.figures.items()}
    return {"head": found.head, "trained_on": found.trained_on, "figures": figures}


if __name__ == "__main__":
    typer.run(texture)
