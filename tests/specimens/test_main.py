from __future__ import annotations

import csv
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from docfraud.contracts import FIELDS
from media.images import decode_image
from specimens import FORGERIES, draw
from specimens.__main__ import main

SMALL = ("--megapixels", "0.3")

app = typer.Typer()
app.command()(main)


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_writes_photographs_and_a_manifest_that_tells_the_edits(tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    result = _run(str(out), "--count", "6", "--seed", "40", "--kind", "td1", *SMALL)
    assert result.exit_code == 0, result.output
    with (out / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["kind"] for row in rows] == ["genuine", *FORGERIES]
    assert [row["label"] for row in rows] == [
        "genuine", "tampered", "tampered", "tampered", "recapture", "recapture",
    ]  # fmt: skip
    assert len({row["subject"] for row in rows}) == len(rows)
    for row in rows:
        assert decode_image((out / row["path"]).read_bytes()).format == "jpeg"
        truth = draw(int(row["seed"]), row["document_kind"]).truth
        assert {name: row[name] for name in FIELDS} == truth
        if row["kind"] in ("text_edited", "barcode_left"):
            assert row["edited_value"] != truth[row["edited_field"]]
        else:
            assert row["edited_field"] == row["edited_sides"] == row["edited_value"] == ""
    assert rows[1]["edited_sides"] == "text"
    assert rows[2]["edited_sides"] == "text mrz"


def test_the_same_seed_writes_the_same_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert _run(str(tmp_path / name), "--count", "2", *SMALL).exit_code == 0
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("one", "two")
    )
    assert one == two


def test_a_folder_that_is_not_empty_is_refused_unless_forced(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").touch()
    arguments = (str(tmp_path), "--count", "1", *SMALL)
    refused = _run(*arguments)
    assert refused.exit_code == 2
    assert "is not empty" in refused.output
    assert len(refused.output.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]
    assert _run(*arguments, "--force").exit_code == 0
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("arguments", [("--kind", "td9"), ("--forgery", "burned")])
def test_an_unknown_name_is_one_clear_line(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = _run(str(tmp_path / "out"), *arguments)
    assert result.exit_code == 2
    assert len(result.output.splitlines()) == 1
    assert arguments[1] in result.output
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_way_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = _run(str(tmp_path / "file"))
    assert result.exit_code == 2
    assert len(result.output.splitlines()) == 1
