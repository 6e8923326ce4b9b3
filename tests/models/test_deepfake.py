from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import dfds  # noqa: E402

from detectors.deepfake import Network  # noqa: E402
from models import deepfake, onnx, own  # noqa: E402
from models.errors import ExportError  # noqa: E402


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PALISADE_MODELS", str(tmp_path / "store"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "store"


def checkpoint(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "pytorch_model.bin"
    torch.save(content, path)
    return path


def test_the_network_is_torchvisions_with_the_references_head() -> None:
    state = dfds.state()
    assert state["features.0.0.weight"].shape == (32, 3, 3, 3)
    assert state["features.8.0.weight"].shape == (1408, 352, 1, 1)
    assert state["classifier.1.weight"].shape == (2, 1408)
    assert isinstance(dfds.network().classifier[0], torch.nn.Dropout)
    assert dfds.network().classifier[0].p == 0.3


def test_an_exported_checkpoint_answers_as_it_does_in_torch(store: Path, tmp_path: Path) -> None:
    made = deepfake.export(checkpoint(tmp_path, {"model_state_dict": dfds.state(), "epoch": 3}))
    assert 0 < made.card.parity <= 1e-4
    assert own.find("deepfake") == made
    session = onnx.session(made.path)
    generator = torch.Generator().manual_seed(1)
    for count in (1, 2, 5):  # any number of faces
        pixels = torch.randn(count, 3, 260, 260, generator=generator)
        (found,) = session.run(["logits"], {"pixel_values": pixels.numpy()})
        with torch.inference_mode():
            expected = dfds.network()(pixels).numpy()
        assert np.ptp(expected) > 0.05 or count == 1, "the network does not look at its input"
        np.testing.assert_allclose(found, expected, atol=1e-4)
    log_odds = Network()(pixels.numpy())
    np.testing.assert_allclose(log_odds, expected[:, 1] - expected[:, 0], atol=2e-4)


def test_the_card_says_where_it_comes_from(store: Path, tmp_path: Path) -> None:
    import hashlib

    import onnx as package

    path = checkpoint(tmp_path, dfds.state())
    made = deepfake.export(path)
    assert made.card.made_from == hashlib.sha256(path.read_bytes()).hexdigest()
    assert "torch 2." in made.card.made_with
    model = package.load(str(made.path))
    assert [opset.version for opset in model.opset_import] == [17]


def test_a_network_of_another_size_leaves_the_store_as_it_was(store: Path, tmp_path: Path) -> None:
    from torchvision.models import efficientnet_b0

    other = efficientnet_b0(weights=None)
    with pytest.raises(ExportError, match="another network: it lacks"):
        deepfake.export(checkpoint(tmp_path, other.state_dict()))
    three = dfds.state() | {
        "classifier.1.weight": torch.zeros(3, 1408),
        "classifier.1.bias": torch.zeros(3),
    }
    with pytest.raises(ExportError, match=r"classifier.1.bias has the shape \(3,\), not \(2,\)"):
        deepfake.export(checkpoint(tmp_path, three))
    assert not store.exists()


def test_a_file_that_answers_differently_is_not_kept(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models import export

    monkeypatch.setattr(export, "PARITY", -1.0)
    with pytest.raises(ExportError, match="differs from torch"):
        deepfake.export(checkpoint(tmp_path, dfds.state()))
    assert list((store / "own").iterdir()) == []
