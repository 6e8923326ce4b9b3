from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

import toy_teachers
from toy_faces import faces

import cli
from models import own

RECIPE = """
network: mobilenet_v3
purpose: drawn pictures
crop: whole
side: 32
start: random
batch: 4
phases: [{epochs: 1, learning_rate: 0.002}]
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PALISADE_MODELS", str(tmp_path / "store"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(cli, "silence_native_logs", lambda: None)
    faces(tmp_path)
    toy_teachers.write(tmp_path / "large.onnx")
    (tmp_path / "small.yaml").write_text(RECIPE)
    return tmp_path


def palisade(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run the command; its exit code."""
    monkeypatch.setattr(sys, "argv", ["palisade", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return int(left.value.code or 0)


def test_a_student_is_taught_and_put_beside_its_teacher(
    toy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ("--data", toy / "faces.csv", "--device", "cpu")
    assert palisade(monkeypatch, "train", toy / "small.yaml", *data, "--out", toy / "alone") == 0
    assert "teacher" not in capsys.readouterr().out
    taught = ("distill", toy / "large.onnx", toy / "small.yaml", *data, "--out", toy / "taught")
    assert palisade(monkeypatch, *taught, "--baseline", toy / "alone") == 0
    printed = capsys.readouterr().out
    assert "ms for a presentation [quartiles]" in printed
    said = [line.split() for line in printed.splitlines()]
    made = own.find("mobilenet_v3_distilled")
    size = f"{made.card.bytes / 1e6:.1f}"
    assert ["student", "mobilenet_v3_distilled", size] in [line[:3] for line in said]
    assert ["teacher", "large.onnx", "0.0"] in [line[:3] for line in said]
    assert ["baseline", "mobilenet_v3", size] in [line[:3] for line in said]
    assert ["teacher", "1.000", "[1.000,", "1.000]"] in [line[:4] for line in said]
    assert "PALISADE_LIVENESS_MODEL=mobilenet_v3_distilled" in said[-1][-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nobody", "mobilenet_v3"), "nobody: there is neither a model of that name"),
        (("large.onnx", "efficientnet_b2"), "a teacher has to know the student's question"),
        (("large.onnx", "autoencoder_oneclass"), "a teacher's opinions are of no use to it"),
        (("large.onnx", "nothing"), "there are autoencoder_oneclass"),
        (("large.onnx", "small.yaml", "--name", "../x"), "letters, digits, - and _ only"),
        (("large.onnx", "small.yaml", "--baseline", "."), "no report of a finished"),
    ],
)
def test_what_is_wrong_is_one_line(
    arguments: tuple[str, ...],
    said: str,
    toy: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(toy)
    code = palisade(monkeypatch, "distill", *arguments, "--data", "faces.csv", "--out", "run")
    assert code == 2
    err = capsys.readouterr().err
    assert said in err
    assert "\n" not in err.strip()
