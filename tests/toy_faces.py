"""Drawn pictures of two classes that anything can tell apart: reddish ones and bluish ones."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import PIL.Image

Row = tuple[str, str, str, str]
"""``path``, ``label``, ``kind`` and ``subject``."""


def draw(path: Path, genuine: bool, seed: int) -> None:
    """Draw one picture of 64 by 64 pixels."""
    pixels = np.random.default_rng(seed).integers(0, 80, (64, 64, 3)).astype(np.uint8)
    pixels[..., 0 if genuine else 2] += 150
    PIL.Image.fromarray(pixels).save(path)


def write_manifest(folder: Path, rows: Iterable[tuple[str, ...]], part: bool = False) -> Path:
    """Write a manifest into a folder."""
    path = folder / "faces.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label", "kind", "subject", *(["part"] if part else [])))
        writer.writerows(rows)
    return path


def faces(folder: Path, subjects: int = 8) -> tuple[Path, list[Row]]:
    """Draw one live picture and one print of each subject; the manifest and its rows."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for subject in range(subjects):
        for genuine, label, kind in ((True, "live", ""), (False, "spoof", "print")):
            name = f"{subject}_{label}.png"
            draw(folder / name, genuine, 2 * subject + genuine)
            rows.append((name, label, kind, f"person{subject}"))
    return write_manifest(folder, rows), rows
