"""What networks are worth that are trained from nothing on small research sets, on one CPU.

``python -m benchmarks.trainings DATA OUT`` trains every recipe of ``benchmarks/recipes`` on the
sets of ``DATA/manifest.csv``, measures it on people whom it has not seen and on other sources, and
writes the measured part of ``TRAINING.md`` in the folder that ``--docs`` names, with its picture.
Each run lies in a folder of ``OUT``; what was trained there is not trained again. The models go to
the model store under ``benchmark-`` and the recipe's name, for tests alone: their data are for
research.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from matplotlib.figure import Figure as Canvas

from evaluation import plots
from evaluation.blocks import Table, markdown
from evaluation.errors import EvaluationError
from evaluation.intervals import Figure
from evaluation.manifests import rows_of
from offline.manifest import Row
from terminal import err, progress
from training.examples import LOOKED, Example
from training.exported import Exported
from training.loop import Epoch, Machine
from training.measuring import measure, sample
from training.networks import NETWORKS
from training.pictures import Pictures
from training.presentations import presented
from training.recipe import Recipe, read_recipe
from training.splits import split

RECIPES = Path(__file__).with_name("recipes")

TERMS = "research only: never to be passed on"

SEED = 0

FRAME = re.compile(r"_frame_\d+$")
"""Ends the names of two frames of one video of Replay-Attack."""

Rows = list[Row]

BEGIN, END = "<!-- measured -->\n", "<!-- /measured -->\n"
"""Around what is written into the page."""

PICTURE = "results/trainings.svg"


def sources(data: Path) -> dict[str, Rows]:
    """What is learnt from, and other sources, by the names of their manifests.

    Raises:
        BatchError: there is no list in ``data``.
        EvaluationError: it lacks one of the sets.
    """
    learnt = {"deepfake-train": "train", "deepfake": "test"}
    return {
        "replay": [*rows_of("pad-train", data), *rows_of("pad-devel", data)],
        "collectors": list(rows_of("pad-collectors", data)),
        "samples": list(rows_of("pad-samples", data)),
        "deepfake": [
            {**row, "part": part} for name, part in learnt.items() for row in rows_of(name, data)
        ],
        "synthetic": list(rows_of("synthetic", data)),
    }


def main(
    data: Annotated[Path, typer.Argument(help="Folder with manifest.csv.")],
    out: Annotated[Path, typer.Argument(help="Folder of the runs.")],
    only: Annotated[
        list[str] | None, typer.Option(help="Recipe to train; may be repeated; all by default.")
    ] = None,
    docs: Annotated[Path, typer.Option(help="Folder with TRAINING.md.")] = Path("docs"),
) -> None:
    """Train, measure, and write the measured part of TRAINING.md."""
    from training.pipeline import Order, train

    chosen = only or sorted(path.stem for path in RECIPES.glob("*.yaml"))
    out.mkdir(parents=True, exist_ok=True)
    for name, rows in sources(data).items():
        _write(out / f"{name}.csv", rows)
    for name in chosen:
        if (out / name / "report.json").is_file():
            continue
        recipe = read_recipe(str(RECIPES / f"{name}.yaml"))
        deepfake = recipe.crop == "deepfake"
        order = Order(
            recipe,
            str(out / ("deepfake.csv" if deepfake else "replay.csv")),
            out / name,
            f"benchmark-{name}",
            seed=SEED,
            licence=TERMS,
            elsewhere={
                other: str(out / f"{other}.csv")
                for other in (("synthetic",) if deepfake else ("collectors", "samples"))
            },
            machine=Machine("cpu"),
        )

        def told(epoch: Epoch, name: str = name) -> None:
            err.print(f"{name}: validation loss {epoch.val_loss:.4f}, AUC {epoch.auc:.3f}")

        with progress(name) as update:
            train(order, update, told)
    reports = {
        path.parent.name: json.loads(path.read_text()) for path in sorted(out.glob("*/report.json"))
    }
    with err.status("Putting pictures together in other ways …"):
        others = {
            name: apart(out / name, report)
            for name, report in reports.items()
            if NETWORKS[report["recipe"]["network"]].images > 1
        }
    _publish(reports, others, docs)


def _write(path: Path, rows: Rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def apart(run: Path, report: Any) -> dict[str, Figure]:
    """AUC on the part ``test`` where its pictures are put together in other ways.

    A network that looks at several could tell the classes by what comes together: the four pictures
    of a species show both lights of Replay-Attack, those of a live face one.

    Args:
        run: folder of the run.
        report: of it.
    """
    recipe = Recipe.model_validate_json(json.dumps(report["recipe"]))
    looked = LOOKED.validate_json((run / "looked.json").read_bytes().partition(b"\n")[2])
    model, images = Exported(report["model"]["name"]), NETWORKS[recipe.network].images
    groups: dict[str, Callable[[Example], str]] = {
        "as trained": lambda one: one.group,
        "one video": lambda one: FRAME.sub("", Path(one.location).stem),
        "one picture": lambda one: one.sha256,
    }
    found = {}
    for name, group in groups.items():
        own = [replace(one, group=group(one)) for one in split(looked.examples, SEED).test]
        shown = presented(own, images)
        pictures = Pictures(shown, recipe, SEED)
        odds = [model.log_odds(pictures[at][0].numpy()[None])[0] for at in range(len(shown))]
        scored = sample(shown, np.array(odds, np.float64))
        found[name] = measure(shown, scored, 0.5, SEED).figures["auc"]
    return found


def _publish(reports: dict[str, Any], others: dict[str, dict[str, Figure]], docs: Path) -> None:
    """Put tables and the picture into the page."""
    page = docs / "TRAINING.md"
    before, found, rest = page.read_text("utf-8").partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (found and ended):
        raise EvaluationError(f"{page} has no place for what was measured: {BEGIN.strip()}")
    (docs / PICTURE).parent.mkdir(parents=True, exist_ok=True)
    plots.save(docs / PICTURE, lambda: curves(reports))
    measured = f"\n{markdown(tables(reports, others))}\n![Losses by epoch]({PICTURE})\n\n"
    page.write_text(f"{before}{BEGIN}{measured}{END}{after}", "utf-8")
    print(page)


def tables(reports: dict[str, Any], others: dict[str, dict[str, Figure]]) -> list[Table]:
    """The trainings, what they are worth on strangers, on other sources, and :func:`apart`."""
    trained, inside, outside = [], [], []
    for name, report in reports.items():
        recipe, epochs = report["recipe"], report["epochs"]
        best = max(at for at, epoch in enumerate(epochs, 1) if epoch["best"])
        minutes = sum(epoch["seconds"] for epoch in epochs) / 60
        size = report["model"]["bytes"] / 1e6
        pictures = " / ".join(str(count) for count in report["pictures"].values())
        trained.append(
            (
                name,
                recipe["side"],
                pictures,
                f"{len(epochs)}, {best}",
                f"{minutes:.0f}",
                f"{size:.0f}",
            )
        )
        own = _figures(report["worth"])
        words = ("auc", "accuracy", "precision", "recall", "f1", "apcer_chosen", "bpcer_chosen")
        inside.append((name, *(str(own[word]) for word in words)))
        for source, worth in report["elsewhere"].items():
            other = _figures(worth)
            rates = (str(other[word]) for word in ("apcer_chosen", "bpcer_chosen"))
            outside.append(
                (name, str(own["auc"]), source, str(other["auc"]), _drop(own, other), *rates)
            )
    return [
        Table(
            ("network", "side", "train / validation / test", "epochs, kept", "minutes", "MB"),
            tuple(trained),
        ),
        Table(
            ("network", "AUC", "accuracy", "precision", "recall", "F1", "APCER", "BPCER"),
            tuple(inside),
        ),
        Table(
            ("network", "AUC in-domain", "source", "AUC there", "drop", "APCER", "BPCER"),
            tuple(outside),
        ),
        *_together(others),
    ]


def _together(others: dict[str, dict[str, Figure]]) -> list[Table]:
    if not others:
        return []
    ways = next(iter(others.values()))
    rows = [
        (name, *(f"{own[way]}, n = {own[way].n}" for way in ways)) for name, own in others.items()
    ]
    return [Table(("AUC, part `test`, pictures put together", *ways), tuple(rows))]


def _figures(worth: Any) -> dict[str, Figure]:
    return {name: Figure(**figure) for name, figure in worth["figures"].items()}


def _drop(own: dict[str, Figure], other: dict[str, Figure]) -> str:
    before, after = own["auc"].value, other["auc"].value
    return "—" if before is None or after is None else f"{before - after:+.3f}"


def curves(reports: dict[str, Any]) -> Canvas:
    """Losses of every training, a panel each; a line marks the epoch that is kept."""
    columns = 3
    rows = -(-len(reports) // columns)
    canvas = Canvas(figsize=(9.0, 2.4 * rows), layout="constrained")
    panels = canvas.subplots(rows, columns, squeeze=False).flatten()
    for panel, (name, report) in zip(panels, reports.items(), strict=False):
        epochs = report["epochs"]
        numbers = range(1, len(epochs) + 1)
        for key, colour in (("train_loss", plots.COLOURS[2]), ("val_loss", plots.INK)):
            label = {"train_loss": "train", "val_loss": "validation"}[key]
            panel.plot(numbers, [one[key] for one in epochs], color=colour, label=label)
        kept = max(number for number, one in zip(numbers, epochs, strict=True) if one["best"])
        panel.axvline(kept, color=plots.INK, linewidth=0.8, linestyle="dashed")
        panel.set(title=name, ylim=(0, None))
    panels[0].legend()
    for panel in panels[len(reports) :]:
        panel.set_axis_off()
    canvas.supxlabel("epoch")
    canvas.supylabel("mean loss")
    return canvas


if __name__ == "__main__":
    try:
        typer.run(main)
    except EvaluationError as error:
        err.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)
