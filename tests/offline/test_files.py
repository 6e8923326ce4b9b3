from __future__ import annotations

import os
from pathlib import Path

import pytest

from offline.files import FileError, opened, resolve, stamp


def read(location: str) -> bytes:
    with opened(location) as (stream, size):
        data = bytes(stream.read())
    assert len(data) == size
    return data


@pytest.mark.parametrize(
    ("base", "location", "where"),
    [
        ("/archive", "a/face.jpg", "/archive/a/face.jpg"),
        ("/archive", "/else/face.jpg", "/else/face.jpg"),
        ("/archive", "s3://bucket/face.jpg", "s3://bucket/face.jpg"),
        ("s3://bucket/2026", "face.jpg", "s3://bucket/2026/face.jpg"),
        ("", "face.jpg", "/face.jpg"),
    ],
)
def test_a_location_is_relative_to_the_manifest(base: str, location: str, where: str) -> None:
    assert resolve(base, location) == where


def test_a_file_is_read_by_path_and_by_url(tmp_path: Path) -> None:
    file = tmp_path / "a face 100%.jpg"
    file.write_bytes(b"pixels")
    assert read(str(file)) == b"pixels"
    assert read(file.as_uri()) == b"pixels"


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("absent.jpg", "file-missing"),
        (".", "file-unreadable"),
        ("carrier-pigeon://loft/face.jpg", "file-unreadable"),
        ("s3://", "file-unreadable"),
        ("nul\0byte.jpg", "file-unreadable"),
    ],
)
def test_what_cannot_be_read_says_why(location: str, code: str, tmp_path: Path) -> None:
    where = resolve(str(tmp_path), location)
    with pytest.raises(FileError) as caught, opened(where):
        pass
    assert caught.value.code == code
    assert len(caught.value.detail.splitlines()) == 1


def test_a_stamp_tells_a_file_from_its_successor(tmp_path: Path) -> None:
    file = tmp_path / "face.jpg"
    absent = stamp([str(file)])
    file.write_bytes(b"one")
    before = stamp([str(file)])
    os.utime(file, ns=(1, 1))
    touched = stamp([str(file)])
    file.write_bytes(b"longer")
    os.utime(file, ns=(1, 1))
    assert len({absent, before, touched, stamp([str(file)])}) == 4
    assert stamp([str(file), str(tmp_path / "absent")]) == "6@1 -"
    assert stamp(["carrier-pigeon://loft"]) == "?"
