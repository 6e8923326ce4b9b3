from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmarks.findings import Goal
from benchmarks.looks import SIDE, OneFace, OneSize
from benchmarks.results import draw, results
from benchmarks.sets import SETS, DataSet
from detectors.registry import DETECTORS
from evaluation.intervals import Figure
from evaluation.items import Item
from fusion.policy import load_policy
from media.capture import Capture
from pipeline import Pipeline

ROOT = Path(__file__).parents[2]


def with_grid(pixels: NDArray[np.uint8], depth: int) -> NDArray[np.uint8]:
    """A checkerboard of ``depth`` grey levels, as careless upsampling leaves it."""
    board = np.indices(pixels.shape[:2]).sum(axis=0) // 4 % 2
    return np.clip(pixels + depth * board[..., None], 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, astronaut: NDArray[np.uint8]) -> Path:
    """One face, clean and with a grid, as three people of each of three sets."""
    folder = tmp_path_factory.mktemp("data")
    rows = ["path,label,kind,subject"]

    def put(path: str, pixels: NDArray[np.uint8] | None, label: str, kind: str, of: str) -> None:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        if pixels is not None:
            Image.fromarray(pixels).save(folder / path)
        rows.append(f"{path},{label},{kind},{of}")

    for at in range(3):
        clean = np.clip(astronaut.astype(np.int16) + 3 * at, 0, 255).astype(np.uint8)
        for half in ("devel", "train"):
            of = f"{half}{at}"
            put(f"pad/replay_attack/{half}/live{at}.png", clean, "live", "live", of)
            grid = with_grid(clean, 14 + at)
            put(f"pad/replay_attack/{half}/grid{at}.png", grid, "attack", "grid", of)
        sex, group = ("F", "M", "M")[at], ("Asian", "Black", "Black")[at]
        face = clean if at else np.full((200, 200, 3), 99, np.uint8)
        put(f"faces/utkface_200/{at}.png", face, "real", f"age=30 sex={sex} race={group}", "utk")
    put("pad/replay_attack/train/gone.png", None, "attack", "grid", "train0")
    put("documents/card.png", None, "specimen", "", "")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def written(
    data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, Any], Path]:
    """The page, the figures and the folders of a run."""
    out = tmp_path_factory.mktemp("out")
    results(data, out, out / "docs", None, 0, 1)
    figures = json.loads((out / "results.json").read_text("utf-8"))
    return (out / "docs" / "RESULTS.md").read_text("utf-8"), figures, out


Written = tuple[str, dict[str, Any], Path]


def test_every_signal_of_the_registry_has_a_section(written: Written) -> None:
    page, figures, _ = written
    for detector in DETECTORS:
        assert f"## `{detector.name}`" in page
    assert "## The fused score" in page
    texture = figures["signals"]["gan_texture"]["replay_attack devel"]
    assert texture["hardened"]["auc"]["value"] is not None


def test_the_page_names_its_command_and_what_was_not_measured(written: Written) -> None:
    page, figures, _ = written
    assert "python -m benchmarks.results DATA OUT --seed 0`, not by hand" in page
    for name in ("collectors", "whole 1024 px", "replayed clips"):
        assert name in figures["about"]["not_measured"]
    assert "Not measured, for want of files: collectors" in page


def test_captures_are_counted_and_nothing_is_dropped(written: Written) -> None:
    _, figures, _ = written
    captures = figures["captures"]["replay_attack train"]
    assert captures[1] == "3 / 4"
    assert captures[3:5] == ["0 / 1", "file-missing 1"]
    passed = figures["decisions"]["replay_attack train, faithful"][-1]
    assert passed.count("/") == 1


def test_failure_to_acquire_is_stated_by_sex_and_group(written: Written) -> None:
    page, figures, _ = written
    assert figures["people"]["sex"]["value"] == 1.0  # the one woman's picture is grey
    assert figures["people"]["group"]["value"] == 1.0
    assert "| sex | F | 1 | 1.000 [0.025, 1.000] |" in page
    assert "| sex and group | M Black | 2 | 0.000 [0.000, 0.842] |" in page


def test_plots_are_small_and_beside_the_page(written: Written) -> None:
    page, _, out = written
    drawn = list((out / "docs" / "results").iterdir())
    assert drawn
    for plot in drawn:
        assert f"(results/{plot.name})" in page
        assert "<image" not in plot.read_text("utf-8")
    assert sum(plot.stat().st_size for plot in drawn) < 400_000


def test_no_person_and_no_path_is_named(written: Written, data: Path) -> None:
    page, _, _ = written
    assert str(data) not in page
    assert "train0" not in page


def test_bad_data_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.results", str(tmp_path), str(tmp_path / "out")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("results: ")
    assert done.stderr.count("\n") == 1


def items(labels: Sequence[str], folder: str) -> tuple[Item, ...]:
    return tuple(
        Item(
            f"/{folder}{at}.png",
            {"path": f"{folder}{at}.png", "label": label, "kind": "", "subject": ""},
        )
        for at, label in enumerate(labels)
    )


def test_the_same_seed_draws_the_same_images() -> None:
    of = DataSet("a", ("real/",), ("fake/",), "", per_class=3)
    listed = items(["live"] * 9, "real/") + items(["attack"] * 2, "fake/") + items(["x"], "real/")
    first = draw(of, listed, None, 0)
    assert draw(of, listed, None, 0) == first
    assert [item.label for item in first] == ["live"] * 3 + ["attack"] * 2
    assert draw(of, listed, None, 1) != first
    assert len(draw(of, listed, 1, 0)) == 2


def test_a_goal_is_reached_by_those_that_reach_it() -> None:
    found = {name: Figure(value, None, None, 9, "") for name, value in (("a", 0.02), ("b", 0.04))}
    silent = found | {"c": Figure(None, None, None, 0, "")}
    assert Goal("error", 0.03, False, silent).reached_by == "a"
    assert Goal("AUC", 0.03, True, silent).reached_by == "b"
    assert Goal("AUC", 0.5, True, silent).reached_by == "none"


@pytest.fixture(scope="module")
def stages() -> Pipeline:
    return Pipeline(load_policy("faithful"))


def test_images_are_brought_to_one_size_and_faces_to_one_scale(
    stages: Pipeline, astronaut: NDArray[np.uint8], tmp_path: Path
) -> None:
    Image.fromarray(np.kron(astronaut, np.ones((3, 3, 1), np.uint8))).save(tmp_path / "large.png")
    large = Capture((tmp_path / "large.png").read_bytes())
    (sized,) = OneSize()(stages, large)
    assert sized.face.quality["frame_mp"] == pytest.approx(SIDE * SIDE / 1e6)
    (scaled,) = OneFace()(stages, large)
    assert scaled.face.quality["face_px"] == pytest.approx(200, abs=6)
    Image.fromarray(astronaut).save(tmp_path / "small.png")
    (narrow,) = OneFace()(stages, Capture((tmp_path / "small.png").read_bytes()))
    assert not narrow.acquired
    assert {one.reasons for one in narrow.measured.values()} == {("face_too_narrow",)}


def test_sets_have_names_of_their_own() -> None:
    names = [of.name for of in SETS]
    assert len(set(names)) == len(names)
    assert len({of.look.name for of in SETS}) == 4
