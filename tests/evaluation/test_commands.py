from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import single_logit
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from detectors.liveness_own import OWN_MODEL
from evaluation import documents
from evaluation.commands import app
from evaluation.faces import DEEPFAKE, PAD
from fusion.policy import load_policy

from .conftest import Level, MakeSet

ROWS = [("a.png", "real", "", "a", 200), ("b.png", "screen", "", "b", 40)]


@pytest.fixture
def bright(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "check_of", lambda kind: Level())


@pytest.mark.usefixtures("bright")
@pytest.mark.parametrize("kind", ["moire", "tamper"])
def test_a_check_is_measured_under_both_policies(
    kind: str, make_set: MakeSet, tmp_path: Path
) -> None:
    result = CliRunner().invoke(app, [kind, make_set(ROWS), str(tmp_path / "out"), "--jobs", "1"])
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert found["about"]["what"] == kind
    assert list(found["profiles"]) == ["hardened", "faithful"]
    wanted = [load_policy(name).documents.threshold for name in ("hardened", "faithful")]
    assert [p["threshold"] for p in found["profiles"].values()] == wanted
    assert "report.json" in result.output


@pytest.mark.usefixtures("bright")
def test_one_policy_can_be_chosen(make_set: MakeSet, tmp_path: Path) -> None:
    arguments = ["moire", make_set(ROWS), str(tmp_path / "out"), "--policy", "faithful"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    found = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert list(found["profiles"]) == ["faithful"]


@pytest.mark.usefixtures("bright")
def test_a_copy_of_a_policy_stands_beside_the_original(make_set: MakeSet, tmp_path: Path) -> None:
    copy = tmp_path / "copy.yaml"
    copy.write_text(files("fusion.policies").joinpath("hardened.yaml").read_text("utf-8"))
    chosen = ["--policy", "hardened", "--policy", str(copy), "--policy", "hardened"]
    result = CliRunner().invoke(app, ["moire", make_set(ROWS), str(tmp_path / "out"), *chosen])
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert list(found["profiles"]) == ["hardened", str(copy)]


def test_presentation_attacks_with_a_threshold_from_another_manifest(
    tmp_path: Path, astronaut: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a network that takes red for a spoof, the bluish astronauts are live."""
    own = single_logit.write(tmp_path / "own.onnx", (9.0, 0.0, -9.0))
    monkeypatch.setenv(OWN_MODEL, str(own))
    lines = ["path,label,kind,subject"]
    for number, (label, tint) in enumerate(
        [("live", (0, 0, 60)), ("live", (0, 0, 80)), ("attack", (60, 0, 0)), ("attack", (0, 0, 0))]
    ):
        tinted = np.clip(astronaut.astype(int) + tint, 0, 255).astype(np.uint8)
        Image.fromarray(tinted).save(tmp_path / f"{number}.png")
        lines.append(f"{number}.png,{label},print,person{number % 2}")
    Image.new("RGB", (100, 100)).save(tmp_path / "none.png")
    lines.append("none.png,attack,print,person1")
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("\n".join(lines) + "\n")
    arguments = ["pad", str(manifest), str(tmp_path / "out"), "--threshold-from", str(manifest)]
    result = CliRunner().invoke(app, [*arguments, "--jobs", "1"])
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert tuple(found["headline"])[:6] == PAD
    assert found["headline"]["auc"] == 1.0
    assert found["headline"]["hter"] == 0.0
    assert found["headline"]["non_response"] == 1 / 5
    assert found["about"]["what"] == "pad"
    assert found["about"]["criterion"] == "equal error rate"
    assert list(found["profiles"]) == ["hardened", "faithful"]
    assert "threshold of the equal error rate" in (tmp_path / "out" / "summary.md").read_text()

    again = CliRunner().invoke(app, [*arguments, "--jobs", "1", "--insist", "--alone"])
    assert again.exit_code == 0, again.output
    deepfakes = ["deepfake", str(manifest), str(tmp_path / "out"), "--signal", "liveness"]
    result = CliRunner().invoke(app, [*deepfakes, "--jobs", "1", "--policy", "faithful"])
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert tuple(found["headline"])[:6] == DEEPFAKE
    assert [row["name"] for row in found["methods"]] == ["print"]


def test_an_unknown_signal_is_told_before_anything_is_looked_at(tmp_path: Path) -> None:
    arguments = ["pad", "nowhere.csv", str(tmp_path / "out"), "--signal", "nose"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code != 0
    assert "there is no signal 'nose'; there are eye_specular" in str(result.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        (None, "no such file"),
        ("", "no column path"),
        ("path,label,kind\n1.png,real,\n", "no column subject"),
        ("path,label,kind,subject\n1.png,real\n", "line 2 has 2 fields"),
        ("path,label,kind,subject\n", "no rows"),
        ("path,label,kind,subject\n1.txt,real,,\n", "none of its rows is an image"),
        ("path,label,kind,subject\n1.png,odd,,\n", "'odd'"),
        ("path,label,kind,subject\n1.png,real,,\n", "none of the 1 files is there"),
    ],
)
@pytest.mark.usefixtures("bright")
def test_a_bad_manifest_stops_before_anything_is_written(
    manifest: str | None, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "manifest.csv"
    if manifest is not None:
        path.write_text(manifest)
    result = CliRunner().invoke(app, ["moire", str(path), str(tmp_path / "out")])
    assert result.exit_code != 0
    assert says in str(result.exception).lower()
    assert "\n" not in str(result.exception)
    assert {child.name for child in tmp_path.iterdir()} <= {"manifest.csv"}


def test_as_a_user_sees_a_bad_manifest(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "cli", "evaluate", "mrz", "nowhere.csv", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "COLUMNS": "160"},
    )
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.strip() == "palisade: nowhere.csv: There is no such file."
