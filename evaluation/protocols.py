"""From a manifest to a report: read the list, look at every image, work out figures, write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from detectors.contracts import Measurement, Scored, Sensor
from detectors.runner import Runner
from docfraud.contracts import Check, Page
from evaluation import plots, readings, report, scores
from evaluation.items import Item, Items, bona_fide, read_items
from evaluation.looking import Progress, look
from evaluation.scores import BALANCED, Criterion, Profile, Trials
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
    return measure_scores(check, type(check), profiles, run)


def measure_scores(
    sensor: Sensor[Page],
    scored: type[Scored[Any]],
    profiles: Sequence[Profile],
    run: Run,
    *,
    criterion: Criterion = BALANCED,
    headed: Callable[[dict[str, float]], dict[str, float]] = dict,
) -> str:
    """Measure how well scores tell bona fide images from attacks; see :func:`measure_check`.

    Args:
        sensor: measures.
        scored: maps its measures to scores.
        profiles: with what parameters; the first gives the headline.
        run: what is measured, and where to.
        criterion: how thresholds are chosen.
        headed: puts the headline into the order and words of the evaluation.
    """
    sources = [run.manifest] if run.threshold_from is None else [run.manifest, run.threshold_from]
    with report.staged(run.out) as folder:
        sets = [read_items(source) for source in sources]
        labels = [bona_fide(items) for items in sets]  # of both, before any image is looked at
        runner = Runner(sensor)
        trials, *development = [
            Trials(items.images, known, _look(items, runner, run))
            for items, known in zip(sets, labels, strict=True)
        ]
        found, samples = scores.evaluate(
            trials,
            scored,
            profiles,
            seed=run.seed,
            development=next(iter(development), None),
            criterion=criterion,
        )
        found["headline"] = headed(found["headline"])
        thresholds = {profile.name: profile.threshold for profile in profiles}
        plots.histogram(folder / "histogram.png", samples, thresholds)
        plots.roc(folder / "roc.png", samples, thresholds)
        rows = [
            {
                **_row(item, one),
                # An empty cell for a non-response.
                **{f"score_{n}": s.scores[at] for n, s in samples.items() if s.answered[at]},
                **one.measures,
            }
            for at, (item, one) in enumerate(zip(trials.items, trials.found, strict=True))
        ]
        about = _about(sets[0], run) | {"criterion": criterion.words}
        for other in sets[1:]:
            about |= {"threshold_from": other.source, "in_both": _in_both(sets[0], other)}
        return report.write(folder, found, about, rows)


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
        plots.rates(folder / "rates.png", found["figures"])
        rows = [
            {**_row(item, one), **counted}
            for item, one, counted in zip(items.images, measured, counts, strict=True)
        ]
        return report.write(folder, found, _about(items, run), rows)


def _look(items: Items, runner: Runner[Page], run: Run) -> list[Measurement]:
    return look(items.images, runner, jobs=run.jobs, on_progress=run.on_progress)


def _about(items: Items, run: Run) -> dict[str, Any]:
    return {
        "what": run.what,
        "manifest": items.source,
        "images": len(items.images),
        "passed_over": items.passed_over,
        "repeated": items.repeated,
        "seed": run.seed,
        "version": version("palisade"),
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _row(item: Item, found: Measurement) -> Mapping[str, Any]:
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
