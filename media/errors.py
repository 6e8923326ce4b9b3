"""Why an upload was refused: one exception, a catalogue of stable codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

_TOO_LARGE = 413
_UNSUPPORTED = 415
_UNPROCESSABLE = 422

CODES: Mapping[str, int] = MappingProxyType(
    {
        "image-empty": _UNPROCESSABLE,  # no bytes
        "image-too-large": _TOO_LARGE,  # bytes
        "image-format-unsupported": _UNSUPPORTED,  # not JPEG, PNG or WebP
        "image-too-many-pixels": _TOO_LARGE,  # by its header
        "image-too-small": _UNPROCESSABLE,  # a side in pixels
        "image-too-complex": _UNPROCESSABLE,  # more segments or scans than any camera writes
        "image-animated": _UNPROCESSABLE,  # more than one picture to choose from
        "image-polyglot": _UNPROCESSABLE,  # also a document, an archive or a script
        "image-trailing-data": _UNPROCESSABLE,  # bytes after the end of a PNG or WebP
        "image-truncated": _UNPROCESSABLE,  # ends before its end marker
        "image-damaged": _UNPROCESSABLE,  # cannot be decoded
        "clip-empty": _UNPROCESSABLE,  # no bytes, or no still frames
        "clip-too-large": _TOO_LARGE,  # bytes
        "clip-format-unsupported": _UNSUPPORTED,  # not MP4, MOV, WebM, MKV or AVI
        "clip-codec-unsupported": _UNSUPPORTED,
        "clip-no-video": _UNPROCESSABLE,  # sound only, or no frame in it
        "clip-too-long": _TOO_LARGE,  # seconds
        "clip-too-many-frames": _TOO_LARGE,
        "clip-too-many-pixels": _TOO_LARGE,  # per frame
        "clip-too-small": _UNPROCESSABLE,  # a side in pixels
        "clip-frame-size-changed": _UNPROCESSABLE,  # frames of different sizes
        "clip-timestamps-invalid": _UNPROCESSABLE,  # missing, or not increasing
        "clip-truncated": _UNPROCESSABLE,  # shorter than its container says
        "clip-undecodable": _UNPROCESSABLE,  # the decoder gave up or crashed
        "clip-timeout": _UNPROCESSABLE,  # took too long to decode
    }
)
"""Every code with its HTTP status."""


class MediaError(Exception):
    """An upload that was refused.

    Attributes:
        code: stable kebab-case word of :data:`CODES`; the problem type over HTTP.
        detail: one sentence for the client: what is wrong, by how much, what to do instead.
            It never repeats text from the upload.
        part: the part of the upload that is at fault, such as ``selfie``, where it is known.
        http_status: 413 for too much, 415 for an unsupported type, 422 otherwise.
    """

    def __init__(self, code: str, detail: str, part: str | None = None) -> None:
        super().__init__(code, detail)  # both, so that it can be pickled
        self.http_status = CODES[code]
        self.code = code
        self.detail = detail
        self.part = part

    def __str__(self) -> str:
        return f"{self.part + ': ' if self.part else ''}{self.detail} ({self.code})"


@contextmanager
def blame(part: str) -> Iterator[None]:
    """Name ``part`` in a :class:`MediaError` that is raised inside the block without one."""
    try:
        yield
    except MediaError as error:
        error.part = error.part or part
        raise
