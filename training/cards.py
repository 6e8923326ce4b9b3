"""The model card of a trained network: where it comes from, what it is worth, and its limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evaluation.blocks import markdown
from evaluation.intervals import Figure
from models.own import Own
from training.examples import Looked, Outliers
from training.loop import Epoch
from training.measuring import Worth
from training.networks.contracts import Network
from training.presentations import Presentation
from training.recipe import Recipe
from training.splits import Splits
from training.tradeoff import Row, tables

SETTING = {"liveness": "PALISADE_LIVENESS_MODEL", "deepfake": "PALISADE_DEEPFAKE_MODEL"}
"""Environment variable that has a detector take a model of the store by its name."""

UNSTATED = "**not stated**: whoever passes this model on has to clear them"

SHIFT = {"liveness": "own_shift", "deepfake": "shift"}
"""Parameter of the detector's mapping in a policy that a threshold becomes."""

NAMES = {
    "auc": "AUC",
    "eer": "EER",
    "apcer": "APCER at a score of 0.5",
    "bpcer": "BPCER at a score of 0.5",
    "apcer_chosen": "APCER at the chosen threshold",
    "bpcer_chosen": "BPCER at the chosen threshold",
    "accuracy": "accuracy there",
    "precision": "precision of attacks there",
    "recall": "recall of attacks there",
    "f1": "F1 score of attacks there",
}

OUTLIERS: dict[Outliers, str] = {"leave_out": "left out as well", "turn": "turned"}


def card(
    recipe: Recipe,
    kind: Network,
    looked: Looked,
    splits: Splits[Presentation],
    history: Sequence[Epoch],
    worth: Worth,
    elsewhere: Mapping[str, Worth],
    made: Own,
    licence: str,
    rows: Sequence[Row] = (),
) -> str:
    """Write a model card, Markdown.

    Args:
        recipe: that it was trained by.
        kind: of network.
        looked: what was found in the manifest.
        splits: the parts of that.
        history: of the training.
        worth: on the test part.
        elsewhere: on other sources, by name.
        made: the exported model.
        licence: terms of the data, in the operator's words; empty where none were said.
        rows: with a teacher, what it is compared with.
    """
    best = next(at for at, epoch in reversed([*enumerate(history, 1)]) if epoch.best)
    left_out = sum(looked.unreadable.values())
    about = made.card
    return f"""# {about.name}

{recipe.network}, for the question: {recipe.purpose}. Trained by \
`palisade {"distill" if rows else "train"}`.

| | |
|---|---|
| file | `{about.file}`, {about.bytes:,} bytes, SHA-256 `{about.sha256}` |
| made with | {about.made_with}; differs from torch by {about.parity:.1e} at most |
| recipe | SHA-256 `{recipe.sha256}`, started from {recipe.start} |
| epochs | {len(history)}, of which number {best} is kept |
| input | {_input(kind, recipe)} |
| crop | {recipe.crop} |
| in the graph | `{SETTING[kind.detector]}={about.name}` |

## Data

SHA-256 of labels, crops and pictures: `{looked.sha256}`.
Terms: {licence or UNSTATED}.

{_parts(splits.each())}

No subject is in two parts. {left_out} pictures could not be read and {looked.faceless} had no \
face that could be cut out; they are left out. {looked.outliers} did not stand upright \
({OUTLIERS[recipe.outliers]}).

## What it measured

On the part `test`, with intervals of 95% by subject. The threshold is log-odds of \
{worth.threshold:+.2f} for a bona fide presentation, where the validation part has a BPCER of at \
most {recipe.most_bpcer:.0%}: put it into a policy as `{SHIFT[kind.detector]}`.

{_figures({NAMES[name]: figure for name, figure in worth.figures.items()}, "figure")}

Attacks that are missed at the threshold, by species; the intervals are exact and take \
presentations for independent, which those of one subject are not:

{_figures(worth.missed, "species")}

{_beside(worth, elsewhere)}{_taught(recipe, rows)}
## Limits

The part `test` has other people, but the cameras, rooms and sorts of attack that it was trained \
on. On others it does worse, and how much worse is not known from this: measure it there with \
`palisade evaluate`, and calibrate it there, before it decides about anybody.
"""


def _input(kind: Network, recipe: Recipe) -> str:
    several = f"{kind.images} pictures of a presentation, " if kind.images > 1 else ""
    return f"{several}RGB, {recipe.side} pixels a side, ImageNet's mean and standard deviation"


def _beside(worth: Worth, elsewhere: Mapping[str, Worth]) -> str:
    """The test part beside other sources."""
    if not elsewhere:
        return ""
    chosen = ("auc", "eer", "apcer_chosen", "bpcer_chosen")
    lines = [
        "## Elsewhere\n",
        "On sources that nothing of it was trained or chosen on, at the same threshold.\n",
        f"| source | {' | '.join(NAMES[name] for name in chosen)} | presentations |",
        f"|---|{'---|' * len(chosen)}---:|",
    ]
    for name, one in {"part `test`": worth, **elsewhere}.items():
        cells = [str(one.figures[figure]) for figure in chosen]
        lines.append(f"| {name} | {' | '.join(cells)} | {one.figures['auc'].n} |")
    return "\n".join(lines) + "\n"


def _taught(recipe: Recipe, rows: Sequence[Row]) -> str:
    """Who taught it, and what it costs and is worth beside its teacher."""
    if not rows:
        return ""
    teacher = next(row for row in rows if row.role == "teacher")
    how = recipe.distillation
    return f"""
## Distillation

It learnt from the answers of `{teacher.name}` (SHA-256 `{teacher.sha256}`), softened by a \
temperature of {how.temperature:g}, with a weight of {how.weight:g}, and from the labels with the \
rest. What was said about the data of the teacher holds for this network, too. Figures of a \
teacher that has learnt from people of the part `test` are too good; that is not known here.

Times are of ONNX Runtime on one thread and the machine that trained, one presentation at a time, \
{rows[0].speed.n} of each network by turns. Intervals are of 95% by subject; `n` counts \
presentations.

{markdown(tables(rows))}"""


def _parts(parts: Mapping[str, Sequence[Presentation]]) -> str:
    lines = ["| part | bona fide | attacks | subjects |", "|---|---:|---:|---:|"]
    for name, own in parts.items():
        genuine = sum(one.genuine for one in own)
        subjects = len({one.identity for one in own})
        lines.append(f"| {name} | {genuine} | {len(own) - genuine} | {subjects} |")
    return "\n".join(lines)


def _figures(figures: Mapping[str, Figure], what: str) -> str:
    lines = [f"| {what} | value | presentations |", "|---|---|---:|"]
    lines += [f"| {name or '—'} | {figure} | {figure.n} |" for name, figure in figures.items()]
    return "\n".join(lines)
