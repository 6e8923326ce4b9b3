from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.sessions import DataError, Sample, balanced, read_manifest, windows
from detectors.contracts import Clip, TrackWindow


def write_manifest(folder: Path, rows: list[tuple[str, str, str]]) -> None:
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label", "kind", "subject"))
        writer.writerows((path, label, "", subject) for path, label, subject in rows)


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
