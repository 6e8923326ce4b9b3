from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmarks.sessions import (
    DataError,
    Sample,
    Session,
    Task,
    balanced,
    measure,
    read_manifest,
    windows,
)
from benchmarks.summary import pulse_rule
from detectors.contracts import Clip, Measurement, Status, TrackWindow
from fusion.policy import load_policy
from fusion.verdict import FaceSummary
from media.capture import Capture
from pipeline import Pipeline

ROOT = Path(__file__).parents[2]
PEOPLE = "abcde"


def png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def with_grid(pixels: NDArray[np.uint8], depth: int) -> NDArray[np.uint8]:
    """A checkerboard of ``depth`` grey levels, as careless upsampling leaves it."""
    board = np.indices(pixels.shape[:2]).sum(axis=0) // 4 % 2
    return np.clip(pixels + depth * board[..., None], 0, 255).astype(np.uint8)


def write_manifest(folder: Path, rows: list[tuple[str, str, str]]) -> None:
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label", "kind", "subject"))
        writer.writerows((path, label, "", subject) for path, label, subject in rows)


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.separation", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def measured(
    tmp_path_factory: pytest.TempPathFactory, astronaut: NDArray[np.uint8]
) -> tuple[dict[str, Any], str, Path]:
    """The report and the printed text of five clean faces against five with a drawn grid."""
    data, out = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("out")
    (data / "pad/collectors").mkdir(parents=True)
    rows = []
    for index, person in enumerate(PEOPLE):
        clean = np.clip(astronaut.astype(np.int16) + index, 0, 255).astype(np.uint8)
        images = {"live": clean, "attack": with_grid(clean, 12 + index)}
        for label, pixels in images.items():
            path = f"pad/collectors/{label}_{person}.png"
            (data / path).write_bytes(png(pixels))
            rows.append((path, label, person))
    (data / "pad/collectors/broken.png").write_bytes(png(astronaut)[:5000])
    (data / "pad/collectors/empty.png").write_bytes(png(np.full((200, 200, 3), 99, np.uint8)))
    rows += [
        ("pad/collectors/broken.png", "live", "f"),
        ("pad/collectors/empty.png", "attack", "f"),
        ("pad/collectors/gone.png", "attack", "g"),
        ("documents/card.png", "mrz_line", ""),
    ]
    write_manifest(data, rows)
    done = run(data, out / "new")
    assert done.returncode == 0, done.stderr
    return json.loads((out / "new/separation.json").read_text()), done.stdout, data


def test_the_command_counts_every_capture(measured: tuple[dict[str, Any], str, Path]) -> None:
    report, _, _ = measured
    (data_set,) = report["data_sets"]
    assert report["missing_files"] == ["pad/collectors/gone.png"]
    assert report["rows_with_other_labels"] == 1
    assert "replay_attack" in report["empty"]
    assert data_set["name"] == "collectors"
    real, attack = data_set["real"], data_set["attack"]
    assert (real["files"], real["subjects"]) == (6, 6)
    assert real["not_acquired_reasons"] == {"image-truncated": 1}
    assert attack["not_acquired_reasons"] == {"no_face": 1}


def test_the_command_finds_what_was_drawn(measured: tuple[dict[str, Any], str, Path]) -> None:
    report, _, _ = measured
    signals = {row["signal"]: row for row in report["data_sets"][0]["signals"]}
    stills = ["eye_specular", "blendshapes", "gan_texture", "depth", "recapture", "liveness"]
    assert list(signals) == stills
    texture = signals["gan_texture"]
    assert texture["scored"] == {"real": 5, "attack": 5}
    assert (texture["auc"], texture["interval"]) == (1.0, [1.0, 1.0])
    assert texture["median"]["real"] > 0.9 > texture["median"]["attack"]


def test_the_command_scores_as_the_pipeline_does(
    measured: tuple[dict[str, Any], str, Path],
) -> None:
    report, _, data = measured
    for row in report["data_sets"][0]["fused"]:
        pipeline = Pipeline(load_policy(row["policy"]))
        for label, group in (("live", "real"), ("attack", "attack")):
            files = [data / f"pad/collectors/{label}_{person}.png" for person in PEOPLE]
            scores = [pipeline.verify(Capture(file.read_bytes())).score for file in files]
            assert row["median"][group] == pytest.approx(np.median(np.array(scores)), abs=1e-4)


def test_the_tables_show_the_figures(measured: tuple[dict[str, Any], str, Path]) -> None:
    report, printed, _ = measured
    lines = printed.splitlines()
    texture = lines[lines.index("#### gan_texture") :]
    row = next(line for line in texture if line.startswith("| collectors"))
    assert "| 5 / 5 |" in row
    assert row.endswith("| 1.00 [1.00, 1.00] |")
    # Every signal has its section, be it only to say that there is nothing to show.
    for signal in ("eye_specular", "blendshapes", "gan_texture", "depth"):
        below = lines[lines.index(f"#### {signal}") + 2]
        assert below.startswith(("| data set | scored |", "No score on any data set: "))
    assert {"#### fused: faithful", "#### fused: hardened"} <= set(lines)
    assert "1 whose file is missing, 1 that are neither" in printed
    assert report["policies"]["faithful"] == load_policy("faithful").sha256


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    done = run(tmp_path, tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"separation: {tmp_path}/manifest.csv: No such file or directory"
    ]
    assert not (tmp_path / "out").exists()


def test_a_manifest_without_a_column_says_which(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("path,kind\na.png,live\n")
    with pytest.raises(DataError, match="no column label, subject"):
        read_manifest(tmp_path)


def test_a_sample_without_a_subject_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    write_manifest(tmp_path, [("a.png", "fake", "")])
    assert read_manifest(tmp_path).samples == [Sample("a.png", False, "a.png")]


def test_every_subject_gets_its_turn() -> None:
    many = [Sample(f"a{i}", True, "a") for i in range(50)]
    few = [Sample(f"{s}{i}", True, s) for s in "bcd" for i in range(4)]
    drawn = balanced(many + few, 12, seed=0)
    assert Counter(sample.subject for sample in drawn) == dict.fromkeys("abcd", 3)
    assert drawn == balanced(many + few, 12, seed=0)
    assert drawn != balanced(many + few, 12, seed=1)
    assert sorted(map(str, balanced(many + few, None, seed=0))) == sorted(map(str, many + few))


def test_images_are_brought_to_one_size_or_one_face(
    tmp_path: Path, astronaut: NDArray[np.uint8]
) -> None:
    face = np.ascontiguousarray(astronaut[:300, 80:380])
    large = np.asarray(Image.fromarray(face).resize((1200, 1200)))
    (tmp_path / "large.png").write_bytes(png(large))
    (tmp_path / "small.png").write_bytes(png(face))
    (one_size,) = measure(Task(tmp_path / "large.png", "one_size"))
    assert one_size.face.quality["frame_mp"] == pytest.approx(512 * 512 / 1e6)
    (one_face,) = measure(Task(tmp_path / "large.png", "one_face"))
    assert one_face.face.quality["face_px"] == pytest.approx(200, rel=0.03)
    (small,) = measure(Task(tmp_path / "small.png", "one_face"))
    assert (small.acquired, small.face.problems) == (False, ("face_too_narrow",))


def clip_of(seconds: float, rate: float = 30.0) -> Clip:
    frames = round(seconds * rate)
    times = np.arange(frames) / rate
    numbered = np.arange(frames, dtype=np.float32)
    tracks = tuple(
        TrackWindow(
            np.array([start, start + 1.0]),
            np.zeros((2, 30, 2), np.float32),
            np.zeros((2, 478, 3), np.float32),
        )
        for start in np.arange(int(seconds))
    )
    return Clip(
        times=times,
        roi_rgb=np.broadcast_to(numbered[:, None, None], (frames, 4, 3)),
        boxes=np.zeros((frames, 4), np.float32),
        landmarks=np.zeros((frames, 478, 3), np.float32),
        blendshapes=None,
        tracks=tracks,
        frame_size=(640, 480),
    )


@pytest.mark.parametrize(("seconds", "count"), [(3, 3), (5, 2), (10, 1), (11, 0)])
def test_a_clip_is_cut_into_whole_windows(seconds: int, count: int) -> None:
    cut = list(windows(clip_of(10.0), seconds))
    assert len(cut) == count
    for index, window in enumerate(cut):
        assert len(window.times) == seconds * 30
        assert window.times[0] == 0.0
        assert window.roi_rgb[0, 0, 0] == index * seconds * 30
        assert len(window.tracks) == seconds


def test_the_pulse_rule_counts_windows() -> None:
    def look(snr_db: float, bpm: float) -> Measurement:
        return Measurement({"snr_db": snr_db, "bpm": bpm})

    wall = look(9.0, 70.0)
    faces = [
        look(6.0, 70.0),  # a pulse
        look(4.9, 70.0),  # too weak
        look(9.0, 130.0),  # too fast
        Measurement(status=Status.ABSTAINED),
    ]
    clips = [
        (
            Sample(f"videos/replay/{index}.mp4", False, f"p{index}"),
            Session({"rppg": face}, FaceSummary(), True, seconds=3, background=wall),
        )
        for index, face in enumerate(faces)
    ]
    background, replay = pulse_rule(clips, seed=0)
    assert (background["what"], background["judged"], background["passed"]) == ("background", 4, 1)
    assert (replay["what"], replay["windows"], replay["judged"]) == ("replay", 4, 3)
    assert replay["passed"] == pytest.approx(1 / 3, abs=1e-4)
    assert replay["interval"] is None
