"""Edited specimens: is every edit of a compared field found, and nothing else?

``python -m specimens OUT --count 300`` makes them; ``python -m benchmarks.edits OUT`` reads the
barcode, MRZ and visible text of each photograph and compares them, as the graph does. An edit
counts as found where its field is a mismatch, and as unread where fewer than two sides could be
read; a mismatch in a field that nobody edited is a false alarm, on genuine and forged ones alike.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from detectors.runner import Runner
from docfraud.crossref import Comparison, Outcome
from docfraud.examination import conclude, open_page
from docfraud.registry import READERS
from evaluation.intervals import Figure, proportion
from media.limits import ImageLimits
from terminal import out, progress

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Compared:
    """One document of the manifest.

    Attributes:
        path: of its photograph.
        forgery: how it was forged, or ``genuine``.
        document: its kind.
        edit: what became of the edited field: ``found``, ``missed``, ``unread``, or None.
        compared: fields that two sides or more could be read of.
        alarms: fields that nobody edited and that are a mismatch all the same.
    """

    path: str
    forgery: str
    document: str
    edit: str | None
    compared: int
    alarms: tuple[str, ...]


def compare(row: Row, folder: Path, runners: Sequence[Runner[object]]) -> Compared:
    """Read and compare one photograph."""
    page = open_page((folder / row["path"]).read_bytes(), ImageLimits(), "upload")
    found = conclude({r.sensor.name: r(page) for r in runners}, 0.0).evidence.comparisons
    edited = row["edited_field"]
    return Compared(
        path=row["path"],
        forgery=row["kind"],
        document=row["document_kind"],
        edit=_edit(found, edited) if edited else None,
        compared=sum(c.outcome is not Outcome.NOT_COMPARABLE for c in found),
        alarms=tuple(c.field for c in found if c.outcome is Outcome.MISMATCH and c.field != edited),
    )


def _edit(found: Sequence[Comparison], field: str) -> str:
    outcome = next((c.outcome for c in found if c.field == field), Outcome.NOT_COMPARABLE)
    words = {Outcome.MISMATCH: "found", Outcome.MATCH: "missed"}
    return words.get(outcome, "unread")


def measure(folder: Path, workers: int) -> list[Compared]:
    """Read every photograph of ``folder/manifest.csv``."""
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    shares = [rows[start::workers] for start in range(workers)]
    done: list[Compared] = []
    with ProcessPoolExecutor(workers) as pool, progress("Reading") as update:
        for several in pool.map(_share, *zip(*_portions(shares, folder), strict=True)):
            done += several
            update(len(done), len(rows))
    return sorted(done, key=lambda one: one.path)


PORTION = 5
_RUNNERS: list[Runner[object]] = []


def _portions(shares: Sequence[Sequence[Row]], folder: Path) -> Iterator[tuple[list[Row], Path]]:
    for share in shares:
        for start in range(0, len(share), PORTION):
            yield list(share[start : start + PORTION]), folder


def _share(rows: Sequence[Row], folder: Path) -> list[Compared]:
    if not _RUNNERS:  # once for each process
        _RUNNERS.extend(Runner(reader()) for reader in READERS)  # type: ignore[arg-type]
    return [compare(row, folder, _RUNNERS) for row in rows]


def summary(found: Sequence[Compared]) -> dict[str, Figure]:
    """Shares with intervals, by forgery: edits that were found, documents with a false alarm."""
    figures: dict[str, Figure] = {}
    for forgery in dict.fromkeys(one.forgery for one in found):
        own = [one for one in found if one.forgery == forgery]
        edits = Counter(one.edit for one in own if one.edit)
        if edits:
            compared = edits["found"] + edits["missed"]
            figures[f"{forgery}: found of those compared"] = proportion(edits["found"], compared)
            figures[f"{forgery}: found of all"] = proportion(edits["found"], edits.total())
        figures[f"{forgery}: false alarm"] = proportion(sum(bool(o.alarms) for o in own), len(own))
    return figures


def main(
    folder: Annotated[Path, typer.Argument(help="Made by `python -m specimens`.")],
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write JSON.")] = None,
) -> None:
    """Compare the sides of every specimen, and count edits that were found and false alarms."""
    found = measure(folder, workers)
    figures = summary(found)
    table = Table("share of documents", "value [95%]", "n", box=None)
    for name, figure in figures.items():
        table.add_row(name, str(figure), str(figure.n))
    out.print(table)
    for one in found:
        if one.alarms or one.edit == "missed":
            out.print(f"{one.path}: {one.edit or ''} {', '.join(one.alarms)}", soft_wrap=True)
    if json_file is not None:
        report = {"documents": [asdict(one) for one in found]}
        report["figures"] = {name: asdict(figure) for name, figure in figures.items()}  # type: ignore[assignment]
        json_file.write_text(json.dumps(report, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    typer.run(main)
