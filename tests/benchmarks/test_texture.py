"""Faces of noise: generated ones are smoother than photographs, but for one soft camera."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.texture import Row, faithful, markdown, measure
from training.faces import SWAPS, Face
from training.features import sharpness
from training.photographs import NAME

ROOT = Path(__file__).parents[2]
SHARP, SOFT = 12.0, 2.0
SOURCES = {
    "camera_a": (True, SHARP),
    "camera_b": (True, SHARP),
    "soft_camera": (True, SOFT),
    NAME: (True, SHARP),
    "gan": (False, SOFT),
    "sd3_portraits": (False, SOFT),
    SWAPS: (False, SHARP),
}


def patch(strength: float, seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    coarse = cv2.GaussianBlur(rng.normal(size=(120, 120, 3)), (0, 0), 4.0)
    noise = rng.normal(size=coarse.shape) * strength * rng.uniform(0.8, 1.2)
    return np.clip(128 + 300 * coarse + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def faces() -> list[Face]:
    found = []
    for number, (source, (real, strength)) in enumerate(SOURCES.items()):
        for at in range(12):
            plain = patch(strength, 100 * number + at)
            blurred = cv2.GaussianBlur(plain, (0, 0), 5.0).astype(np.uint8)
            found.append(Face(source, real, f"{source}/{at}", plain, blurred))
    return found


@pytest.fixture(scope="module")
def rows(faces: Sequence[Face]) -> list[Row]:
    return list(measure(faces, {"sharpness": sharpness}, 0))


def auc(row: Row, name: str) -> float:
    value = row.figures[name].value
    assert value is not None
    return value


def test_the_controls_show_that_sharpness_knows_cameras(rows: list[Row]) -> None:
    _, everything, permitted = rows
    assert everything.trained_on == "all others"
    for row in (everything, permitted):
        assert auc(row, "left_out: camera_a above gan") > 0.95
        assert auc(row, "left_out: soft_camera above gan") == pytest.approx(0.5, abs=0.3)
        assert auc(row, "real: soft_camera above camera_b") < 0.05
        assert auc(row, "apart: camera_a above swaps") == pytest.approx(0.5, abs=0.3)


def test_what_may_be_shipped_is_trained_on_nothing_else(rows: list[Row]) -> None:
    permitted = rows[2]
    assert permitted.trained_on == "permitted"
    known = [name for name in permitted.figures if name.startswith("known: ")]
    assert len(known) == 3
    assert all(name.endswith("above sd3_portraits") for name in known)
    assert not any(f": {NAME} above" in name for name in permitted.figures)


def test_the_reference_is_asked_and_not_fitted(rows: list[Row], faces: Sequence[Face]) -> None:
    reference = rows[0]
    assert (reference.head, reference.trained_on) == ("faithful", "nothing")
    scores = {face.subject: faithful(face.patch)[0] for face in faces}
    pairs = [
        (scores[f"camera_a/{a}"] > scores[f"gan/{b}"])
        + 0.5 * (scores[f"camera_a/{a}"] == scores[f"gan/{b}"])
        for a in range(12)
        for b in range(12)
    ]
    assert auc(reference, "known: camera_a above gan") == pytest.approx(np.mean(pairs))


def test_the_table_has_a_row_for_each_with_intervals(
    rows: list[Row], faces: Sequence[Face]
) -> None:
    lines = markdown(faces, rows).splitlines()
    assert "camera_a 12" in lines[0]
    assert len(lines) == 4 + len(rows) + 5 + 2  # and two of sharpness, by camera
    low, high = rows[1].figures["left_out"].low, rows[1].figures["left_out"].high
    assert low is not None
    assert high is not None
    assert f"[{low:.3f}, {high:.3f}]" in lines[5]
    soft = auc(rows[1], "left out, soft_camera")
    assert f"| {soft:.3f} [" in lines[-2]


@pytest.mark.data
def test_the_command_writes_its_results(data_dir: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.texture", data_dir, tmp_path / "out", "--limit", "4"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    report = json.loads((tmp_path / "out" / "texture.json").read_text())
    assert report["faces"]["ffhq"] == 4
    assert {row["trained_on"] for row in report["rows"]} == {"nothing", "all others"}
    assert (tmp_path / "out" / "texture.md").read_text() == done.stdout
