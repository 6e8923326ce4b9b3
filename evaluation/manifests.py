"""Manifests of the project's sets of real data, so that what the docs report can be repeated.

    python -m evaluation.manifests moire DATA moire.csv
    palisade evaluate moire moire.csv results

DATA is the folder with ``manifest.csv``, which lists all files. What is taken from there, and what
several images have in common (``subject``):

==============  ===============================  =================================================
set             files                            subject
==============  ===============================  =================================================
pad-devel       pad/replay_attack/devel/         the client
pad-train       pad/replay_attack/train/         the client
pad-collectors  pad/collectors/                  whoever collected them
pad-samples     pad/samples/                     whoever published them
moire           moire/                           whoever collected them
tamper          tamper/casia2_subset/            the photograph that was edited, from CASIA's names
barcode         documents/barcodes/              the photograph, which two sources may both have
mrz             documents/mrz_lines_real/        the document that lines were cut from
mrz-documents   documents/mrz_docs/              the image
deepfake        deepfake/validation/             none: every image stands alone
deepfake-train  deepfake/train/                  none
synthetic       synthetic/                       none; ``family`` says how the image was made
utkface         faces/utkface_200/               none; ``sex`` and ``group`` say whom it shows
==============  ===============================  =================================================
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from evaluation.errors import EvaluationError
from evaluation.items import NO_IMAGES
from offline.errors import BatchError
from offline.manifest import Row, read_manifest
from terminal import err

_CASIA = re.compile(r"Au_([a-z]+_\d+)|Tp_[A-Z]_[A-Z]{3}_[A-Z]_[A-Z]_([a-z]+\d+)")
"""Dong, Wang, Tan 2013: an authentic image is ``Au_ani_00006``; a tampered one names the image
that was edited, then the source of what was pasted: ``Tp_D_CRN_M_N_ani10112_ani10119_11624``."""


_UTKFACE = re.compile(r"sex=(?P<sex>\w+) race=(?P<group>\w+)")
"""Zhang, Song, Qi 2017: their names of files have age, sex and what they call race."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the sets.

    Attributes:
        folder: whose files are taken, that are images.
        kind: of a row.
        subject: of a row.
        more: columns besides.
    """

    folder: str
    kind: Callable[[Row], str] = lambda row: row["kind"]
    subject: Callable[[Row], str] = lambda row: row["subject"]
    more: Callable[[Row], Row] = lambda row: {}


def _folder(row: Row) -> str:
    """The folder in ``documents/barcodes``: where the photograph comes from, and its series."""
    return "/".join(PurePosixPath(row["path"]).parent.parts[2:])


def _photograph(row: Row) -> str:
    path = PurePosixPath(row["path"])
    return f"{path.parent.name}/{path.stem}"


def edited_photograph(row: Row) -> str:
    """The photograph that a file of CASIA 2.0 shows, edited or not, such as ``ani00006``."""
    found = _CASIA.match(PurePosixPath(row["path"]).name)
    if found is None:
        raise EvaluationError(f"{row['path']}: this is no name of CASIA 2.0")
    return (found[1] or found[2]).replace("_", "")


def people_of(row: Row) -> Row:
    """Whom a photograph of UTKFace shows, as the list says: ``age=30 sex=F race=Asian``."""
    found = _UTKFACE.search(row["kind"])
    return found.groupdict() if found else {}


def _family(row: Row) -> Row:
    made_by = {"stylegan2": "GAN", "gan_512": "GAN", "sd3": "diffusion"}
    folder = PurePosixPath(row["path"]).parent.name
    known = (family for start, family in made_by.items() if folder.startswith(start))
    return {"family": next(known, "")}


def _generator(row: Row) -> str:
    return "" if row["label"] == "real" else row["kind"]


def _alone(row: Row) -> str:
    return ""


SETS = {
    "pad-devel": Choice("pad/replay_attack/devel/"),
    "pad-train": Choice("pad/replay_attack/train/"),
    "pad-collectors": Choice("pad/collectors/"),
    "pad-samples": Choice("pad/samples/"),
    "moire": Choice("moire/"),
    "tamper": Choice("tamper/casia2_subset/", subject=edited_photograph),
    "barcode": Choice("documents/barcodes/", _folder, _photograph),
    "mrz": Choice("documents/mrz_lines_real/"),
    "mrz-documents": Choice("documents/mrz_docs/"),
    "deepfake": Choice("deepfake/validation/", subject=_alone),
    "deepfake-train": Choice("deepfake/train/", subject=_alone),
    "synthetic": Choice("synthetic/", _generator, _alone, _family),
    "utkface": Choice("faces/utkface_200/", _alone, _alone, people_of),
}


def rows_of(name: str, data: Path) -> Sequence[Row]:
    """Choose the images of a set.

    Args:
        name: of :data:`SETS`.
        data: the folder with ``manifest.csv``.

    Returns:
        Rows with ``path`` (absolute), ``label``, ``kind`` and ``subject``, and what is more.

    Raises:
        BatchError: there is no such list.
        EvaluationError: it has no such images.
    """
    choice = SETS[name]
    base = data.resolve()
    rows = [
        {
            "path": str(base / row["path"]),
            "label": row["label"],
            "kind": choice.kind(row),
            "subject": choice.subject(row),
            **choice.more(row),
        }
        for row in read_manifest(str(base / "manifest.csv")).rows.values()
        if row["path"].startswith(choice.folder) and not row["path"].lower().endswith(NO_IMAGES)
    ]
    if not rows:
        raise EvaluationError(f"{data}: there are no images in {choice.folder}")
    return rows


def main(
    name: Annotated[str, typer.Argument(metavar="SET", help=", ".join(SETS))],
    data: Annotated[Path, typer.Argument(help="The folder with manifest.csv.")],
    out: Annotated[Path, typer.Argument(help="The manifest to write.")],
) -> None:
    """Write the manifest of a set of real data."""
    try:
        if name not in SETS:
            raise EvaluationError(f"there is no set {name!r}; there are {', '.join(SETS)}")
        rows = rows_of(name, data)
        with out.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    except (BatchError, EvaluationError, OSError) as error:
        err.print(f"{error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)
    print(f"{out}: {len(rows)} images")


if __name__ == "__main__":
    typer.run(main)
