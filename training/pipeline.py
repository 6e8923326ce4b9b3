"""``palisade train`` and ``distill``: from a recipe and a manifest to a model in the store.

A run is a folder:

=============  ====================================================================================
looked.json    the crops and digests of the pictures: it names files and subjects, so keep it as
               you keep the pictures; ``elsewhere-….json``, those of other sources
state.pt       all that going on needs; ``best.pt``, the best weights alone
report.json    recipe, epochs and figures
card.md        the model card
curves.png     losses and error rates by epoch; ``det.png``, the DET curve that the threshold is of
tradeoff.png   with a teacher: what each network takes and what it is worth
=============  ====================================================================================
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from evaluation import plots
from media.errors import MediaError
from models.own import Own
from offline.files import FileError
from training import tradeoff
from training.baseline import baseline_of
from training.building import build
from training.cards import card
from training.crops import cutter
from training.curves import curves
from training.distilling import teacher_of
from training.errors import TrainingError
from training.examples import LOOKED, Example, Looked, look, stamp
from training.exported import Exported
from training.exporting import export
from training.keeping import keep
from training.loop import (
    BEST,
    STATE,
    Epoch,
    Machine,
    Told,
    Trainer,
    fabric_on,
    keep_weights,
    read_state,
)
from training.measuring import Worth, chosen, measure, sample
from training.networks import NETWORKS
from training.presentations import Presentation, presented
from training.recipe import Recipe
from training.splits import Splits, split

SEEN = "looked.json"


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for.

    Attributes:
        recipe: what to do.
        manifest: a path or a URL.
        folder: of the run.
        name: of the model in the store.
        seed: of all that is random.
        licence: terms of the data, in words.
        elsewhere: names of other sources, and their manifests, on which it is measured as well.
        machine: what to train on.
        fresh: lose what an earlier run has left in the folder.
        teacher: a model of the store, or the path of one, to learn from as well.
        baseline: folder of a run of the same recipe without a teacher, to compare with.
    """

    recipe: Recipe
    manifest: str
    folder: Path
    name: str
    seed: int = 0
    licence: str = ""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    machine: Machine = field(default_factory=Machine)
    fresh: bool = False
    teacher: str | None = None
    baseline: Path | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a training came to.

    Attributes:
        looked: what was found in the manifest.
        splits: its parts, as the network looks at them.
        history: every epoch, those of an earlier run included.
        worth: on the test part.
        elsewhere: on other sources, by name, at the same threshold.
        model: in the store.
        detector: whose model it can be.
        rows: with a teacher, the networks that it is compared with and itself; else empty.
    """

    looked: Looked
    splits: Splits[Presentation]
    history: list[Epoch]
    worth: Worth
    elsewhere: Mapping[str, Worth]
    model: Own
    detector: Literal["liveness", "deepfake"]
    rows: tuple[tradeoff.Row, ...]


def train(order: Order, told: Told, after: Callable[[Epoch], None]) -> Outcome | None:
    """Train, measure and export; what an earlier run has done is not done again.

    Args:
        order: what is asked for.
        told: is told the progress.
        after: is told what an epoch came to.

    Returns:
        None in all processes but the first, where there are several.

    Raises:
        TrainingError, BatchError, EvaluationError: see :mod:`training.examples` and the others.
        ExportError: a package is missing, or the model cannot be exported.
        FetchError: no folder of the store can be written.
    """
    recipe, folder = order.recipe, order.folder
    kind = NETWORKS[recipe.network]
    teacher = None if order.teacher is None else teacher_of(order.teacher, kind, order.name)
    network = build(recipe, order.seed)  # first of what takes long: it says what is not installed
    fabric = fabric_on(order.machine)
    fabric.launch()
    if fabric.is_global_zero and order.fresh:
        for name in (SEEN, STATE, BEST):
            (folder / name).unlink(missing_ok=True)
    with fabric.rank_zero_first():
        looked = _looked(order, told)
    parts = split(looked.examples, order.seed)
    splits = Splits(*(presented(part, kind.images) for part in parts.each().values()))
    rivals = _rivals(order, teacher, looked)
    key = f"{recipe.sha256} {looked.sha256} {order.seed}"
    if teacher is not None:
        key += f" {teacher.sha256}"
    trainer = Trainer(
        recipe,
        network,
        splits,
        seed=order.seed,
        fabric=fabric,
        workers=order.machine.workers,
        teacher=teacher,
    )
    try:
        history = trainer.run(folder, key, told, after)
        network.load_state_dict(read_state(folder / BEST)["model_state_dict"])
        trainer.settle(told)
        if not fabric.is_global_zero:
            return None
        keep_weights(folder / BEST, network.state_dict())
        scored = {
            name: sample(own, trainer.log_odds(own, told))
            for name, own in splits.each().items()
            if name != "train"
        }
        found = {name: _elsewhere(order, source, told) for name, source in order.elsewhere.items()}
        other = {name: presented(own, kind.images) for name, own in found.items()}
        scored |= {name: sample(own, trainer.log_odds(own, told)) for name, own in other.items()}
        sources = {"test": parts.test, **found}
        answered = {
            role: tradeoff.answers(model, sources, recipe, told) for role, model in rivals.items()
        }
    except (FileError, MediaError) as error:
        raise TrainingError(f"a picture has changed since it was looked at: {error}") from error
    threshold = chosen(scored["validation"], recipe.most_bpcer)
    worth = measure(splits.test, scored["test"], threshold, order.seed)
    elsewhere = {
        name: measure(own, scored[name], threshold, order.seed) for name, own in other.items()
    }
    try:
        made = export(order.name, recipe, kind, network.cpu(), folder / BEST)
        plots.save(folder / "det.png", lambda: plots.det(scored, dict.fromkeys(scored, threshold)))
        rows: tuple[tradeoff.Row, ...] = ()
        if rivals:
            student = {tradeoff.STUDENT: Exported(order.name)}
            answered[tradeoff.STUDENT] = {name: scored[name] for name in sources}
            rows = tradeoff.compare(student | rivals, answered, order.seed)
            plots.save(folder / "tradeoff.png", lambda: tradeoff.drawn(rows))
    except OSError as error:
        raise TrainingError(f"the model could not be written: {error.strerror or error}") from error
    report = {
        "headline": {name: figure.value for name, figure in worth.figures.items()},
        "recipe": recipe.model_dump(mode="json"),
        "key": key,
        "epochs": [asdict(epoch) for epoch in history],
        "worth": asdict(worth),
        "elsewhere": {name: asdict(one) for name, one in elsewhere.items()},
        "model": asdict(made.card),
        "pictures": {name: len(own) for name, own in splits.each().items()},
        "unreadable": looked.unreadable,
        "faceless": looked.faceless,
        "outliers": looked.outliers,
    }
    if rows:
        report["tradeoff"] = [asdict(row) for row in rows]
    keep(folder / "report.json", json.dumps(report, indent=2).encode())
    text = card(recipe, kind, looked, splits, history, worth, elsewhere, made, order.licence, rows)
    keep(folder / "card.md", text.encode())
    keep(folder / "curves.png", curves(history))
    return Outcome(looked, splits, history, worth, elsewhere, made, kind.detector, rows)


def _rivals(order: Order, teacher: Exported | None, looked: Looked) -> dict[str, Exported]:
    """What a student is compared with, by role; nothing without a teacher."""
    if teacher is None:
        return {}
    if order.baseline is None:
        return {"teacher": teacher}
    baseline = baseline_of(order.baseline, order.recipe, looked.sha256, order.seed)
    return {"teacher": teacher, "baseline": baseline}


def _looked(order: Order, told: Told) -> Looked:
    """Look at every picture, or take what an earlier run has seen of the same manifest."""
    return _seen(order, order.manifest, SEEN, told)


def _elsewhere(order: Order, source: str, told: Told) -> Sequence[Example]:
    """The pictures of another source, looked at in the same way."""
    name = f"elsewhere-{hashlib.sha256(source.encode()).hexdigest()[:12]}.json"
    return _seen(order, source, name, told).examples


def _seen(order: Order, source: str, name: str, told: Told) -> Looked:
    path, recipe = order.folder / name, order.recipe
    how = [source, recipe.crop, recipe.most_unreadable, recipe.outliers]
    basis = hashlib.sha256(json.dumps(how).encode())
    basis.update(stamp(source))
    stamped = basis.hexdigest().encode()
    with suppress(OSError, ValidationError):
        known, _, content = path.read_bytes().partition(b"\n")
        if known == stamped:
            return LOOKED.validate_json(content)
    found = look(
        source,
        cutter(recipe.crop),
        recipe.most_unreadable,
        lambda done, of: told(done, of, "looking"),
        recipe.outliers,
    )
    keep(path, stamped + b"\n" + LOOKED.dump_json(found))
    return found
