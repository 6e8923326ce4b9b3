"""Train the head that ships, and say what its answer is worth.

``python -m training.texture DATA PHOTOGRAPHS [--out models/gan_texture.json]`` fits it on
``DATA/synthetic/sd3_portraits`` (CC0) and on the folder of photographs that the model card names,
and on nothing else. Where DATA has other sources it then asks the head about those and prints the
slope, offset and cap for the policy, which no head is fitted on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from numpy.typing import NDArray

from detectors.face import FaceLocator
from detectors.fingerprint import Head, spectrum
from terminal import progress, silence_native_logs
from training.controls import FOLDS, Table
from training.faces import SOURCES, SWAPS, Face, gather
from training.heads import fit
from training.photographs import NAME, squares
from training.worth import worth

GENERATED = "sd3_portraits"
PERMITTED = (GENERATED, NAME)
"""What trains the head that is shipped."""

PLACES = 6
"""Decimals of a weight in the file, so that two machines write the same one."""


def train(
    data: Annotated[Path, typer.Argument(help="Folder with synthetic/sd3_portraits.")],
    photographs: Annotated[Path, typer.Argument(help="Photographs that the card names.")],
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("models/gan_texture.json"),
    seed: Annotated[int, typer.Option(min=0, help="Of every draw.")] = 0,
) -> None:
    """Train the head."""
    cv2.setNumThreads(1)
    silence_native_logs()
    locator = FaceLocator()
    locator.load()
    with progress("Faces") as update:
        faces = list(gather(data, seed, locator, SOURCES, update=update))
    with progress("Photographs") as update:
        faces += squares(photographs, seed, update=update)
    faces = [face for face in faces if face.source != SWAPS]
    table = counted(faces)
    head = fit_on(table, np.ones(len(faces), bool))
    out.write_text(written(head, table), "utf-8")
    others = ~np.isin(table.sources, PERMITTED)
    if len(set(table.sources[others & table.real])) < 2 or not (others & ~table.real).any():
        print("What the head is worth needs two other sources of photographs and a generator.")
        return
    said = unseen(table, seed)
    asked = table.sources != NAME
    print(worth(said[asked], table.real[asked], table.sources[asked]))


def counted(faces: Sequence[Face]) -> Table:
    """The spectra of faces, beside what is known of them."""
    return Table(
        np.array([spectrum(face.patch) for face in faces]),
        np.array([spectrum(face.blurred) for face in faces]),
        np.array([face.real for face in faces]),
        np.array([face.source for face in faces]),
        np.array([face.subject for face in faces]),
    )


def fit_on(table: Table, chosen: NDArray[np.bool_]) -> Head:
    """Fit a head on those of the chosen faces that may train what is shipped."""
    may = chosen & np.isin(table.sources, PERMITTED)
    return fit(table.features[may], table.real[may], table.sources[may])


def unseen(table: Table, seed: int) -> NDArray[np.float64]:
    """Log-odds of each face from a head that has not seen its subject, float64 (N,)."""
    folds = table.folds(seed)
    said = np.empty(len(folds))
    for fold in range(FOLDS):
        head = fit_on(table, folds != fold)
        said[folds == fold] = head.log_odds(table.features[folds == fold])
    return said


def written(head: Head, table: Table) -> str:
    """The head as JSON, with how many faces of each source it was fitted on."""
    counts = {name: int((table.sources == name).sum()) for name in PERMITTED}
    weights = [round(weight, PLACES) for weight in head.weights.tolist()]
    content = {"trained_on": counts, "intercept": round(head.intercept, PLACES), "weights": weights}
    return json.dumps(content, indent=1) + "\n"


if __name__ == "__main__":
    typer.run(train)
