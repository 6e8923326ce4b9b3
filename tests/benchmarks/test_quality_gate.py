from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from poor_faces import exposed
from typer.testing import CliRunner

from benchmarks.quality_gate import GROUPS, SETS, app


@pytest.fixture(scope="module")
def folder(astronaut: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One face in daylight and one at night, as two data sets; and an attack, which is left out."""
    root = tmp_path_factory.mktemp("data")
    portrait = np.ascontiguousarray(cv2.resize(astronaut[:280, 84:364], (560, 560)))
    rows = []
    for at, pixels, label, kind in (
        (SETS["FFHQ"] + "day.png", portrait, "real", "x"),
        (SETS["FFHQ"] + "night.png", exposed(portrait, 0.1), "real", "x"),
        (SETS["FFHQ"] + "attack.png", exposed(portrait, 0.1), "attack", "x"),
        (GROUPS + "1.png", portrait, "real", "age=30 sex=F race=A"),
        (GROUPS + "2.png", np.full_like(portrait, 128), "real", "age=40 sex=M race=A"),
    ):
        path = root / at
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), pixels[..., ::-1])
        rows.append({"path": at, "label": label, "kind": kind, "subject": at})
    with (root / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ("path", "label", "kind", "subject"))
        writer.writeheader()
        writer.writerows(rows)
    return root


def run(*arguments: str) -> dict[str, list[list[str]]]:
    """Rows of the tables that a command prints, by their first cell."""
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    rows: dict[str, list[list[str]]] = {}
    for line in result.output.splitlines():
        if line.startswith("|"):
            first, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            rows.setdefault(first, []).append(cells)
    return rows


def test_refusals_are_counted_by_policy_and_reason(folder: Path) -> None:
    rows = run("refusals", str(folder))
    assert [cells[0].split()[0] for cells in rows["any"]] == ["1.000", "0.500"]  # blur, for one
    assert [cells[0].split()[0] for cells in rows["low_brightness"]] == ["0.500", "0.500"]
    assert rows["face_dark"][0][0].startswith("0.500 [")
    assert rows["reason"][0] == ["FFHQ (2)"]


def test_groups_are_told_apart(folder: Path) -> None:
    rows = run("groups", str(folder))
    assert rows["women"][0][:3] == ["1", "0.000 [0.000, 0.975]", "0.000 [0.000, 0.975]"]
    assert rows["men"][0][1].startswith("1.000 [")
    assert rows["all"][0][1].startswith("0.500 [")
    assert rows["sex"][0][0].startswith("1.000")
    assert rows["group"][0][0].startswith("0.000")
