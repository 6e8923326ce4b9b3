"""Read the files of a capture, none of them larger than an upload may be."""

from __future__ import annotations

from media.containers import is_clip
from media.errors import blame
from offline.files import FileError, opened
from pipeline import Limits

_HEAD = 64  # bytes that tell a clip from an image


def read_part(part: str, location: str, limits: Limits) -> bytes:
    """Read one file, unless its size alone already breaks a limit.

    Args:
        part: of the capture, such as ``selfie``; named in the errors.
        location: a path or a URL.
        limits: what a file may cost, those of clips for a clip.

    Raises:
        FileError: it is not there or cannot be read.
        MediaError: it has too many bytes.
    """
    try:
        with blame(part), opened(location) as (stream, size):
            head = bytes(stream.read(_HEAD))
            kind = limits.clip if is_clip(head) else limits.image
            kind.check_bytes(size)
            return head + bytes(stream.read())
    except FileError as error:
        error.part = part
        raise
