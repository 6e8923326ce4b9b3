from __future__ import annotations

import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_corpus import encode, with_size

from media.errors import MediaError
from media.headers import read_header


@pytest.mark.parametrize("size", [(64, 200), (321, 65), (4000, 3)])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"lossless": True, "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"}),
    ],
)
def test_dimensions(kind: str, options: dict[str, object], size: tuple[int, int]) -> None:
    data = encode(PIL.Image.new("RGB", size), kind, **options)
    header = read_header(data)
    assert (header.width, header.height) == size
    assert header.complete
    assert header.end == len(data)
    assert not header.animated


def test_the_thumbnail_does_not_count() -> None:
    thumbnail = encode(PIL.Image.new("RGB", (16, 16)))
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0" + thumbnail
    header = read_header(encode(exif=exif))
    assert (header.width, header.height) == (320, 240)


def test_progressive_scans_are_counted() -> None:
    assert read_header(encode()).scans == 1
    assert read_header(encode(progressive=True)).scans == 10


def test_the_lie_of_a_header_is_believed() -> None:
    header = read_header(with_size(encode(), 60_000, 50_000))
    assert (header.width, header.height) == (60_000, 50_000)


@settings(max_examples=300, deadline=None)
@given(
    start=st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\xff\0\0\0WEBP", b"GIF8"]),
    rest=st.binary(max_size=200),
)
def test_any_bytes_give_a_header_or_a_media_error(start: bytes, rest: bytes) -> None:
    try:
        header = read_header(start + rest)
    except MediaError:
        return
    assert 0 <= header.end <= len(start + rest)
