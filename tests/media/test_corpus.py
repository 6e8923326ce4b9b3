"""Nearly two hundred hostile and odd files: each is refused for its own reason, or works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from media_corpus import Upload, uploads

from media.clips import read_clip
from media.errors import CODES, MediaError
from media.images import decode_image


def _decode(upload: Upload) -> str | None:
    """Decode all of it; the code of the error, if any."""
    try:
        if upload.part == "selfie":
            decoded = decode_image(upload.data).pixels.size
        else:
            decoded = sum(1 for _ in read_clip(upload.data))
    except MediaError as error:
        return error.code if error.detail.endswith(".") else error.detail
    return None if decoded else "nothing"


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_every_upload(subtests: pytest.Subtests) -> None:
    for upload in uploads():
        with subtests.test(upload.name, part=upload.part):
            assert _decode(upload) == upload.code


def test_the_corpus_is_complete() -> None:
    names = [(upload.part, upload.name) for upload in uploads()]
    assert len(set(names)) == len(names)
    assert sum(upload.code is not None for upload in uploads()) >= 60
    # The one code that takes a slow decoder; test_clips.py has one.
    assert {upload.code for upload in uploads() if upload.code} == set(CODES) - {"clip-timeout"}


_DECODE_ALL = """
import resource, sys
from pathlib import Path
from media.errors import MediaError
from media.images import decode_image

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

folder = Path(sys.argv[1])
decode_image((folder / "selfie").read_bytes())
before = peak()
for path in sorted(folder.iterdir()):
    try:
        decode_image(path.read_bytes())
    except MediaError:
        pass
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux only")
def test_hostile_images_take_little_memory(tmp_path: Path) -> None:
    items = [upload for upload in uploads() if upload.part == "selfie"]
    for number, upload in enumerate(items):
        (tmp_path / f"{number}").write_bytes(upload.data)
    (tmp_path / "selfie").write_bytes(next(u.data for u in items if u.name == "jpeg"))
    done = subprocess.run(
        [sys.executable, "-c", _DECODE_ALL, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    # The largest file has 10 MiB, Pillow keeps up to 64 MiB of text; the bombs unpack to 500.
    assert int(done.stdout) < 120
