"""The Python that the README and the documentation show, run as it stands there."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from detectors.face import FaceLocator
from detectors.runner import Runner

ROOT = Path(__file__).parents[1]


def python_in(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


@pytest.fixture
def folder_with_a_face(
    astronaut: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(astronaut).save(tmp_path / "face.jpg", quality=92)
    monkeypatch.chdir(tmp_path)


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.usefixtures("folder_with_a_face")
@pytest.mark.parametrize("code", python_in("README.md"))
def test_what_the_readme_shows_runs_and_prints(
    code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(code, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "eye_specular" in printed or "right_count" in printed


def test_the_detector_of_the_tutorial_works(
    astronaut: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = python_in("docs/ADDING_A_DETECTOR.md")
    (tmp_path / "sharpness.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    detector = importlib.import_module("sharpness").Sharpness
    locator = FaceLocator()
    locator.load()
    bundle = locator.locate(astronaut).bundle
    assert bundle is not None
    measured = Runner(detector())(bundle.only(detector.needs))
    score = detector.score(measured.measures, detector.mapping())
    assert measured.measures["variance"] > 0
    assert 0 <= score.value <= 1


@pytest.mark.parametrize("page", ["README.md", *sorted(p.name for p in ROOT.glob("docs/*.md"))])
def test_links_to_files_lead_somewhere(page: str) -> None:
    path = ROOT / page if page == "README.md" else ROOT / "docs" / page
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target
