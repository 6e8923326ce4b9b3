from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evaluation import documents
from evaluation.commands import app
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
