"""Files by path or by object-store URL, through pyarrow's file systems, as Ray Data reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pyarrow import fs
from pyarrow.lib import ArrowException


class FileError(Exception):
    """A file that cannot be read.

    Attributes:
        code: ``file-missing`` or ``file-unreadable``.
        detail: one sentence.
        part: the part of the capture that it is, such as ``selfie``, where that is known.
    """

    def __init__(self, code: str, detail: str, part: str | None = None) -> None:
        super().__init__(code, detail)
        self.code, self.detail, self.part = code, detail, part


def is_url(location: str) -> bool:
    """Whether this is a URL, such as ``s3://bucket/key``, and not a path."""
    return "://" in location


def resolve(base: str, location: str) -> str:
    """Return ``location`` itself if it is absolute or a URL, else below ``base``."""
    if is_url(location) or Path(location).is_absolute():
        return location
    return f"{base.rstrip('/')}/{location}"


@contextmanager
def opened(location: str) -> Iterator[tuple[Any, int]]:
    """Open a file for reading; yields a stream of bytes and the size.

    Raises:
        FileError: there is no such file, or it cannot be read; also while it is read.
    """
    try:
        system, path = _place(location)
        info = system.get_file_info(path)
        if info.type is fs.FileType.NotFound:
            raise FileError("file-missing", "There is no such file.")
        if info.type is not fs.FileType.File:
            raise FileError("file-unreadable", "This is not a file.")
        with system.open_input_stream(path) as stream:
            yield stream, info.size
    except (OSError, ValueError, ArrowException) as error:
        raise FileError("file-unreadable", _first_line(error)) from error


def stamp(locations: Iterable[str]) -> str:
    """Describe the state of some files by size and time of change, without reading them.

    Returns:
        For each ``bytes@nanoseconds``, ``-`` where there is no such file and ``?`` where that
        cannot be told.
    """
    return " ".join(map(_stamp, locations))


def _stamp(location: str) -> str:
    try:
        system, path = _place(location)
        info = system.get_file_info(path)
    except (OSError, ValueError, ArrowException):
        return "?"
    return f"{info.size}@{info.mtime_ns}" if info.type is fs.FileType.File else "-"


def _place(location: str) -> tuple[Any, str]:
    """The file system of a location, and the path in it."""
    if not is_url(location):
        return _system(""), location
    url = urlsplit(location, allow_fragments=False)
    if url.scheme == "file":
        return _system(""), unquote(url.path)
    # The key as it stands: object stores, unlike file URLs, have names with blanks and percents.
    query = f"?{url.query}" if url.query else ""
    return _system(f"{url.scheme}://{url.netloc}{query}"), url.netloc + url.path


@lru_cache(maxsize=64)
def _system(url: str) -> Any:
    """A file system for each bucket: making one may ask the store for the bucket's region."""
    return fs.FileSystem.from_uri(url)[0] if url else fs.LocalFileSystem()


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
