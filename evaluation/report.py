"""What an evaluation leaves in OUT.

report.json     ``headline`` first: a flat map of numbers; then everything else
summary.md      the same for people
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

from evaluation.errors import EvaluationError
from evaluation.intervals import Figure

Report = Mapping[str, Any]

REPORT = "report.json"
FILES = ("summary.md", "items.csv", "roc.png", "histogram.png", "rates.png", REPORT)
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


def write(folder: Path, report: Report, about: Report, rows: Sequence[Report]) -> str:
    """Write everything but the plots.

    Args:
        folder: exists.
        report: what :mod:`evaluation.scores` or :mod:`evaluation.readings` worked out.
        about: what was evaluated, and whatever else there is to say of the run.
        rows: what each image got.

    Returns:
        The summary, Markdown.
    """
    content = {"headline": report["headline"], "about": about, **report}
    summary = markdown(report, about)
    text = json.dumps(content, default=_plain, indent=1, allow_nan=False)
    (folder / REPORT).write_text(text + "\n", "utf-8")
    (folder / "items.csv").write_text(_csv(rows), "utf-8", newline="")
    (folder / "summary.md").write_text(summary, "utf-8")
    return summary


def markdown(report: Report, about: Report) -> str:
    """Write a report for people."""
    passed_over = f", {about['passed_over']} other rows passed over" * bool(about["passed_over"])
    twice = f", {about['repeated']} of them more than once" * bool(about["repeated"])
    blocks = [
        f"# {about['what']}",
        f"`palisade evaluate {about['what']}` on `{about['manifest']}`: {about['images']} images"
        f"{twice}{passed_over}. In brackets intervals of 95%.",
        *(f"**{note}**" for note in report["notes"]),
        *(_of_scores(report, about) if "profiles" in report else _of_readings(report)),
        "## No response",
        *_non_response(report["non_response"]),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _of_scores(report: Report, about: Report) -> Iterable[str]:
    profiles: Report = report["profiles"]
    counts = report["headline"]
    yield (
        f"{counts['bona_fide']} bona fide, {counts['attack']} attacks. Scores are high for bona "
        "fide. AUC: 1 is perfect, 0.5 chance, below 0.5 the wrong way round. `left out`: each "
        f"subject judged at the threshold of the {about['criterion']} on all others."
    )
    if "threshold_from" in about:
        yield (
            f"`from other`: at the threshold of the {about['criterion']} on "
            f"`{about['threshold_from']}`; {about['in_both']['images']} images and "
            f"{about['in_both']['subjects']} subjects are in both manifests."
        )
    names = dict.fromkeys(name for p in profiles.values() for name in p["figures"])
    yield _table(
        ("", *(f"{name}, threshold {p['threshold']:.2f}" for name, p in profiles.items())),
        [
            (name.replace("_", " "), *(p["figures"].get(name) for p in profiles.values()))
            for name in names
        ],
    )
    first, described = next(iter(profiles.items()))
    yield _intervals(described["figures"].values())
    columns = (
        "bona_fide",
        "attack",
        "scored",
        "median",
        "apcer",
        "apcer_at_bpcer_5",
        "bpcer",
        "auc",
    )
    for by, title in (("kinds", "kind (PAI species)"), ("subjects", "subject")):
        if 1 < len(described[by]) <= MOST_ROWS:
            yield f"## By {title}, {first}"
            yield _table(
                (title, *(name.replace("_", " ") for name in columns)),
                [(row["name"], *(row[name] for name in columns)) for row in described[by]],
            )
            yield (
                "APCER and BPCER at the policy's threshold, intervals as if images were "
                "independent. AUC within the row, or against all of the other class where the row "
                "has one class only."
            )
    if report["measures"]:
        yield "## Each measure alone"
        yield _table(("measure", "AUC"), report["measures"].items())


def _of_readings(report: Report) -> Iterable[str]:
    counts = report["headline"]
    yield f"{counts['with_truth']} of {counts['images']} images have a truth."
    figures: Mapping[str, Figure] = report["figures"]
    yield _table(
        ("", "", "of", "interval"),
        [(name.replace("_", " "), f, f.n, f.method) for name, f in figures.items()],
    )
    if kinds := report["kinds"]:
        columns = [name for name in kinds[0] if name != "name"]
        yield "## By kind"
        yield _table(("kind", *columns), [(k["name"], *(k[c] for c in columns)) for k in kinds])


def _intervals(figures: Iterable[Figure]) -> str:
    return "Intervals: " + "; ".join(dict.fromkeys(figure.method for figure in figures)) + "."


def _non_response(silence: Report) -> Iterable[str]:
    shares = {name: figure for name, figure in silence.items() if isinstance(figure, Figure)}
    names = {"non_response": "of all", "apnrr": "of attacks, APNRR", "bpnrr": "of bona fide, BPNRR"}
    yield _table(
        ("", "share", "of"), [(names[name], share, share.n) for name, share in shares.items()]
    )
    for key in ("statuses", "reasons"):
        if silence[key]:
            said = ", ".join(f"{name} {count}" for name, count in silence[key].items())
            yield f"{key.capitalize()}: {said}."


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return "—" if value is None else str(value).replace("|", "\\|")


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
