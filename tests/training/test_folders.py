from __future__ import annotations

from pathlib import Path

import pytest
from toy_faces import draw

from training.crops import cutter
from training.errors import TrainingError
from training.examples import look, stamp
from training.folders import read_folders
from training.presentations import presented
from training.splits import split


def written(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(path, "normal" in name, number)
    return folder


def test_names_say_whose_and_which(tmp_path: Path) -> None:
    written(
        tmp_path,
        *("train/normal/O2_I10.jpg", "train/normal/O2_I9.jpg", "train/normal/O10_I1.jpg"),
        *("train/spoof/O2_I1.png", "test/normal/O3_I1.jpg", "test/spoof/O3_I1.jpg"),
    )
    items = read_folders(tmp_path)
    assert [(item.path, item.label, item.subject, item.row["part"]) for item in items.images] == [
        ("train/spoof/O2_I1.png", "spoof", "O2", "train"),
        ("train/normal/O2_I9.jpg", "live", "O2", "train"),
        ("train/normal/O2_I10.jpg", "live", "O2", "train"),
        ("test/normal/O3_I1.jpg", "live", "O3", "test"),
        ("test/spoof/O3_I1.jpg", "spoof", "O3", "test"),
        ("train/normal/O10_I1.jpg", "live", "O10", "train"),
    ]


def test_a_folder_is_learnt_from_as_a_manifest_is(tmp_path: Path) -> None:
    people = [
        f"train/{own}/O{person}_I{image}.jpg"
        for own in ("normal", "spoof")
        for person in range(1, 8)
        for image in range(1, 4)
    ]
    written(tmp_path, *people, "test/normal/O9_I1.jpg", "test/spoof/O9_I1.jpg")
    looked = look(str(tmp_path), cutter("whole"), 0.0, lambda done, of: None)
    parts = split(looked.examples, 0)
    assert [len(own) for own in parts.each().values()] == [36, 6, 2]
    first = presented(parts.validation, 4)[0]
    assert len(first.images) == 4
    assert first.images[3] == first.images[0], "padded"
    before = stamp(str(tmp_path))
    written(tmp_path, "test/normal/O11_I1.jpg")
    assert stamp(str(tmp_path)) != before


def test_a_person_in_both_parts_is_refused(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        *(f"train/{own}/O{person}_I1.jpg" for own in ("normal", "spoof") for person in range(9)),
        *("test/normal/O1_I7.jpg", "test/spoof/O1_I7.jpg"),
    )
    looked = look(str(folder), cutter("whole"), 0.0, lambda done, of: None)
    with pytest.raises(TrainingError, match="'O1' is in the parts"):
        split(looked.examples, 0)


def test_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no picture is in train/normal"):
        read_folders(tmp_path)
    written(tmp_path, "train/normal/me.jpg")
    with pytest.raises(TrainingError, match=r"me.jpg: pictures are named O<person>_I<image>"):
        read_folders(tmp_path)
