"""``palisade models export`` and what the other commands say of a model that was made here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import two_logits
from typer.testing import CliRunner, Result

import cli
from models import deepfake, own
from models.errors import ExportError
from models.own import Own


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PALISADE_MODELS", str(tmp_path / "store"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "store"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, ["models", *arguments])


def main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command as a user does, errors in one line included; returns its exit code."""
    monkeypatch.setattr("sys.argv", ["palisade", "models", *arguments])
    monkeypatch.setattr(cli, "silence_native_logs", lambda: None)
    with pytest.raises(SystemExit) as left:
        cli.main()
    return int(left.value.code or 0)


def test_it_says_what_was_made_and_how_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deepfake, "export", lambda checkpoint: two_logits.install())
    result = run("export", "deepfake", "pytorch_model.bin")
    assert result.exit_code == 0, result.output
    assert str(own.find("deepfake").path) in result.output
    assert "differs from torch by 0.0e+00 at most" in result.output


def test_a_wrong_checkpoint_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    wrong = tmp_path / "wrong.bin"
    wrong.write_bytes(b"not a checkpoint")
    assert main(monkeypatch, "export", "deepfake", str(wrong)) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert said[0].startswith("palisade: ")
    assert "no checkpoint" in said[0]
    assert own.names() == ()


def test_a_full_disk_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(checkpoint: Path) -> Own:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(deepfake, "export", full)
    result = run("export", "deepfake", "x.bin")
    assert isinstance(result.exception, ExportError)
    assert str(result.exception) == "deepfake could not be written: No space left on device"


def test_an_unknown_model_is_refused_with_those_there_are() -> None:
    result = run("export", "phrenology", "x.bin")
    assert result.exit_code == 2
    assert "retinaface" in result.output


def test_a_model_of_ones_own_is_listed_and_verified() -> None:
    made = two_logits.install()
    assert re.search(r"deepfake\s+ok\s+0\.0\s+yours\s+a test", run("list").output)
    assert "deepfake: ok" in run("verify").output
    made.path.write_bytes(b"damaged")
    assert re.search(r"deepfake\s+mismatch", run("list").output)
    result = run("verify")
    assert "deepfake: mismatch" in result.output
    assert result.exit_code == 1
