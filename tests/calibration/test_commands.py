from __future__ import annotations

import errno
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image
from poor_faces import blurred, exposed
from typer.testing import CliRunner

from calibration.commands import app
from calibration.errors import CalibrationError
from calibration.shots import WARM_UP
from fusion.policy import load_policy
from fusion.quality import assess
from pipeline import FaceStage

Pixels = NDArray[np.uint8]


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["quality", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def selfies(astronaut: Pixels) -> list[Pixels]:
    """A face in the light of twelve moments."""
    cut = np.ascontiguousarray(astronaut[:280, 84:364])
    return [exposed(cut, gain) for gain in np.linspace(0.75, 1.05, 12)]


def fill(folder: Path, pictures: list[Pixels]) -> Path:
    folder.mkdir(parents=True)
    for index, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(folder / f"{index:02}.png")
    return folder


def test_a_folder_becomes_a_section_that_passes_its_shots_and_refuses_the_bad(
    selfies: list[Pixels], tmp_path: Path
) -> None:
    good = fill(tmp_path / "good", selfies)
    bad = fill(tmp_path / "bad", [blurred(exposed(pixels, 0.3), 4.0) for pixels in selfies[:4]])
    out = tmp_path / "new" / "out"
    printed = run("--good", good, "--bad", bad, "--out", out)
    assert sorted(path.name for path in out.iterdir()) == ["quality.png", "quality.yaml"]
    assert "4 of 4" in printed
    assert "12 good shots are few" in printed
    text = (out / "quality.yaml").read_text()
    policy = load_policy(
        {**load_policy("faithful").model_dump(mode="json"), **yaml.safe_load(text)}
    )
    stage = FaceStage()
    for folder, valid in ((good, True), (bad, False)):
        for path in folder.iterdir():
            assessment = assess(policy.quality, stage.look(path.read_bytes()).quality)
            assert assessment.is_valid is valid, path
    with Image.open(out / "quality.png") as picture:
        assert picture.size[0] > picture.size[1] > 200
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 20


def test_what_cannot_be_read_is_named_and_skipped(selfies: list[Pixels], tmp_path: Path) -> None:
    good = fill(tmp_path / "good", selfies[:3])
    (good / "broken.jpg").write_bytes(b"no image")
    (good / "notes.txt").write_text("not looked at")
    Image.new("RGB", (200, 200)).save(good / "black.png")
    printed = run("--good", good, "--out", tmp_path / "out")
    assert "broken.jpg" in printed
    assert "notes.txt" not in printed
    assert "without a face, left out: 1" in printed
    assert "3 good shots" in (tmp_path / "out/quality.yaml").read_text()


class FakeCamera:
    """Shows a film from memory, as OpenCV gives it: BGR."""

    def __init__(self, index: int, film: list[Pixels]) -> None:
        self.index, self.film, self.grabbed, self.released = index, list(film), 0, False

    def isOpened(self) -> bool:  # noqa: N802
        return self.index == 0

    def grab(self) -> bool:
        self.grabbed += 1
        return True

    def read(self) -> tuple[bool, Pixels | None]:
        return (True, self.film.pop(0)[..., ::-1]) if self.film else (False, None)

    def release(self) -> None:
        self.released = True


@pytest.fixture
def cameras(selfies: list[Pixels], monkeypatch: pytest.MonkeyPatch) -> list[FakeCamera]:
    made: list[FakeCamera] = []

    def opened(index: int) -> FakeCamera:
        made.append(FakeCamera(index, selfies))
        return made[-1]

    monkeypatch.setattr(cv2, "VideoCapture", opened)
    return made


def test_a_camera_takes_as_many_shots_as_asked_for(
    cameras: list[FakeCamera], selfies: list[Pixels], tmp_path: Path
) -> None:
    run("--camera", 0, "--shots", 5, "--every", 0, "--out", tmp_path / "camera")
    (used,) = cameras
    assert used.released
    assert used.grabbed >= WARM_UP
    assert len(used.film) == len(selfies) - 5
    folder = fill(tmp_path / "good", selfies[:5])
    run("--good", folder, "--out", tmp_path / "folder")
    assert (tmp_path / "camera/quality.yaml").read_text() == (
        tmp_path / "folder/quality.yaml"
    ).read_text()


def test_a_film_that_ends_early_is_enough(
    cameras: list[FakeCamera], selfies: list[Pixels], tmp_path: Path
) -> None:
    run("--camera", 0, "--shots", 500, "--every", 0, "--out", tmp_path / "out")
    assert f"{len(selfies)} good shots" in (tmp_path / "out/quality.yaml").read_text()
    assert cameras[0].released


def test_a_camera_that_is_not_there_is_one_line(cameras: list[FakeCamera], tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="no camera 7"):
        run("--camera", 7, "--out", tmp_path / "out")
    assert cameras[0].released
    assert not (tmp_path / "out").exists()


def test_a_calibration_that_cannot_be_done_leaves_nothing(
    selfies: list[Pixels], tmp_path: Path
) -> None:
    good, empty = fill(tmp_path / "good", selfies[:1]), fill(tmp_path / "empty", [])
    blank = fill(tmp_path / "blank", [np.full((200, 200, 3), 90, np.uint8)])
    out = tmp_path / "out"
    for arguments, says in (
        (("--good", empty), "has no JPEG"),
        (("--good", tmp_path / "absent"), "is no folder"),
        (("--good", good, "--bad", empty), "has no JPEG"),
        (("--good", blank), "no face"),
        ((), "give either"),
        (("--good", good, "--camera", 0), "give either"),
    ):
        with pytest.raises(CalibrationError, match=says):
            run(*arguments, "--out", out)
        assert not out.exists()
    with pytest.raises(CalibrationError, match="/dev/null"):
        run("--good", good, "--out", "/dev/null/out")


def test_an_old_result_stays_whole_where_a_new_one_cannot_be_written(
    selfies: list[Pixels], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, out = fill(tmp_path / "good", selfies[:1]), tmp_path / "out"
    out.mkdir()
    (out / "quality.yaml").write_text("old")
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.suffix == ".png":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(CalibrationError, match="No space left"):
        run("--good", good, "--out", out)
    assert [path.name for path in out.iterdir()] == ["quality.yaml"]
    assert (out / "quality.yaml").read_text() == "old"
