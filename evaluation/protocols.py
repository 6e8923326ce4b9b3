"""From a manifest to a report: read the list, look at every image, work out figures, write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from detectors.contracts import Measurement, Sensor
from detectors.runner import Runner
from docfraud.contracts import Check, Page
from evaluation import plots, readings, report, scores
from evaluation.blocks import Plot
from evaluation.items import Item, Items, bona_fide, read_items
from evaluation.looking import Progress, look
from evaluation.scores import BALANCED, Profile, Trials
from fusion.policy import load_policy


@dataclass(frozen=True, slots=True)
class Run:
    """How an evaluation is run.

    Attributes:
        what: names it.
        manifest: path or object-store URL of a CSV with ``path``, ``label``, ``kind`` and
            ``subject``.
        out: folder for the results.
        threshold_from: another manifest that a threshold is chosen on.
        seed: of the bootstrap.
        jobs: images that are looked at at once.
        on_progress: told while images are looked at.
    """

    what: str
    manifest: str
    out: Path
    threshold_from: str | None = None
    seed: int = 0
    jobs: int = 1
    on_progress: Progress = lambda done, of: None


def profile_of(source: str, check: type[Check[Any]]) -> Profile:
    """What a policy makes of a check of documents.

    Args:
        source: a shipped policy or a YAML file; also names the profile, because a copy of a policy
            often keeps the name inside.
        check: whose parameters these are.

    Raises:
        PolicyError: there is no such policy, or it is not valid.
    """
    documents = load_policy(source).documents
    entry = getattr(documents.checks, check.name, None)  # None: not in the registry yet
    mapping = check.mapping() if entry is None else entry.mapping
    return Profile(source, mapping, documents.threshold)


def measure_check(check: Check[Any], profiles: Sequence[Profile], run: Run) -> str:
    """Measure how well a check tells bona fide images from attacks.

    Args:
        check: measures.
        profiles: map its measures to scores; the first gives the headline.
        run: what is measured, and where to.

    Returns:
        The summary, Markdown.

    Raises:
        BatchError: a manifest cannot be read.
        EvaluationError: a manifest does not suit, or the folder cannot be written to.
    """
    sources = [run.manifest] if run.threshold_from is None else [run.manifest, run.threshold_from]
    with report.staged(run.out) as folder:
        sets = [read_items(source) for source in sources]
        labels = [bona_fide(items) for items in sets]  # of both, before any image is looked at
        runner = Runner(check)
        trials, *development = [
            Trials(items.images, known, _look(items, runner, run))
            for items, known in zip(sets, labels, strict=True)
        ]
        found, samples = scores.evaluate(
            trials,
            type(check),
            profiles,
            seed=run.seed,
            development=next(iter(development), None),
        )
        thresholds = {profile.name: profile.threshold for profile in profiles}
        drawn = plots.of_scores(folder, samples, thresholds)
        rows = [
            {
                **row_of(item, one),
                # An empty cell for a non-response.
                **{f"score_{n}": s.scores[at] for n, s in samples.items() if s.answered[at]},
                **one.measures,
            }
            for at, (item, one) in enumerate(zip(trials.items, trials.found, strict=True))
        ]
        about = about_run(sets[0], run, other=next(iter(sets[1:]), None))
        return report.write(folder, found, about | {"criterion": BALANCED.words}, rows, drawn)


def measure_reader(reader: Sensor[Page], truth_of: readings.TruthOf, run: Run) -> str:
    """Measure how much a reader reads right; see :func:`measure_check`.

    Args:
        reader: its ``measure`` returns a :class:`evaluation.readings.Transcript`.
        truth_of: finds the true texts of an image.
        run: what is measured, and where to.
    """
    with report.staged(run.out) as folder:
        items = read_items(run.manifest)
        measured = _look(items, Runner(reader), run)
        found, counts = readings.evaluate(items.images, measured, truth_of, seed=run.seed)
        draw = partial(plots.rates, found["figures"])
        plots.save(folder / "rates.png", draw)
        rows = [
            {**row_of(item, one), **counted}
            for item, one, counted in zip(items.images, measured, counts, strict=True)
        ]
        drawn = [Plot(plots.svg(draw), "What was read right, with intervals of 95%")]
        return report.write(folder, found, about_run(items, run), rows, drawn)


def _look(items: Items, runner: Runner[Page], run: Run) -> list[Measurement]:
    return look(items.images, runner, jobs=run.jobs, on_progress=run.on_progress)


def about_run(items: Items, run: Run, *, other: Items | None = None) -> dict[str, Any]:
    """Say what was evaluated, and on which other manifest a threshold was chosen."""
    about = {
        "what": run.what,
        "manifest": items.source,
        "images": len(items.images),
        "passed_over": items.passed_over,
        "repeated": items.repeated,
        "seed": run.seed,
        "version": version("palisade"),
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if other is not None:
        about |= {"threshold_from": other.source, "in_both": _in_both(items, other)}
    return about


def row_of(item: Item, found: Measurement) -> dict[str, Any]:
    """What ``items.csv`` says of every image."""
    return {
        "path": item.path,
        "label": item.label,
        "kind": item.kind,
        "subject": item.subject,
        "status": str(found.status),
        "reasons": " ".join(found.reasons),
        "elapsed_ms": round(found.elapsed_ms, 2),
    }


def _in_both(items: Items, other: Items) -> dict[str, int]:
    """What a threshold was chosen on and is judged by as well: such figures flatter."""
    sets = [
        ({item.location for item in of.images}, {item.subject for item in of.images} - {""})
        for of in (items, other)
    ]
    (files, subjects), (other_files, other_subjects) = sets
    return {"images": len(files & other_files), "subjects": len(subjects & other_subjects)}
