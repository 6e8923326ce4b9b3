"""``palisade train`` and ``palisade distill``, on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import rich.table
import typer
from rich.text import Text

from evaluation.blocks import Table, cell
from terminal import err, out, progress
from training.errors import TrainingError

if TYPE_CHECKING:
    from training.loop import Epoch
    from training.pipeline import Order, Outcome


Data = Annotated[
    str,
    typer.Option(
        metavar="MANIFEST",
        help="CSV with path, label, kind and subject, a path or a URL; or a folder with "
        "train/normal, train/spoof, test/normal and test/spoof.",
    ),
]
Run = Annotated[
    Path, typer.Option("--out", metavar="RUN", help="Folder of the run; the same to go on.")
]
Seed = Annotated[int, typer.Option(min=0, help="Of all that is random.")]
Licence = Annotated[str, typer.Option(help="Terms of the data, in words, for the model card.")]
Elsewhere = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=MANIFEST",
        help="Measure on this source, too, and show both side by side; may be repeated.",
    ),
]
Device = Annotated[Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="What to train on.")]
Devices = Annotated[int, typer.Option(min=1, help="How many of them.")]
Workers = Annotated[
    int, typer.Option(min=0, help="Processes that prepare pictures beside the first.")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Lose what an earlier run left in RUN first.")]


def train(
    recipe: Annotated[
        str, typer.Argument(help="Shipped recipe, such as mobilenet_v3, or a YAML file.")
    ],
    data: Data,
    run: Run,
    name: Annotated[
        str | None,
        typer.Option(help="Of the model in the store; the network's by default."),
    ] = None,
    seed: Seed = 0,
    licence: Licence = "",
    elsewhere: Elsewhere = None,
    device: Device = "auto",
    devices: Devices = 1,
    workers: Workers = 0,
    fresh: Fresh = False,
) -> None:
    """Train a network of your own, measure it, and put it into the model store.

    Needs `pip install 'palisade[cpu,train]'`; what it makes is served without. Subjects are split
    70:15:15, so that nobody is both learnt from and measured on. A run that was stopped goes on
    with the same command, and ends as if it had not been.

    RUN gets `report.json`, `card.md`, `curves.png`, `det.png` and `best.pt`.

    Example: `palisade train mobilenet_v3 --data faces.csv --out runs/first`
    """
    from training.loop import Machine
    from training.pipeline import Order
    from training.recipe import read_recipe

    wanted = read_recipe(recipe)
    _go(
        Order(
            wanted,
            data,
            run,
            _called(name or wanted.network),
            seed,
            licence,
            _sources(elsewhere or []),
            Machine(device, devices, workers),
            fresh,
        )
    )


def distill(
    teacher: Annotated[
        str,
        typer.Argument(
            metavar="TEACHER", help="Model of the store, or ONNX file, that answers the question."
        ),
    ],
    student: Annotated[
        str,
        typer.Argument(
            metavar="STUDENT", help="Recipe of the network that learns from it, shipped or a file."
        ),
    ],
    data: Data,
    run: Run,
    baseline: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Run of `palisade train` with the same recipe, data and seed, to compare with.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Of the student in the store; the network's with _distilled after it."),
    ] = None,
    seed: Seed = 0,
    licence: Licence = "",
    elsewhere: Elsewhere = None,
    device: Device = "auto",
    devices: Devices = 1,
    workers: Workers = 0,
    fresh: Fresh = False,
) -> None:
    """Have a large network teach a small one, and say what that costs and saves.

    All is as with `palisade train`, but the student learns from the teacher's answers as well as
    from the labels; how much so, its recipe says (`distillation`). Both must answer for the same
    detector, liveness or deepfake. In the end teacher, student and, with `--baseline`, the same
    student without a teacher stand side by side: size, milliseconds, AUC and EER.

    RUN gets `tradeoff.png` besides what `palisade train` writes.

    Example: `palisade distill resnet50 mobilenet_v3 --data faces.csv --out runs/small`
    """
    from training.loop import Machine
    from training.pipeline import Order
    from training.recipe import read_recipe

    wanted = read_recipe(student)
    _go(
        Order(
            wanted,
            data,
            run,
            _called(name or f"{wanted.network}_distilled"),
            seed,
            licence,
            _sources(elsewhere or []),
            Machine(device, devices, workers),
            fresh,
            teacher,
            baseline,
        )
    )


def _called(name: str) -> str:
    """A name that a model can have.

    Raises:
        TrainingError: it has other characters.
    """
    if not name.replace("-", "").replace("_", "").isalnum():
        raise TrainingError(f"--name {name!r}: letters, digits, - and _ only")
    return name


def _go(order: Order) -> None:
    """Do what is asked for, and print what it came to."""
    from training.pipeline import train as trained

    try:
        with progress("Training") as update:
            outcome = trained(order, update, _told)
    except KeyboardInterrupt:
        err.print("Stopped; whole epochs are kept, and the same command goes on.")
        raise typer.Exit(130) from None
    if outcome is not None:
        _show(outcome, order.folder)


def _sources(given: list[str]) -> dict[str, str]:
    """Manifests by name.

    Raises:
        TrainingError: one has no name, or a name is that of another.
    """
    sources: dict[str, str] = {}
    for one in given:
        name, _, source = one.partition("=")
        if not name or not source or name in (*sources, "validation", "test"):
            raise TrainingError(f"--elsewhere {one!r}: NAME=MANIFEST, each with a name of its own")
        sources[name] = source
    return sources


def _told(epoch: Epoch) -> None:
    """Print what an epoch came to."""
    mark = "  best so far" if epoch.best else ""
    out.print(
        f"loss {epoch.train_loss:.4f} train, {epoch.val_loss:.4f} validation  "
        f"APCER {epoch.apcer:.3f}  BPCER {epoch.bpcer:.3f}  AUC {epoch.auc:.3f}{mark}",
        highlight=False,
        soft_wrap=True,
    )


def _show(outcome: Outcome, run: Path) -> None:
    """Print what was learnt from, what it is worth, and how to use it."""
    from training.cards import NAMES, SETTING
    from training.tradeoff import tables

    left_out = sum(outcome.looked.unreadable.values())
    parts = ", ".join(f"{len(own)} {name}" for name, own in outcome.splits.each().items())
    out.print(
        f"Presentations: {parts}; left out: {left_out} unreadable, {outcome.looked.faceless} "
        f"without a face, {outcome.looked.outliers} not upright",
        soft_wrap=True,
    )
    for name, figure in outcome.worth.figures.items():
        out.print(f"{NAMES[name]}: {figure}", highlight=False)
    for species, figure in outcome.worth.missed.items():
        out.print(f"missed of {species or 'attacks'}: {figure}", highlight=False, markup=False)
    for source, worth in outcome.elsewhere.items():
        for name in ("auc", "apcer_chosen", "bpcer_chosen"):
            out.print(f"{source}: {NAMES[name]}: {worth.figures[name]}", highlight=False)
    if outcome.rows:
        for table in tables(outcome.rows):
            out.print(_drawn(table), "", sep="\n")
    card = outcome.model.card
    out.print(f"{card.name}: {outcome.model.path}", soft_wrap=True)
    out.print(f"{run / 'card.md'} says more", soft_wrap=True)
    out.print(f"Serve it with {SETTING[outcome.detector]}={card.name}", soft_wrap=True)


def _drawn(table: Table) -> rich.table.Table:
    """A table of a report, for the terminal."""
    drawn = rich.table.Table(box=None, pad_edge=False, collapse_padding=True)
    for name in table.header:
        drawn.add_column(Text(name), no_wrap=True)
    for row in table.rows:
        drawn.add_row(*(Text(cell(value)) for value in row))
    return drawn
