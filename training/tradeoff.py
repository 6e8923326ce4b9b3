"""What a smaller network costs and saves: a student beside its teacher, and beside itself untaught.

Each is asked about the presentations that it looks at, one picture or several, of the same people;
differences are of the same people drawn again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure as Canvas

from evaluation.blocks import Table
from evaluation.intervals import Figure, Weights, bootstrap
from evaluation.plots import COLOURS
from evaluation.scores import Sample
from training.examples import Example
from training.exported import Exported
from training.loop import Told
from training.measuring import sample
from training.pictures import Pictures
from training.presentations import presented
from training.recipe import Recipe

STUDENT = "student"

WARM_UP, ROUNDS = 3, 100
"""Questions to each network before the clock runs, and while it does."""

MB = 1e6


@dataclass(frozen=True, slots=True)
class Speed:
    """How long an answer takes.

    Attributes:
        median: milliseconds for one presentation.
        low, high: its quartiles: half of the answers took from ``low`` to ``high``.
        n: answers that were timed.
    """

    median: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.median:.1f} [{self.low:.1f}, {self.high:.1f}]"


@dataclass(frozen=True, slots=True)
class Row:
    """One of the networks that are compared.

    Attributes:
        role: ``teacher``, ``student`` or ``baseline``.
        name: of the model.
        sha256: of its ONNX file.
        bytes: size of that.
        speed: of one presentation in ONNX Runtime, one thread, a batch of one.
        auc, eer: by source, ``test`` among them, with intervals by subject.
        lead: by source, the student's AUC less this one's; empty for the student.
    """

    role: str
    name: str
    sha256: str
    bytes: int
    speed: Speed
    auc: Mapping[str, Figure]
    eer: Mapping[str, Figure]
    lead: Mapping[str, Figure]


def answers(
    model: Exported, sources: Mapping[str, Sequence[Example]], recipe: Recipe, told: Told
) -> dict[str, Sample]:
    """Ask a model about the pictures of some sources.

    Args:
        model: that is asked.
        sources: pictures by source.
        recipe: how the pictures are cut out.
        told: is told the progress.

    Raises:
        FileError, MediaError: a picture cannot be read any more.
        TrainingError: an answer is not finite.
    """
    found = {}
    for source, examples in sources.items():
        shown = presented(examples, model.images)
        pictures = Pictures(shown, recipe.model_copy(update={"side": model.side}), seed=0)
        odds = np.empty(len(shown))
        for at in range(len(shown)):
            told(at, len(shown), f"asking {model.name}")
            odds[at] = model.log_odds(pictures[at][0].numpy()[None])[0]
        found[source] = sample(shown, odds)
    return found


def compare(
    models: Mapping[str, Exported],
    samples: Mapping[str, Mapping[str, Sample]],
    seed: int,
) -> tuple[Row, ...]:
    """Put the networks beside each other.

    Args:
        models: by role, :data:`STUDENT` among them.
        samples: what they answered, by role and source.
        seed: of the draws behind the intervals.
    """
    speeds = _timed(models)
    ours = samples[STUDENT]
    rows = []
    for role, model in models.items():
        theirs = samples[role]
        figures = {source: _alone(own, seed) for source, own in theirs.items()}
        rows.append(
            Row(
                role,
                model.name,
                model.sha256,
                model.bytes,
                speeds[role],
                {source: own["auc"] for source, own in figures.items()},
                {source: own["eer"] for source, own in figures.items()},
                {}
                if role == STUDENT
                else {name: lead(ours[name], own, seed) for name, own in theirs.items()},
            )
        )
    return tuple(rows)


def lead(ours: Sample, theirs: Sample, seed: int) -> Figure:
    """How much higher our AUC is, with an interval over subjects that both are asked about.

    In every round both get the same subjects, so that what makes one of them hard for both does
    not widen the interval. The networks may look at different numbers of pictures at once.

    Args:
        ours: scores of one network.
        theirs: scores of the other, about the same people.
        seed: of the draws.
    """
    count = len(ours.scores)

    def statistic(weights: Weights) -> dict[str, float]:
        return {"auc": ours.curve(weights[:count]).auc - theirs.curve(weights[count:]).auc}

    subjects = np.concatenate((ours.subjects, theirs.subjects))
    return replace(bootstrap(statistic, subjects, seed=seed)["auc"], n=count)


def _alone(own: Sample, seed: int) -> dict[str, Figure]:
    def statistics(weights: Weights) -> dict[str, float]:
        curve = own.curve(weights)
        return {"auc": curve.auc, "eer": curve.eer}

    return bootstrap(statistics, own.subjects, seed=seed)


def _timed(models: Mapping[str, Exported]) -> dict[str, Speed]:
    """Time all of them by turns, so that whatever else the machine does slows them alike."""
    generator = np.random.default_rng(0)
    took: dict[str, list[float]] = {role: [] for role in models}
    asked = {}
    for role, model in models.items():
        shape = (1, model.images, 3, model.side, model.side)
        asked[role] = generator.standard_normal(shape, np.float32)
    for _ in range(WARM_UP + ROUNDS):
        for role, model in models.items():
            began = time.perf_counter()
            model.log_odds(asked[role])
            took[role].append((time.perf_counter() - began) * 1000)
    speeds = {}
    for role, all_of_it in took.items():
        low, median, high = np.quantile(all_of_it[WARM_UP:], (0.25, 0.5, 0.75)).tolist()
        speeds[role] = Speed(median, low, high, ROUNDS)
    return speeds


def tables(rows: Sequence[Row]) -> tuple[Table, ...]:
    """What is carried and waited for, and then, for each source, what is got for it."""
    costs = Table(
        ("network", "model", "MB", "ms for a presentation [quartiles]"),
        tuple((row.role, row.name, f"{row.bytes / MB:.1f}", str(row.speed)) for row in rows),
    )
    return costs, *(_worth(rows, source) for source in rows[0].auc)


def _worth(rows: Sequence[Row], source: str) -> Table:
    return Table(
        (source, "AUC", "EER", "student's lead in AUC", "n"),
        tuple(
            (
                row.role,
                str(row.auc[source]),
                str(row.eer[source]),
                _signed(row.lead[source]) if row.lead else None,
                row.auc[source].n,
            )
            for row in rows
        ),
    )


def _signed(figure: Figure) -> str:
    if figure.value is None or figure.low is None or figure.high is None:
        return str(figure)
    return f"{figure.value:+.3f} [{figure.low:+.3f}, {figure.high:+.3f}]"


def drawn(rows: Sequence[Row]) -> Canvas:
    """Draw the AUC, with its interval, against the time of an answer; a panel for each source."""
    sources = list(rows[0].auc)
    canvas = Canvas(figsize=(6.4, 2.8 * len(sources)), layout="constrained")
    panels = canvas.subplots(len(sources), 1, sharex=True, squeeze=False)[:, 0]
    for panel, source in zip(panels, sources, strict=True):
        for row, colour in zip(rows, COLOURS, strict=False):
            figure = row.auc[source]
            if figure.value is None or figure.low is None or figure.high is None:
                continue
            at = row.speed.median
            panel.plot([at, at], [figure.low, figure.high], color=colour, linewidth=1.5)
            words = f"{row.role} {row.name}, {row.bytes / MB:.1f} MB"
            panel.plot([at], [figure.value], "o", color=colour, label=words)
        panel.set(ylabel=f"AUC, {source}")
        panel.legend(fontsize="small")
    panels[-1].set(xlabel="milliseconds for a presentation, one thread")
    panels[-1].set_xlim(left=0)
    return canvas
