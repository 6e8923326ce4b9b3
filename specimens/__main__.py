"""Write specimens: ``python -m specimens OUT --count N --seed S``."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated

import typer

from docfraud.contracts import FIELDS
from specimens import FORGERIES, KINDS, draw, forge, photograph
from specimens.camera import MEGAPIXELS, QUALITY
from terminal import err, progress

GENUINE = "genuine"

LABELS = {GENUINE: "genuine", "screen": "recapture", "print": "recapture"}
"""Label of each forgery in the manifest; the others are ``tampered``."""

COLUMNS = (
    "path", "label", "kind", "subject", "document_kind", "seed", "edited_field", "edited_sides",
    "edited_value", *FIELDS,
)  # fmt: skip


def main(
    out: Annotated[Path, typer.Argument(help="Folder to write to; made if missing.")],
    count: Annotated[int, typer.Option(min=1, help="How many.")] = 24,
    seed: Annotated[int, typer.Option(min=0, help="Of the first; the next has one more.")] = 0,
    kind: Annotated[
        list[str] | None,
        typer.Option(help=f"Of document: {', '.join(KINDS)}; repeat for more. All if none."),
    ] = None,
    forgery: Annotated[
        list[str] | None,
        typer.Option(help=f"{GENUINE}, {', '.join(FORGERIES)}; repeat for more. All if none."),
    ] = None,
    megapixels: Annotated[
        float, typer.Option(min=0.3, max=24, help="Of a photograph.")
    ] = MEGAPIXELS,
    quality: Annotated[int, typer.Option(min=50, max=95, help="Of the camera's JPEG.")] = QUALITY,
    force: Annotated[
        bool, typer.Option("--force", help="Write to OUT even if it is not empty.")
    ] = False,
) -> None:
    """Draw documents of nobody, photograph and forge them.

    OUT gets the photographs and manifest.csv: the truth of each, how it was forged (kind), and
    which field was edited on which sides, to which value. Kinds of document and of forgery take
    turns. The same arguments write the same files.
    """
    kinds, forgeries = kind or KINDS, forgery or (GENUINE, *FORGERIES)
    for asked, known in ((kinds, KINDS), (forgeries, (GENUINE, *FORGERIES))):
        if unknown := [name for name in asked if name not in known]:
            _refuse(f"There is no {', '.join(unknown)}; there are {', '.join(known)}.")
    _prepare(out, force)
    turns = [(document_kind, how) for how in forgeries for document_kind in kinds]
    with (
        (out / "manifest.csv").open("w", encoding="utf-8", newline="") as file,
        progress("Drawing") as update,
    ):
        rows = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        rows.writeheader()
        for i in range(count):
            document_kind, how = turns[i % len(turns)]
            name = f"{seed + i:06d}-{document_kind}-{how}.jpg"
            update(i, count, name)
            jpeg, row = _made(seed + i, document_kind, how, quality, megapixels)
            (out / name).write_bytes(jpeg)
            rows.writerow({"path": name, **row})
    err.print(f"{count} photographs and manifest.csv in {out}")


def _prepare(out: Path, force: bool) -> None:
    try:
        if not force and out.exists() and any(out.iterdir()):
            _refuse(f"{out} is not empty; name another folder, or add --force to write there.")
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _refuse(f"{out} cannot be written to: {error.strerror}.")


def _refuse(why: str) -> None:
    err.print(f"[red]{why}[/red]", soft_wrap=True)
    raise typer.Exit(2)


def _made(
    seed: int, document_kind: str, how: str, quality: int, megapixels: float
) -> tuple[bytes, dict[str, str]]:
    """Make one photograph, and its row of the manifest without the path."""
    document = draw(seed, document_kind)
    row = {
        "label": LABELS.get(how, "tampered"),
        "kind": how,
        "subject": f"holder-{seed}",
        "document_kind": document_kind,
        "seed": str(seed),
        **document.truth,
    }
    if how == GENUINE:
        return photograph(document.pixels, seed, quality=quality, megapixels=megapixels), row
    forged = forge(document, how, seed, quality=quality, megapixels=megapixels)
    if forged.edit is not None:
        row["edited_field"] = forged.edit.field
        row["edited_sides"] = " ".join(forged.edit.sides)
        row["edited_value"] = forged.edit.value
    return forged.jpeg, row


if __name__ == "__main__":
    typer.run(main)
