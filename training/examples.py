"""What is learnt from: the rows of a manifest that can be read, each with its crop.

Every picture is looked at once before the first epoch, so that a bad one is found there and then,
and not in the middle of the night.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from detectors.pixels import Box, Pixels
from evaluation.items import Items, bona_fide, read_items
from media.errors import MediaError
from media.images import decode_image
from offline.files import FileError, opened
from training.crops import Cutter, upright
from training.errors import TrainingError
from training.folders import read_folders

Outliers = Literal["leave_out", "turn"]
"""The outlier rule: what becomes of pictures that lie on their side or stand on their head."""


@dataclass(frozen=True, slots=True)
class Example:
    """A picture to learn from.

    Attributes:
        location: an absolute path or a URL.
        genuine: whether it is a bona fide presentation.
        kind: of an attack, its species.
        subject: whoever it has in common with others; empty where the manifest names nobody.
        box: of the crop, as shares of the picture.
        sha256: of the file.
        part: ``train``, ``validation`` or ``test`` where the manifest says so; else empty.
        group: which pictures a network that looks at several sees together, where the manifest
            says so; else empty.
        turns: quarter turns counter-clockwise that set the picture upright, 0 to 3.
    """

    location: str
    genuine: bool
    kind: str
    subject: str
    box: Box
    sha256: str
    part: str = ""
    group: str = ""
    turns: int = 0

    @property
    def identity(self) -> str:
        """The subject; where none is named, told by the content, which a copy has as well."""
        return self.subject or f"\0{self.sha256}"


@dataclass(frozen=True, slots=True)
class Looked:
    """A manifest after every picture was looked at.

    Attributes:
        examples: that can be used, in the order of the manifest.
        unreadable: pictures that cannot be read, by what is wrong with them.
        faceless: pictures without a face that could be cut out.
        outliers: pictures that lie on their side or stand on their head, whatever the recipe does
            with them.
    """

    examples: tuple[Example, ...]
    unreadable: dict[str, int]
    faceless: int
    outliers: int = 0

    @property
    def sha256(self) -> str:
        """Of the contents, the labels and the crops."""
        return hashlib.sha256(LOOKED.dump_json(self)).hexdigest()


LOOKED = TypeAdapter(Looked)


def fetch(location: str) -> bytes:
    """Read a file, or an object of an object store.

    Raises:
        FileError: it cannot be read.
    """
    with opened(location) as (stream, _):
        return bytes(stream.read())


def read_source(source: str) -> Items:
    """Read a manifest, or the folders of :mod:`training.folders`.

    Raises:
        BatchError, EvaluationError, TrainingError: as these.
    """
    return read_folders(Path(source)) if Path(source).is_dir() else read_items(source)


def stamp(source: str) -> bytes:
    """What changes with the list of the pictures; nothing for what lies elsewhere."""
    path = Path(source)
    if path.is_dir():
        return "\n".join(item.location for item in read_folders(path).images).encode()
    return path.read_bytes() if path.is_file() else b""


def look(
    source: str,
    cutter: Cutter,
    most_unreadable: float,
    on_progress: Callable[[float, float], None],
    outliers: Outliers = "leave_out",
) -> Looked:
    """Read the pictures of a manifest or of folders, and find the face in each.

    A manifest is a CSV with ``path``, ``label``, ``kind`` and ``subject``. A column ``part`` with
    ``train``, ``validation`` or ``test`` in every row says what each is for, and a column ``group``
    which pictures belong together.

    Args:
        source: path or URL of a manifest, or a folder with ``train`` and ``test``.
        cutter: finds the face.
        most_unreadable: share of the pictures that may be unreadable.
        on_progress: told how many were looked at, and of how many.
        outliers: what becomes of pictures that do not stand upright.

    Raises:
        BatchError: the manifest cannot be read or is malformed.
        EvaluationError: no row is an image, or a label is not understood.
        TrainingError: it has one class only, or too many pictures cannot be read.
    """
    items = read_source(source)
    genuine = bona_fide(items).tolist()
    if len(set(genuine)) < 2:
        lacking = "attack" if genuine[0] else "bona fide presentation"
        raise TrainingError(f"{source}: there is no {lacking} in it; two classes are needed")
    examples: list[Example] = []
    unreadable: Counter[str] = Counter()
    faceless = lying = 0
    for at, item in enumerate(items.images):
        on_progress(at, len(items.images))
        try:
            content = fetch(item.location)
            pixels: Pixels = decode_image(content).pixels
        except FileError as error:
            unreadable[error.code] += 1
            continue
        except MediaError as error:
            unreadable[error.code] += 1
            continue
        box, turns = upright(cutter, pixels)
        if box is None:
            faceless += 1
            continue
        lying += turns > 0
        if turns and outliers == "leave_out":
            continue
        examples.append(
            Example(
                item.location,
                genuine[at],
                item.kind,
                item.subject,
                box,
                hashlib.sha256(content).hexdigest(),
                item.row.get("part", ""),
                item.row.get("group", ""),
                turns,
            )
        )
    _check(items, unreadable, faceless, most_unreadable, examples)
    return Looked(tuple(examples), dict(unreadable), faceless, lying)


def _check(
    items: Items,
    unreadable: Counter[str],
    faceless: int,
    most: float,
    examples: Sequence[Example],
) -> None:
    bad, of = unreadable.total(), len(items.images)
    if bad > most * of:
        words = ", ".join(f"{count} {word}" for word, count in unreadable.most_common())
        raise TrainingError(
            f"{items.source}: {bad} of {of} pictures cannot be read ({words}), over "
            f"{most:.0%}; check the paths, or raise most_unreadable in the recipe"
        )
    if len({one.genuine for one in examples}) < 2:
        raise TrainingError(
            f"{items.source}: {len(examples)} of {of} pictures can be used ({faceless} have no "
            "face that could be cut out), and none of one of the classes"
        )
