from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
from toy_faces import faces

import cli
from models import own

RECIPE = """
network: mobilenet_v3
purpose: drawn pictures
crop: whole
side: {side}
start: random
batch: 4
phases: [{{epochs: 1, learning_rate: 0.002}}]
"""


def palisade(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run the command; its exit code."""
    monkeypatch.setattr(sys, "argv", ["palisade", *map(str, arguments)])
    monkeypatch.setattr(cli, "silence_native_logs", lambda: None)
    with pytest.raises(SystemExit) as left:
        cli.main()
    return int(left.value.code or 0)


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PALISADE_MODELS", str(tmp_path / "store"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    faces(tmp_path)
    return tmp_path


def test_a_model_is_trained_and_served_by_its_name(
    toy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("lightning_fabric")
    from detectors.liveness import Liveness
    from detectors.liveness_own import OWN_MODEL

    (toy / "mine.yaml").write_text(RECIPE.format(side=64))
    arguments = ("train", toy / "mine.yaml", "--data", toy / "faces.csv", "--out", toy / "run")
    again = ("--elsewhere", f"again={toy / 'faces.csv'}")
    assert palisade(monkeypatch, *arguments, "--name", "mine", "--device", "cpu", *again) == 0
    said = capsys.readouterr().out
    assert "loss " in said
    assert "12 train, 2 validation, 2 test" in said
    assert "PALISADE_LIVENESS_MODEL=mine" in said
    assert "again: AUC: " in said
    monkeypatch.setenv(OWN_MODEL, "mine")
    detector = Liveness()
    detector.load()
    assert detector._digest == own.find("mine").card.sha256


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing",), "there are autoencoder_oneclass, autoencoder_resnet18, efficientnet_b2"),
        (("mobilenet_v3", "--name", "../mine"), "letters, digits, - and _ only"),
        (("mobilenet_v3", "--elsewhere", "others.csv"), "NAME=MANIFEST, each with a name"),
        (("mobilenet_v3", "--elsewhere", "test=a.csv"), "NAME=MANIFEST, each with a name"),
    ],
)
def test_what_is_wrong_is_one_line(
    arguments: tuple[str, ...],
    said: str,
    toy: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = palisade(
        monkeypatch, "train", *arguments, "--data", toy / "faces.csv", "--out", toy / "run"
    )
    assert code == 2
    err = capsys.readouterr().err
    assert said in err
    assert "\n" not in err.strip()


@pytest.mark.parametrize("package", ["torch", "torchvision", "lightning_fabric"])
def test_a_missing_package_says_what_to_install(
    package: str,
    toy: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if package == "lightning_fabric":
        pytest.importorskip("torch")
    else:
        load = importlib.import_module

        def without(name: str, *more: str) -> object:
            if name == "torchvision":
                raise ModuleNotFoundError(f"No module named {package!r}", name=package)
            return load(name, *more)

        monkeypatch.setattr(importlib, "import_module", without)
    monkeypatch.setitem(sys.modules, package, None)
    (toy / "mine.yaml").write_text(RECIPE.format(side=32))
    arguments = ("train", toy / "mine.yaml", "--data", toy / "faces.csv", "--out", toy / "run")
    assert palisade(monkeypatch, *arguments) == 2
    err = capsys.readouterr().err
    assert f"{package} is missing: run `pip install 'palisade[cpu,train]'`" in err
    assert "\n" not in err.strip()
