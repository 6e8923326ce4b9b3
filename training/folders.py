"""Pictures in folders, in the layout and with the file names of the liveness classifier.

::

    FOLDER/train/normal/O1_I1.jpg     person 1, image 1, live
    FOLDER/train/spoof/O1_I1.jpg
    FOLDER/test/normal/O7_I1.jpg
    FOLDER/test/spoof/O7_I1.jpg

The number after ``O`` is the person, whatever the folder: one who is in ``train`` and in ``test``
is refused like every subject in two parts.
"""

from __future__ import annotations

import re
from pathlib import Path

from evaluation.items import Item, Items
from training.errors import TrainingError

PARTS = ("train", "test")

LABELS = {"normal": "live", "spoof": "spoof"}
"""The folder of each class, and its label elsewhere."""

NAMED = re.compile(r"O(?P<person>\d+)_I(?P<image>\d+)\.(?:jpe?g|png|webp)", re.IGNORECASE)


def read_folders(folder: Path) -> Items:
    """List the pictures as a manifest would, each person's together and in the order of numbers.

    Raises:
        TrainingError: the layout is another, or a picture's name does not say whose it is.
    """
    rows: list[tuple[tuple[int, ...], Item]] = []
    for part in PARTS:
        for own, label in LABELS.items():
            for path in sorted((folder / part / own).glob("*.*")):
                if (named := NAMED.fullmatch(path.name)) is None:
                    raise TrainingError(
                        f"{path}: pictures are named O<person>_I<image>.jpg; rename it, or write "
                        "a manifest"
                    )
                row = {
                    "path": f"{part}/{own}/{path.name}",
                    "label": label,
                    "kind": "" if label == "live" else own,
                    "subject": f"O{int(named['person'])}",
                    "part": part,
                }
                order = (int(named["person"]), PARTS.index(part), int(named["image"]))
                rows.append((order, Item(str(path.resolve()), row)))
    if not rows:
        wanted = ", ".join(f"{part}/{own}" for part in PARTS for own in LABELS)
        raise TrainingError(f"{folder}: no picture is in {wanted}; give those, or a manifest")
    images = tuple(item for _, item in sorted(rows, key=lambda one: one[0]))
    return Items(str(folder), images, passed_over=0)
