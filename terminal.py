"""What people see of Palisade in a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from detectors.contracts import Status
from docfraud.contracts import Fields
from docfraud.crossref import Comparison, Outcome
from fusion.answers import DocumentAnswer
from fusion.quality import CHECK_OF, SUBJECTS, QualityResult
from fusion.verdict import Decision, DocumentFindings, Signal, Verdict

out = Console()
err = Console(stderr=True)


def silence_native_logs() -> None:
    """Keep the C++ logs of MediaPipe and TFLite, which no setting turns off, off the terminal.

    They write to file descriptor 2. What Python writes to stderr goes on to the terminal through
    a copy of it. Set ``PALISADE_DEBUG`` to see everything.
    """
    if os.environ.get("PALISADE_DEBUG"):
        return
    sys.stderr.flush()
    terminal = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    sys.stderr = os.fdopen(terminal, "w", buffering=1, encoding="utf-8", errors="replace")


DECISION_STYLE = {
    Decision.ACCEPT: "bold green",
    Decision.REVIEW: "bold yellow",
    Decision.REJECT: "bold red",
}
OUTCOME_STYLE = {
    Outcome.MATCH: "green",
    Outcome.MISMATCH: "bold red",
    Outcome.NOT_COMPARABLE: "dim",
}
BAR = 12
EMPTY: Mapping[str, Fields] = MappingProxyType({})
NOTHING: Mapping[str, float] = MappingProxyType({})


def verdict_panel(verdict: Verdict, title: str) -> RenderableType:
    """Draw a verdict: the decision, then one row for each signal."""
    parts: list[RenderableType] = [
        _headline(verdict),
        _table("signal", verdict.signals, verdict.weights, verdict.contributions),
    ]
    if verdict.document is not None:
        parts += [Rule("document", align="left", style="dim"), *_document(verdict.document)]
    return Panel(Group(*parts), title=title, title_align="left")


def document_panel(answer: DocumentAnswer, title: str) -> RenderableType:
    """Draw the findings on a document, with what its sides say where that was asked for."""
    drawn = _document(answer.findings, answer.sides or {})
    return Panel(Group(*drawn), title=title, title_align="left")


def quality_panel(answer: QualityResult, title: str) -> RenderableType:
    """Draw how good a selfie is: one row for each check."""
    line = Text.assemble(
        ("GOOD", "bold green") if answer.is_valid else ("NOT GOOD", "bold yellow"),
        f"  score {answer.score:.0f} of 100",
        ("\n" + ", ".join(answer.reasons) if answer.reasons else "", "yellow"),
    )
    table = Table(box=None, pad_edge=False)
    for column in ("check", "component", "measure"):
        table.add_column(column, no_wrap=True)
    failed = {CHECK_OF[word] for word in answer.words}
    for name, component in answer.components.items():
        measure = SUBJECTS[name].measure if name in SUBJECTS else ""
        value = f"{measure}={answer.scores[measure]:.3g}" if measure else ""
        style = "yellow" if name in failed else ""
        table.add_row(Text(name, style=style), _bar(component / 100), Text(value, style="dim"))
    return Panel(Group(line, table), title=title, title_align="left")


def _document(
    findings: DocumentFindings, sides: Mapping[str, Fields] = EMPTY
) -> list[RenderableType]:
    score = "no score" if findings.score is None else f"score {findings.score:.3f}"
    line = Text.assemble(
        ("PASSED", "bold green") if findings.passed else ("NOT PASSED", "bold yellow"),
        f"  {score}  coverage {findings.coverage:.0%}",
        ("\n" + ", ".join(findings.reasons) if findings.reasons else "", "yellow"),
    )
    drawn: list[RenderableType] = [line, _table("check", findings.checks, findings.weights)]
    if findings.comparisons:
        drawn.append(_compared(findings.comparisons, sides))
    return drawn


def _compared(comparisons: Sequence[Comparison], sides: Mapping[str, Fields]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("field", no_wrap=True)
    table.add_column("compared", no_wrap=True)
    for side in sides:
        table.add_column(side, overflow="fold")
    if not sides:
        table.add_column("who says the same", overflow="fold")
    for compared in comparisons:
        said = [sides[side].get(compared.field, "") for side in sides] or [
            "  |  ".join(" = ".join(group) for group in compared.agreeing)
        ]
        table.add_row(
            compared.field,
            Text(compared.outcome.replace("_", " "), style=OUTCOME_STYLE[compared.outcome]),
            *map(Text, said),
        )
    return table


def _table(
    what: str,
    signals: Sequence[Signal],
    weights: Mapping[str, float],
    contributions: Mapping[str, float] = NOTHING,
) -> Table:
    table = Table(box=None, pad_edge=False, expand=True)
    table.add_column(what, no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("score", no_wrap=True)
    table.add_column("nats" if contributions else "weight", justify="right", no_wrap=True)
    table.add_column("reasons and measures", ratio=1, overflow="fold")
    for signal in signals:
        counted = (contributions or weights).get(signal.name)
        form = "+.2f" if contributions else ".2f"
        table.add_row(
            signal.name,
            Text(signal.status, style="green" if signal.status is Status.OK else "yellow"),
            _bar(signal.score),
            "—" if counted is None else format(counted, form),
            _details(signal),
        )
    return table


def summary(verdict: Verdict) -> Text:
    """Say a verdict in one cell: the decision, the score and why it is not an accept."""
    score = "" if verdict.score is None else f" {verdict.score:.2f}"
    return Text.assemble(
        (verdict.decision, DECISION_STYLE[verdict.decision]),
        score,
        (" " + ", ".join(verdict.reasons), "dim"),
    )


def _headline(verdict: Verdict) -> Text:
    score = "no score" if verdict.score is None else f"{verdict.score:.3f}"
    mode = verdict.enforcement.mode.upper()
    line = Text.assemble(
        (verdict.decision.upper(), DECISION_STYLE[verdict.decision]),
        f"  score {score} (threshold {verdict.threshold:.2f})",
        f"  coverage {verdict.coverage:.0%}",
        f"  {mode}, {'enforced' if verdict.enforced else 'not enforced'}",
        f"  policy {verdict.policy.name} v{verdict.policy.version}",
    )
    if notes := (*verdict.reasons, *verdict.face.problems):
        line.append("\n" + ", ".join(dict.fromkeys(notes)), style="yellow")
    return line


def _bar(score: float | None) -> Text:
    if score is None:
        return Text("·" * BAR, style="dim")
    full = round(score * BAR)
    style = "green" if score >= 0.6 else "yellow" if score >= 0.4 else "red"
    return Text.assemble(("█" * full, style), ("░" * (BAR - full), "dim"), f" {score:.2f}")


def _details(signal: Signal) -> Text:
    reasons = ", ".join(signal.reasons)
    values = "  ".join(f"{name}={value:.3g}" for name, value in signal.measures.items())
    return Text.assemble((reasons + "  " if reasons else "", "yellow"), (values, "dim"))


@contextmanager
def progress(description: str) -> Iterator[Any]:
    """Show a progress bar on stderr; yields ``update(done, of, waiting_for)``."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[waiting]}"),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(description, total=1, waiting="")

        def update(done: float, of: float, waiting: str = "") -> None:
            bar.update(task, completed=done, total=max(of, 1), waiting=waiting)

        yield update
