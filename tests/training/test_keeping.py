from __future__ import annotations

import os
from pathlib import Path

import pytest

from training.errors import TrainingError
from training.keeping import keep


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "run" / "state"
    keep(path, b"one")
    keep(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(tmp_path / "state", b"one")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TrainingError, match="could not be written: No space left on device"):
        keep(tmp_path / "state", b"two")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"one"]
