from __future__ import annotations

from pathlib import Path

import pytest

from offline.errors import BatchError
from offline.manifest import files_of, read_manifest

HEADER = "path,label,kind,subject,note"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "manifest.csv"


def keys(source: Path, *lines: str) -> list[str]:
    source.write_text("\n".join((HEADER, *lines)) + "\n", "utf-8-sig")
    return list(read_manifest(str(source)).rows)


def test_every_column_is_text_as_it_stands(source: Path) -> None:
    keys(source, 'faces/1.jpg,live,"phone, held",007,NA', "", "faces/2.jpg,live,phone,,")
    manifest = read_manifest(str(source))
    assert manifest.columns == ("path", "label", "kind", "subject", "note")
    assert next(iter(manifest.rows.values())) == {
        "path": "faces/1.jpg",
        "label": "live",
        "kind": "phone, held",
        "subject": "007",
        "note": "NA",
    }
    assert len(manifest.rows) == 2


def test_a_row_keeps_its_key_wherever_it_stands(source: Path) -> None:
    first, second = keys(source, "1.jpg,live,a,s,", "2.jpg,live,a,s,")
    assert keys(source, "0.jpg,live,a,s,", "2.jpg,live,a,s,", "1.jpg,live,a,s,")[1:] == [
        second,
        first,
    ]
    assert keys(source, "1.jpg,attack,a,s,") != [first]


def test_a_row_that_stands_there_twice_is_two_rows(source: Path) -> None:
    once = keys(source, "1.jpg,live,a,s,")
    twice = keys(source, "1.jpg,live,a,s,", "1.jpg,live,a,s,")
    assert len(set(twice)) == 2
    assert twice[0] == once[0]


def test_files_are_relative_to_the_manifest() -> None:
    row = {"path": "1.jpg", "clip": "", "document": "s3://ids/7.jpg", "label": "x"}
    assert files_of(row, "/archive") == {
        "selfie": "/archive/1.jpg",
        "document": "s3://ids/7.jpg",
    }


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no column path, label, kind, subject"),
        (b"path,label,kind\n", "no column subject"),
        (b"path,label,kind,subject\n", "no rows"),
        (b"path,label,kind,subject,path\n", "more than one column path"),
        (b"path,label,kind,subject\n1.jpg,live,a\n", "line 2 has 3 fields, the header has 4"),
        (b'path,label,kind,subject\n1.jpg,live,a,"b\n', "line"),
        (b"path,label,kind,subject\n\xff.jpg,live,a,b\n", "not UTF-8"),
    ],
)
def test_a_manifest_that_cannot_be_used_says_where(content: bytes, says: str, source: Path) -> None:
    source.write_bytes(content)
    with pytest.raises(BatchError, match=r"manifest\.csv") as caught:
        read_manifest(str(source))
    assert says in str(caught.value)


def test_a_manifest_that_is_not_there_says_so(source: Path) -> None:
    with pytest.raises(BatchError, match="There is no such file"):
        read_manifest(str(source))
