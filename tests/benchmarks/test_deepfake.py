from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from benchmarks import deepfake
from models import manifest


@pytest.mark.weights
def test_faces_are_counted_for_each_detector(
    models_dir: Path,
    tmp_path: Path,
    astronaut: NDArray[np.uint8],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One face that is large enough, one that is not, and a wall."""
    store = tmp_path / "store"
    store.mkdir()
    file = manifest.models()["yunet"].file
    (store / file).symlink_to(models_dir / file)
    monkeypatch.setenv("PALISADE_MODELS", str(store))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("DEEPFACE_HOME", str(tmp_path))
    data = tmp_path / "data"
    folder = data / "faces" / "pairs_deepface"
    folder.mkdir(parents=True)
    small = np.asarray(Image.fromarray(astronaut).resize((320, 320)))
    for name, pixels in (("a", astronaut), ("b", small), ("c", np.zeros_like(small))):
        Image.fromarray(pixels).save(folder / f"{name}.png")
    rows = [f"faces/pairs_deepface/{name}.png,real,{name}" for name in "abc"]
    (data / "manifest.csv").write_text("\n".join(["path,label,subject", *rows]))
    monkeypatch.setattr(deepfake, "MIN_CONFIDENCE", 0.8)
    monkeypatch.setattr(deepfake, "MIN_FACE", 70.0)  # they have 87 and 54

    result = CliRunner().invoke(deepfake.app, ["faces", str(data)])
    assert result.exit_code == 0, result.output
    assert "| set | faces | yunet | overlap |" in result.output
    (line,) = [one for one in result.output.splitlines() if "pairs_deepface" in one]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1] == "2"
    assert cells[2].startswith("0.500 ")
    assert cells[3] == "—"
    assert "CPU time of a search" in result.output
