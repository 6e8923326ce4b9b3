from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from detectors.contracts import Measurement, Status
from detectors.registry import DETECTORS
from evaluation import sessions
from evaluation.errors import EvaluationError
from evaluation.items import Item, read_items
from evaluation.sessions import FILE, Look, Session, Whole, measure_parts, measure_sessions
from fusion.judge import Judge
from fusion.policy import load_policy
from fusion.verdict import Decision
from media.capture import Capture
from pipeline import Pipeline

NAMES = {detector.name for detector in DETECTORS}


@pytest.fixture
def faces(tmp_path: Path, astronaut: NDArray[np.uint8]) -> Path:
    """A manifest of three photographs of one face, one without, and two that cannot be read."""
    for number in range(3):
        shade = np.clip(astronaut.astype(int) + 5 * number, 0, 255).astype(np.uint8)
        PIL.Image.fromarray(shade).save(tmp_path / f"{number}.png")
    PIL.Image.new("RGB", (200, 200)).save(tmp_path / "none.png")
    (tmp_path / "broken.png").write_bytes((tmp_path / "0.png").read_bytes()[:999])
    rows = ["0.png", "1.png", "2.png", "none.png", "broken.png", "gone.png", "0.png"]
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(
        "path,label,kind,subject\n" + "".join(f"{row},live,,p\n" for row in rows), "utf-8"
    )
    return manifest


def items_of(manifest: Path) -> Sequence[Item]:
    return read_items(str(manifest)).images


def each(items: Sequence[Item], look: Look) -> list[tuple[Item, Look]]:
    return [(item, look) for item in items]


def untimed(measured: Sequence[Session]) -> list[Any]:
    """All but the wall times."""
    return [
        (
            {name: replace(one, elapsed_ms=0.0) for name, one in session.measured.items()},
            replace(session.face, elapsed_ms=0.0),
            session.part,
            session.refused,
        )
        for session in measured
    ]


def test_every_row_is_measured_as_the_graph_measures_it(faces: Path, tmp_path: Path) -> None:
    measured = measure_sessions(items_of(faces), tmp_path / "out")
    assert all(set(session.measured) == NAMES for session in measured)
    assert [session.acquired for session in measured] == [True] * 3 + [False] * 3 + [True]
    assert [session.refused for session in measured] == [
        *[""] * 4,
        "image-truncated",
        "file-missing",
        "",
    ]
    assert measured[0] == measured[6]
    stages = Pipeline(load_policy("faithful"))
    (alone,) = Whole()(stages, Capture((faces.parent / "1.png").read_bytes()))
    assert untimed([measured[1]]) == untimed([alone])


def test_a_row_that_cannot_be_read_is_a_non_response_of_every_signal(
    faces: Path, tmp_path: Path
) -> None:
    gone = measure_sessions(items_of(faces), tmp_path / "out")[5]
    lost = Measurement(status=Status.UNAVAILABLE, reasons=("file-missing",))
    assert gone.measured == dict.fromkeys(NAMES, lost)
    verdict = Judge(load_policy("faithful")).verdict("session", gone.measured, gone.face)
    assert (verdict.score, verdict.decision) == (None, Decision.REVIEW)


class Counting:
    """Counts how often it looks, and is interrupted the third time."""

    name = "counting"

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self, stages: Pipeline, capture: Capture, /) -> tuple[Session, ...]:
        self.looks += 1
        if self.looks == 3:
            raise KeyboardInterrupt
        return Whole()(stages, capture)


def test_those_signals_are_asked_that_are_named(faces: Path, tmp_path: Path) -> None:
    items = items_of(faces)[:1]
    (asked,) = measure_sessions(items, tmp_path / "out", whole=Whole(("eye_specular",)))
    (everything,) = measure_sessions(items, tmp_path / "out")
    assert set(asked.measured) == {"eye_specular"}
    assert asked.measured["eye_specular"].measures == everything.measured["eye_specular"].measures


@pytest.fixture
def counting() -> Counting:
    return Counting()


def test_a_run_that_was_stopped_goes_on(faces: Path, tmp_path: Path, counting: Counting) -> None:
    items = items_of(faces)
    with pytest.raises(KeyboardInterrupt):
        measure_parts(each(items, counting), tmp_path / "out")
    told: list[tuple[int, int]] = []
    measured = measure_parts(
        each(items, counting),
        tmp_path / "out",
        on_progress=lambda done, of: told.append((done, of)),
    )
    assert counting.looks == 3 + 3  # the first two were kept, and one of the six is not there
    assert told[0] == (2, 6)
    assert told[-1] == (6, 6)
    straight = measure_sessions(items, tmp_path / "straight")
    assert untimed([session for (session,) in measured]) == untimed(straight)


def test_what_was_measured_is_not_measured_again(
    faces: Path, tmp_path: Path, counting: Counting
) -> None:
    items = items_of(faces)[:2]
    first = measure_parts(each(items, counting), tmp_path / "out")
    assert measure_parts(each(items, counting), tmp_path / "out") == first
    assert counting.looks == 2


def test_another_file_under_the_same_name_is_measured(
    faces: Path, tmp_path: Path, counting: Counting
) -> None:
    items = items_of(faces)[5:]
    (missing,), _ = measure_parts(each(items, counting), tmp_path / "out")
    assert missing.refused == "file-missing"
    (faces.parent / "1.png").rename(faces.parent / "gone.png")
    (there,), _ = measure_parts(each(items, counting), tmp_path / "out")
    assert there.acquired
    assert counting.looks == 2


def test_other_detectors_measure_again(
    faces: Path, tmp_path: Path, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = items_of(faces)[:1]
    measure_parts(each(items, counting), tmp_path / "out")
    monkeypatch.setattr(sessions, "basis", lambda: "another version")
    measure_parts(each(items, counting), tmp_path / "out")
    assert counting.looks == 2


class Failing:
    name = "failing"

    def __call__(self, stages: Pipeline, capture: Capture, /) -> tuple[Session, ...]:
        raise RuntimeError("odd")


def test_an_odd_file_does_not_end_the_run(faces: Path, tmp_path: Path) -> None:
    items = items_of(faces)[:1]
    assert [s.refused for (s,) in measure_parts(each(items, Failing()), tmp_path / "out")] == [
        "measuring-failed"
    ]
    assert (tmp_path / "out" / FILE).read_text("utf-8").count("\n") == 1  # tried again next time


def test_without_any_file_there_is_nothing_to_measure(faces: Path, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="none of the 1 files is there"):
        measure_sessions(items_of(faces)[5:6], tmp_path / "out")


def test_processes_measure_the_same(faces: Path, tmp_path: Path) -> None:
    items = items_of(faces)[:3]
    alone = measure_sessions(items, tmp_path / "one", jobs=1)
    assert untimed(measure_sessions(items, tmp_path / "two", jobs=2)) == untimed(alone)


KILLED = """
import os, sys
from pathlib import Path
from evaluation.items import read_items
from evaluation.sessions import measure_sessions

def told(done, of):
    if done == 1:
        os.kill(os.getpid(), 9)

if __name__ == "__main__":
    items = read_items(sys.argv[1]).images
    measure_sessions(items, Path(sys.argv[2]), jobs=2, on_progress=told)
"""


def test_a_run_that_is_killed_takes_its_processes_along(faces: Path, tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    environment = {**os.environ, "PYTHONPATH": str(Path(sessions.__file__).parents[1])}
    run = subprocess.Popen(
        [sys.executable, str(script), str(faces), str(tmp_path / "out")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert run.stdout is not None
    with run.stdout:
        run.stdout.read()  # to the end: until no process holds the other end of the pipe
    assert run.wait() == -signal.SIGKILL
    assert (tmp_path / "out" / FILE).read_text("utf-8").count("\n") == 2


def test_no_names_of_files_are_kept(faces: Path, tmp_path: Path) -> None:
    measure_sessions(items_of(faces)[:1], tmp_path / "out")
    content = (tmp_path / "out" / FILE).read_text("utf-8")
    assert "0.png" not in content
    assert str(tmp_path) not in content


def mp4(frames: list[NDArray[np.uint8]]) -> bytes:
    """A clip of ten frames a second."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.height, stream.width = frames[0].shape[:2]
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def test_of_a_clip_the_first_frame_with_a_face_is_the_selfie(
    astronaut: NDArray[np.uint8], tmp_path: Path
) -> None:
    blank = np.zeros_like(astronaut)
    (tmp_path / "clip.mp4").write_bytes(mp4([*[blank] * 10, *[astronaut] * 20]))
    PIL.Image.fromarray(astronaut[:400, :400]).save(tmp_path / "0.png")
    (tmp_path / "manifest.csv").write_text(
        "path,label,kind,subject,clip\nclip.mp4,live,,p,\n0.png,live,,p,clip.mp4\n", "utf-8"
    )
    alone, both = measure_sessions(items_of(tmp_path / "manifest.csv"), tmp_path / "out")
    assert alone.acquired
    assert alone.measured["rppg"].reasons != ("no_clip",)
    assert alone.face.quality["frame_mp"] == pytest.approx(512 * 512 / 1e6)
    assert both.face.quality["frame_mp"] == pytest.approx(400 * 400 / 1e6)
    assert both.measured["rppg"].reasons == alone.measured["rppg"].reasons
