"""What is measured: the rows of a manifest whose files are images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import EvaluationError
from evaluation.labels import ATTACK, BONA_FIDE
from offline.files import resolve
from offline.manifest import Row, read_manifest

NO_IMAGES = (".txt", ".bin", ".json", ".csv", ".xml")
"""Ends of names of files that lie beside images: truth and annotations. Lists of whole folders
have rows for them, which are counted and passed over."""

MOST_NAMED = 5
"""So many unknown labels are named in an error."""


@dataclass(frozen=True, slots=True)
class Item:
    """One row of a manifest.

    Attributes:
        location: of the image, an absolute path or a URL.
        row: the text of every column.
        clip: where the clip of the same capture is, of a manifest that has a column ``clip``.
    """

    location: str
    row: Row
    clip: str | None = None

    @property
    def path(self) -> str:
        """The image as the manifest names it."""
        return self.row["path"]

    @property
    def label(self) -> str:
        """What it is said to be."""
        return self.row["label"]

    @property
    def kind(self) -> str:
        """What sort of item it is; of an attack, its PAI species."""
        return self.row["kind"]

    @property
    def subject(self) -> str:
        """What it has in common with others: a person, a collector, a source."""
        return self.row["subject"]


@dataclass(frozen=True, slots=True)
class Items:
    """The images of a manifest.

    Attributes:
        source: the manifest, an absolute path or a URL.
        images: in the order of the manifest.
        passed_over: rows that are no images but lie beside them.
    """

    source: str
    images: tuple[Item, ...]
    passed_over: int

    @property
    def repeated(self) -> int:
        """Rows whose image is in an earlier row as well."""
        return len(self.images) - len({item.location for item in self.images})


def read_items(source: str) -> Items:
    """Read a manifest, a CSV with ``path``, ``label``, ``kind`` and ``subject``.

    Raises:
        BatchError: it cannot be read or is malformed.
        EvaluationError: no row of it is an image.
    """
    manifest = read_manifest(source)
    images = tuple(
        Item(
            resolve(manifest.base, row["path"]),
            row,
            resolve(manifest.base, row["clip"]) if row.get("clip") else None,
        )
        for row in manifest.rows.values()
        if not row["path"].lower().endswith(NO_IMAGES)
    )
    if not images:
        raise EvaluationError(f"{source}: none of its rows is an image")
    return Items(manifest.source, images, len(manifest.rows) - len(images))


def bona_fide(items: Items) -> NDArray[np.bool_]:
    """Tell bona fide presentations from attacks by their labels.

    Returns:
        bool (N,), true for bona fide.

    Raises:
        EvaluationError: a label is not understood.
    """
    labels = [item.label.strip().lower() for item in items.images]
    if unknown := Counter(label for label in labels if label not in (*BONA_FIDE, *ATTACK)):
        raise EvaluationError(
            f"{items.source}: {_named(list(unknown.items()))} not understood; bona fide are "
            f"{', '.join(BONA_FIDE)}, attacks are {', '.join(ATTACK)}"
        )
    return np.array([label in BONA_FIDE for label in labels], bool)


def _named(unknown: Sequence[tuple[str, int]]) -> str:
    named = ", ".join(f"{label!r} ({count})" for label, count in unknown[:MOST_NAMED])
    more = f" and {len(unknown) - MOST_NAMED} more" if len(unknown) > MOST_NAMED else ""
    return f"the label {named} is" if len(unknown) == 1 else f"the labels {named}{more} are"
