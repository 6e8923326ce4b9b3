from __future__ import annotations

from pathlib import Path

import pytest

from media.errors import MediaError
from media.limits import ClipLimits, ImageLimits
from offline.captures import read_part
from offline.files import FileError
from pipeline import Limits

MP4 = b"\0\0\0\x18ftypisom" + bytes(100)


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(bytes(range(200)))
    assert read_part("selfie", f"{tmp_path}/a.jpg", Limits()) == bytes(range(200))


@pytest.mark.parametrize(
    ("content", "code"), [(bytes(112), "image-too-large"), (MP4, "clip-too-large")]
)
def test_a_file_that_is_too_large_is_refused_by_the_limits_of_its_kind(
    content: bytes, code: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(content)
    limits = Limits(ImageLimits(max_bytes=100), ClipLimits(max_bytes=100))
    with pytest.raises(MediaError) as refused:
        read_part("clip", f"{tmp_path}/file", limits)
    assert (refused.value.code, refused.value.part) == (code, "clip")


def test_a_file_that_is_not_there_names_its_part(tmp_path: Path) -> None:
    with pytest.raises(FileError) as missing:
        read_part("document", f"{tmp_path}/none", Limits())
    assert (missing.value.code, missing.value.part) == ("file-missing", "document")
