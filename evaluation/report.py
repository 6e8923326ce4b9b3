"""What an evaluation leaves in OUT.

report.json     ``headline`` first: a flat map of numbers; then everything else
summary.md      the same for people
report.html     the same with the plots in it, as one page
items.csv       a row for each image: what it got, or why it got nothing
*.png           plots

All are written beside OUT and moved there when they are whole; a run that is stopped leaves OUT as
it was.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evaluation.blocks import Block, Heading, Plot, Table, Text, cell, markdown, page
from evaluation.errors import EvaluationError
from evaluation.intervals import Figure

Report = Mapping[str, Any]

REPORT = "report.json"
FILES = (
    "summary.md",
    "report.html",
    "items.csv",
    "roc.png",
    "det.png",
    "histogram.png",
    "rates.png",
    REPORT,
)
"""All that any evaluation writes. A report of an earlier one is replaced, other files stay."""

MOST_ROWS = 40
"""A table of groups with more rows says nothing to people and is in ``report.json`` only."""


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """Yield an empty folder whose content becomes that of ``out`` when the block ends well.

    Raises:
        EvaluationError: ``out`` cannot be written to; told before the block runs where possible.
    """
    try:
        if out.exists() and not (out.is_dir() and os.access(out, os.W_OK)):
            raise EvaluationError(f"{out}: this is not a folder that can be written to")
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as beside:
            stage = Path(beside, "out")
            stage.mkdir()
            yield stage
            _publish(stage, out)
    except OSError as error:
        where = error.filename or out
        raise EvaluationError(f"{where}: {error.strerror or error}") from error


def _publish(stage: Path, out: Path) -> None:
    if not out.exists() or not any(out.iterdir()):
        stage.replace(out)  # at once
        return
    # Where there is a report.json, everything beside it is of the same run.
    for name in reversed(FILES):
        (out / name).unlink(missing_ok=True)
    for name in FILES:
        if (stage / name).exists():
            (stage / name).replace(out / name)


def write(
    folder: Path,
    report: Report,
    about: Report,
    rows: Sequence[Report],
    plots: Sequence[Plot] = (),
) -> str:
    """Write everything but the plots' own files.

    Args:
        folder: exists.
        report: what :mod:`evaluation.scores` or :mod:`evaluation.readings` worked out, and of faces
            what :mod:`evaluation.faces` adds.
        about: what was evaluated, and whatever else there is to say of the run.
        rows: what each image got.
        plots: of the page.

    Returns:
        The summary, Markdown.
    """
    content = {"headline": report["headline"], "about": about, **report}
    title, *blocks = _blocks(report, about)
    summary = markdown([title, *blocks])
    text = json.dumps(content, default=_plain, indent=1, allow_nan=False)
    (folder / REPORT).write_text(text + "\n", "utf-8")
    (folder / "items.csv").write_text(_csv(rows), "utf-8", newline="")
    (folder / "summary.md").write_text(summary, "utf-8")
    # On the page the plots come after what they are plots of: the paragraphs before any heading.
    at = next((n for n, block in enumerate(blocks) if isinstance(block, Heading)), len(blocks))
    shown = [title, *blocks[:at], *plots, *blocks[at:]]
    (folder / "report.html").write_text(page(f"palisade evaluate {about['what']}", shown), "utf-8")
    return summary


def _blocks(report: Report, about: Report) -> Iterable[Block]:
    """Everything that people are told."""
    passed_over = f", {about['passed_over']} other rows passed over" * bool(about["passed_over"])
    twice = f", {about['repeated']} of them more than once" * bool(about["repeated"])
    yield Heading(about["what"], 1)
    yield Text(
        f"`palisade evaluate {about['what']}` on `{about['manifest']}`: {about['images']} images"
        f"{twice}{passed_over}. In brackets intervals of 95%."
    )
    for note in report["notes"]:
        yield Text(f"**{note}**")
    yield from _of_scores(report, about) if "profiles" in report else _of_readings(report)
    yield Heading("No response")
    yield from _non_response(report["non_response"])


def _of_scores(report: Report, about: Report) -> Iterable[Block]:
    profiles: Report = report["profiles"]
    counts = report["headline"]
    whose = f"Scores are of `{about['signal']}`, high" if "signal" in about else "Scores are high"
    yield Text(
        f"{counts['bona_fide']} bona fide, {counts['attack']} attacks. {whose} for bona fide. "
        "AUC: 1 is perfect, 0.5 chance, below 0.5 the wrong way round. `left out`: each subject "
        f"judged at the threshold of the {about['criterion']} on all others."
    )
    if "threshold_from" in about:
        yield Text(
            f"`from other`: at the threshold of the {about['criterion']} on "
            f"`{about['threshold_from']}`; {about['in_both']['images']} images and "
            f"{about['in_both']['subjects']} subjects are in both manifests."
        )
    names = dict.fromkeys(name for p in profiles.values() for name in p["figures"])
    yield Table(
        ("", *(f"{name}, threshold {p['threshold']:.2f}" for name, p in profiles.items())),
        tuple(
            (name.replace("_", " "), *(p["figures"].get(name) for p in profiles.values()))
            for name in names
        ),
    )
    first, described = next(iter(profiles.items()))
    yield _intervals(described["figures"].values())
    for name, p in profiles.items():
        if p["exact"]:
            yield Text(
                f"{name}, threshold {cell(p['classification']['threshold'])}, as if images were "
                f"independent (Clopper-Pearson): APCER {p['exact']['apcer']}, BPCER "
                f"{p['exact']['bpcer']}."
            )
    yield from _signals(report, about)
    yield from _classification(profiles)
    yield from _methods(report, first)
    for by, title in (("kinds", "kind (PAI species)"), ("subjects", "subject")):
        if 1 < len(described[by]) <= MOST_ROWS:
            yield from _groups(f"By {title}, {first}", title, described[by])
    for column, found in described["groups"].items():
        if len(found["rows"]) <= MOST_ROWS:
            yield from _groups(f"By {column}, {first}", column, found["rows"])
            yield Text(
                f"Between the best and the worst {column}: non-response "
                f"{found['gaps']['non_response']}, BPCER {found['gaps']['bpcer']}."
            )
    if report["measures"]:
        yield Heading("Each measure alone")
        yield Table(("measure", "AUC"), tuple(report["measures"].items()))


GROUP_COLUMNS = (
    "bona_fide",
    "attack",
    "scored",
    "median",
    "apcer",
    "apcer_at_bpcer_5",
    "bpcer",
    "non_response",
    "auc",
)


def _groups(heading: str, title: str, rows: Sequence[Report]) -> Iterable[Block]:
    yield Heading(heading)
    yield Table(
        (title, *(name.replace("_", " ") for name in GROUP_COLUMNS)),
        tuple((row["name"], *(row[name] for name in GROUP_COLUMNS)) for row in rows),
    )
    yield Text(
        "APCER and BPCER at the policy's threshold, intervals as if images were independent. AUC "
        "within the row, or against all of the other class where the row has one class only."
    )


def _signals(report: Report, about: Report) -> Iterable[Block]:
    """Signals, the fused score and published systems beside each other, on the same images."""
    at = "of the other manifest" if "threshold_from" in about else "that ships, or 0.5"
    for policy, signals in report.get("signals", {}).items():
        yield Heading(f"Every signal and the fused score, {policy}")
        yield _beside("signal", signals)
    if report.get("peers"):
        yield Heading("Published systems on the same images")
        yield _beside("system", report["peers"])
    if "signals" in report:
        yield Text(
            f"HTER at the threshold {at}. Over what got a score; the rest is non-response. A "
            "signal without any score lacks its weights or its clip, or abstained on everything."
        )
    if "decisions" in report:
        yield Heading("What becomes of a session")
        yield Table(
            ("policy", "class", "accept", "review", "reject", "passed"),
            tuple(
                (policy, group.replace("_", " "), *shares.values())
                for policy, groups in report["decisions"].items()
                for group, shares in groups.items()
            ),
        )
        yield Text(
            "Shares of all sessions. A policy that only watches rejects nothing: `passed` says "
            "whether the score reached the threshold and nothing vetoed it."
        )


def _beside(what: str, signals: Mapping[str, Mapping[str, Figure]]) -> Table:
    columns = tuple(next(iter(signals.values())))
    return Table(
        (what, *(name.replace("_", " ") for name in columns)),
        tuple((name, *(figures[c] for c in columns)) for name, figures in signals.items()),
    )


def _classification(profiles: Report) -> Iterable[Block]:
    yield Heading("As a classifier of attacks")
    parts = {name: p["classification"] for name, p in profiles.items()}
    yield Table(
        ("", *(f"{name}, threshold {cell(p['threshold'])}" for name, p in parts.items())),
        tuple(
            (name, *(p["figures"][name] for p in parts.values()))
            for name in next(iter(parts.values()))["figures"]
        ),
    )
    yield Table(
        ("policy", "class", "precision", "recall", "f1", "support"),
        tuple(
            (policy, name.replace("_", " "), *row.values())
            for policy, p in parts.items()
            for name, row in p["classes"].items()
        ),
    )


def _methods(report: Report, policy: str) -> Iterable[Block]:
    for key, title in (("methods", "generation method"), ("families", "threat family")):
        rows = report.get(key)
        if rows:
            yield Heading(f"By {title}, {policy}")
            yield Table(
                (title, *(name.replace("_", " ") for name in rows[0] if name != "name")),
                tuple(tuple(row.values()) for row in rows),
            )
            yield Text(
                "Against the bona fide images of the same row where there are some, else against "
                "all; at the same threshold as the classifier above."
            )


def _of_readings(report: Report) -> Iterable[Block]:
    counts = report["headline"]
    yield Text(f"{counts['with_truth']} of {counts['images']} images have a truth.")
    figures: Mapping[str, Figure] = report["figures"]
    yield Table(
        ("", "", "of", "interval"),
        tuple((name.replace("_", " "), f, f.n, f.method) for name, f in figures.items()),
    )
    if kinds := report["kinds"]:
        columns = [name for name in kinds[0] if name != "name"]
        yield Heading("By kind")
        yield Table(("kind", *columns), tuple((k["name"], *(k[c] for c in columns)) for k in kinds))


def _intervals(figures: Iterable[Figure]) -> Text:
    methods = dict.fromkeys(figure.method for figure in figures)
    return Text("Intervals: " + "; ".join(methods) + ".")


def _non_response(silence: Report) -> Iterable[Block]:
    shares = {name: figure for name, figure in silence.items() if isinstance(figure, Figure)}
    names = {
        "non_response": "of all",
        "apnrr": "of attacks, APNRR",
        "bpnrr": "of bona fide, BPNRR",
        "failure_to_acquire": "no face to judge, of all",
        "failure_to_acquire_bona_fide": "no face to judge, of bona fide",
    }
    yield Table(
        ("", "share", "of"),
        tuple((names[name], figure, figure.n) for name, figure in shares.items()),
    )
    for key in ("statuses", "reasons"):
        if silence[key]:
            said = ", ".join(f"{name} {count}" for name, count in silence[key].items())
            yield Text(f"{key.capitalize()}: {said}.")


def _csv(rows: Sequence[Report]) -> str:
    columns = dict.fromkeys(name for row in rows for name in row)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _plain(value: Any) -> Any:
    if isinstance(value, Figure):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} does not belong into a report")
