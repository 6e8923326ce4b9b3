"""What a machine-readable part really says: in the manifest, or in a file beside the image."""

from __future__ import annotations

from docfraud.contracts import FIELDS, Fields
from evaluation.items import Item
from offline.files import FileError, opened

COLUMN = "truth"

SUFFIXES = (".gt.txt", ".txt", ".bin")
"""Of ``X.png`` the truth is in ``X.gt.txt`` or ``X.txt``, or as bytes in ``X.bin``."""


def true_text(item: Item) -> str | None:
    """Find the text of an image, None where there is no truth.

    Returns:
        With line ends as ``\\n`` and none at the end; bytes that are no text as one character
        each, :func:`of_bytes`.
    """
    if written := item.row.get(COLUMN, ""):
        return one_ending(written)
    folder, slash, name = item.location.rpartition("/")
    stem = name.rpartition(".")[0] or name
    for suffix in SUFFIXES:
        try:
            with opened(f"{folder}{slash}{stem}{suffix}") as (stream, _):
                data = bytes(stream.read())
        except FileError:
            continue
        if suffix == ".bin":
            return of_bytes(data)
        try:
            return one_ending(data.decode("utf-8-sig"))
        except UnicodeDecodeError:
            return of_bytes(data)
    return None


def true_lines(item: Item) -> tuple[str, ...]:
    """Find the lines of a machine-readable zone, which have no blanks; none without a truth."""
    words = ("".join(line.split()) for line in (true_text(item) or "").splitlines())
    return tuple(word for word in words if word)


def true_fields(item: Item) -> Fields:
    """Find the fields of a document: columns of the manifest with the names of ``FIELDS``."""
    return {name: item.row[name] for name in FIELDS if item.row.get(name, "")}


def of_bytes(data: bytes) -> str:
    """Write bytes as characters, one each, so that they compare as text does."""
    return data.decode("latin-1")


def one_ending(text: str) -> str:
    """Write line ends as ``\\n``, and none at the end."""
    return text.replace("\r\n", "\n").rstrip("\n")
