from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.items import Item
from evaluation.truth import true_fields, true_lines, true_text


def item(folder: Path, name: str = "a.b.png", **columns: str) -> Item:
    return Item(
        str(folder / name), {"path": name, "label": "", "kind": "", "subject": ""} | columns
    )


@pytest.mark.parametrize("suffix", [".gt.txt", ".txt"])
def test_the_truth_lies_beside_the_image(suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"a.b{suffix}").write_bytes("\ufeffÄB\r\nC\n".encode())
    assert true_text(item(tmp_path)) == "ÄB\nC"


def test_lines_have_no_blanks(tmp_path: Path) -> None:
    (tmp_path / "a.b.gt.txt").write_text("P< UTO\n\nL8 98\n")
    assert true_lines(item(tmp_path)) == ("P<UTO", "L898")


def test_ground_truth_comes_before_text_and_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.b.gt.txt").write_text("first")
    (tmp_path / "a.b.txt").write_text("second")
    (tmp_path / "a.b.bin").write_bytes(b"third")
    assert true_text(item(tmp_path)) == "first"


def test_the_manifest_comes_before_files(tmp_path: Path) -> None:
    (tmp_path / "a.b.txt").write_text("file")
    assert true_text(item(tmp_path, truth="manifest")) == "manifest"


@pytest.mark.parametrize("suffix", [".bin", ".txt"])
def test_bytes_that_are_no_text_are_characters(suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"a.b{suffix}").write_bytes(b"\xff\x00\xfe\n")
    assert true_text(item(tmp_path)) == "\xff\x00\xfe\n"


def test_no_truth_is_none(tmp_path: Path) -> None:
    assert true_text(item(tmp_path)) is None
    assert true_lines(item(tmp_path)) == ()


def test_fields_are_columns(tmp_path: Path) -> None:
    row = item(tmp_path, surname="ERIKSSON", sex="", note="x")
    assert true_fields(row) == {"surname": "ERIKSSON"}
