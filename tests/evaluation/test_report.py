from __future__ import annotations

import os
from pathlib import Path

import pytest

from evaluation.errors import EvaluationError
from evaluation.report import FILES, REPORT, staged


def write(folder: Path, *names: str, text: str = "new") -> None:
    for name in names:
        (folder / name).write_text(text)


def interrupted(out: Path) -> None:
    with staged(out) as folder:
        write(folder, "summary.md", REPORT)
        raise KeyboardInterrupt


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_new_folder_appears_whole(tmp_path: Path) -> None:
    out = tmp_path / "a" / "out"
    with staged(out) as folder:
        write(folder, *FILES)
        assert not out.exists()
    assert names(out) == set(FILES)
    assert names(out.parent) == {"out"}


@pytest.mark.parametrize("earlier", [(), ("roc.png", "items.csv", REPORT)])
def test_a_run_that_fails_leaves_the_folder_as_it_was(
    earlier: tuple[str, ...], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    write(out, *earlier, text="old")
    with pytest.raises(KeyboardInterrupt):
        interrupted(out)
    assert names(out) == set(earlier)
    assert names(tmp_path) == {"out"}
    assert all((out / name).read_text() == "old" for name in earlier)


def test_a_run_that_fails_makes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / "out")
    assert names(tmp_path) == set()


def test_an_earlier_report_is_replaced_and_other_files_stay(tmp_path: Path) -> None:
    write(tmp_path, "roc.png", "items.csv", REPORT, "manifest.csv", text="old")
    with staged(tmp_path) as folder:
        write(folder, "rates.png", "items.csv", REPORT)
    assert names(tmp_path) == {"rates.png", "items.csv", REPORT, "manifest.csv"}
    assert (tmp_path / REPORT).read_text() == "new"
    assert (tmp_path / "manifest.csv").read_text() == "old"


def test_a_folder_that_cannot_be_written_to_is_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, "file")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(EvaluationError, match="file"), staged(out):
            pytest.fail("looked at images for nothing")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may write anywhere")
def test_a_folder_below_proc_is_one_line() -> None:
    with pytest.raises(EvaluationError, match="/proc"), staged(Path("/proc/palisade/out")):
        pytest.fail("looked at images for nothing")
