from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from two_logits import card, write

from detectors import finders
from detectors.finders import RetinaFaceOnnx, RetinaFacePackage, YuNet, best_finder
from models import manifest, own, retinaface
from models.store import ModelUnavailable

FACE = (180.0, 65.0, 270.0, 172.0)
"""The astronaut's, roughly."""


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any weights; its store."""
    store = tmp_path / "store"
    store.mkdir()
    monkeypatch.setenv("PALISADE_MODELS", str(store))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("DEEPFACE_HOME", str(tmp_path / "home"))
    return store


@pytest.fixture
def package(bare: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """``retina-face`` as version 0.0.19 has it, but for its network; what it was asked."""
    asked: list[dict[str, Any]] = []

    def detect_faces(img: NDArray[np.uint8], **how: Any) -> dict[str, Any]:
        asked.append({"img": img, **how})
        areas = {0.999: [10, 20, 60, 90], 0.95: [0, 0, 8, 8]}
        return {
            f"face_{number}": {"score": np.float32(score), "facial_area": area, "landmarks": {}}
            for number, (score, area) in enumerate(areas.items(), start=1)
        }

    made = ModuleType("retinaface.RetinaFace")
    made.detect_faces = detect_faces  # type: ignore[attr-defined]
    made.build_model = lambda: None  # type: ignore[attr-defined]

    def imported(name: str) -> ModuleType:
        assert name == "retinaface.RetinaFace"
        assert os.environ["DEEPFACE_BACKEND_ENGINE"] == "onnx"
        warnings.filterwarnings("ignore")  # as the package does
        return made

    weights = bare.parent / "home" / ".deepface" / "weights" / "retinaface.onnx"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    monkeypatch.delenv("DEEPFACE_BACKEND_ENGINE", raising=False)
    monkeypatch.setattr(finders.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(finders.importlib, "import_module", imported)
    yield asked
    os.environ.pop("DEEPFACE_BACKEND_ENGINE", None)


def test_the_package_comes_first(package: list[dict[str, Any]]) -> None:
    found = best_finder()
    assert found.name == "retina-face"
    assert found.digest == hashlib.sha256(b"weights").hexdigest()


def test_the_package_gets_blue_first_and_never_an_address(package: list[dict[str, Any]]) -> None:
    picture = np.zeros((100, 200, 3), np.uint8)
    picture[..., 0] = 255
    sure, small = RetinaFacePackage().find(picture, 0.9, 100)
    (asked,) = package
    assert asked["img"].shape == (50, 100, 3)
    assert asked["img"][0, 0].tolist() == [0, 0, 255]
    assert (asked["threshold"], asked["allow_upscaling"]) == (0.9, False)
    assert sure.box == (20.0, 40.0, 120.0, 180.0)
    assert sure.confidence == pytest.approx(0.999)
    assert (sure.side, small.side) == (100.0, 16.0)


def test_the_package_silences_nobody_elses_warnings(package: list[dict[str, Any]]) -> None:
    before = warnings.filters[:]
    RetinaFacePackage()
    assert warnings.filters == before


def test_the_package_without_its_weights_is_not_used(
    package: list[dict[str, Any]], bare: Path
) -> None:
    (bare.parent / "home/.deepface/weights/retinaface.onnx").unlink()
    with pytest.raises(ModelUnavailable, match="retina-face or its weights"):
        RetinaFacePackage()


def test_the_package_that_cannot_be_used_is_passed_over(
    package: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str) -> ModuleType:
        raise ModuleNotFoundError("No module named 'gdown'")

    monkeypatch.setattr(finders.importlib, "import_module", broken)
    with pytest.raises(ModelUnavailable, match="retina-face cannot be used: ModuleNotFoundError"):
        RetinaFacePackage()
    with pytest.raises(ModelUnavailable, match="palisade models fetch yunet"):
        best_finder()


def test_without_any_of_them_the_cure_is_named(bare: Path) -> None:
    with pytest.raises(ModelUnavailable, match="palisade models fetch yunet") as missing:
        best_finder()
    assert missing.value.reason == "weights_missing"


def same_place(box: tuple[float, ...], tolerance: float = 20.0) -> bool:
    return float(np.abs(np.array(box) - FACE).max()) < tolerance


@pytest.mark.weights
def test_yunet_finds_a_face_and_is_the_last_choice(
    models_dir: Path, bare: Path, astronaut: NDArray[np.uint8]
) -> None:
    name = manifest.models()["yunet"].file
    (bare / name).symlink_to(models_dir / name)
    found = best_finder()
    assert isinstance(found, YuNet)
    assert found.digest == manifest.models()["yunet"].sha256
    for side in (160, 320, 640):
        (face,) = found.find(astronaut, 0.8, side)
        assert same_place(face.box), face
    assert found.find(np.zeros((100, 100, 3), np.uint8), 0.8, 320) == []
    assert found.find(astronaut, 0.999, 320) == []


@pytest.mark.weights
def test_an_exported_retinaface_finds_a_face_and_goes_before_yunet(
    models_dir: Path, bare: Path, astronaut: NDArray[np.uint8]
) -> None:
    pytest.importorskip("torch")
    made = retinaface.export(models_dir / "retinaface_mobilenet0.25_Final.pth")
    assert made.card.parity < 1e-4
    found = best_finder()
    assert isinstance(found, RetinaFaceOnnx)
    assert found.digest == made.card.sha256
    for side in (160, 320, 511):
        faces = found.find(astronaut, 0.9, side)
        assert same_place(faces[0].box), faces
        assert faces[0].confidence > 0.99
    assert found.find(np.zeros((100, 100, 3), np.uint8), 0.9, 320) == []


def test_another_file_in_its_place_is_refused(bare: Path) -> None:
    def written(path: Path) -> own.Card:
        write(path, (1, 1, 1))
        return card(name="retinaface")

    own.register("retinaface", written)
    with pytest.raises(ModelUnavailable) as refused:
        RetinaFaceOnnx()
    assert refused.value.reason == "weights_interface"
