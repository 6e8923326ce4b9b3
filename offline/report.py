"""A summary for people: in a terminal, and as a page that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fusion.verdict import Decision
from offline.summary import BINS, NO_VERDICT, Scores, Summary
from terminal import DECISION_STYLE

_STYLES = {str(decision): style for decision, style in DECISION_STYLE.items()}
_LEVELS = "▁▂▃▄▅▆▇█"
_WIDTH, _HEIGHT = 12, 60  # of a bar of the page, in pixels

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 2em; color: #222; background: #fff }}
table {{ border-collapse: collapse }} th, td {{ text-align: left; padding: .2em 1em .2em 0 }}
td.n {{ text-align: right; font-variant-numeric: tabular-nums }}
svg {{ display: block; border-bottom: 1px solid #999 }} rect {{ fill: #3569a8 }}
small {{ color: #666 }}
</style>
<h1>{title}</h1>
{body}
</html>
"""


def panel(summary: Summary) -> RenderableType:
    """Draw a summary in a terminal."""
    return Group(_decisions(summary), _errors(summary), _signals(summary))


def page(summary: Summary, title: str) -> str:
    """Write a summary as one HTML file, with the histograms as SVG."""
    decisions = [
        (label, *(str(found.get(name, 0)) for name in _kinds(summary)))
        for label, found in summary.decisions.items()
    ]
    body = [
        f"<p>{summary.rows} rows, {sum(summary.errors.values())} without a verdict.</p>",
        _html_table(("label", *_kinds(summary)), decisions),
    ]
    if summary.errors:
        errors = [(code, str(count)) for code, count in summary.errors.items()]
        body += ["<h2>Rows without a verdict</h2>", _html_table(("error", "rows"), errors)]
    for name, by_label in summary.scores.items():
        known = ", ".join(f"{s} {n}" for s, n in summary.statuses.get(name, {}).items())
        body.append(f"<h2>{escape(name)}</h2>" + f"<p><small>{known}</small></p>" * bool(known))
        drawn = {label: spread for label, spread in by_label.items() if spread.count}
        body.append(
            "".join(
                f"<p>{escape(label)} <small>{spread.count} scored, median {spread.median:.3f}"
                f"</small></p>{_svg(spread.histogram)}"
                for label, spread in drawn.items()
            )
            or "<p>No score.</p>"
        )
    return _PAGE.format(title=escape(title), body="\n".join(body))


def sparkline(histogram: Sequence[int]) -> str:
    """Draw a histogram in one line; an empty bin is a blank."""
    most = max(histogram)
    return "".join(_LEVELS[-(-count * 8 // most) - 1] if count else " " for count in histogram)


def _kinds(summary: Summary) -> list[str]:
    """Every decision, and the rows without one where there are any."""
    return [*map(str, Decision), *([NO_VERDICT] if summary.errors else [])]


def _decisions(summary: Summary) -> Table:
    table = Table("label", box=None, pad_edge=False)
    for name in _kinds(summary):
        table.add_column(Text(name, style=_STYLES.get(name, "bold yellow")), justify="right")
    table.add_column("score 0 to 1", no_wrap=True)
    table.add_column("median", justify="right")
    for label, found in summary.decisions.items():
        spread = summary.scores["score"][label]
        table.add_row(
            Text(label), *(str(found.get(name, 0)) for name in _kinds(summary)), *_drawn(spread)
        )
    return table


def _errors(summary: Summary) -> Text:
    counts = ", ".join(f"{code} {count}" for code, count in summary.errors.items())
    return Text(f"{NO_VERDICT}: {counts}\n" if counts else "", style="yellow")


def _signals(summary: Summary) -> Table:
    table = Table("signal", "label", "score 0 to 1", box=None, pad_edge=False)
    table.add_column("median", justify="right")
    table.add_column("statuses", style="dim")
    for name, statuses in summary.statuses.items():
        known = ", ".join(f"{status} {count}" for status, count in statuses.items())
        drawn = [(label, s) for label, s in summary.scores[name].items() if s.count]
        for index, (label, spread) in enumerate(drawn or [("", Scores(0, None, ()))]):
            first = index == 0
            table.add_row(name if first else "", Text(label), *_drawn(spread), known * first)
    return table


def _drawn(spread: Scores) -> tuple[Text, str]:
    if spread.median is None:
        return Text("·" * BINS, style="dim"), ""
    return Text(sparkline(spread.histogram), style="cyan"), f"{spread.median:.2f}"


def _html_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    lines = "".join(
        f"<tr><td>{escape(first)}</td>{''.join(f'<td class=n>{cell}</td>' for cell in cells)}</tr>"
        for first, *cells in rows
    )
    return f"<table><tr>{head}</tr>{lines}</table>"


def _svg(histogram: Sequence[int]) -> str:
    most = max(histogram)
    bars = "".join(
        f'<rect x="{at * _WIDTH}" y="{_HEIGHT - high}" width="{_WIDTH - 1}" height="{high}">'
        f"<title>{at / BINS:.2f} to {(at + 1) / BINS:.2f}: {count}</title></rect>"
        for at, count in enumerate(histogram)
        for high in [round(_HEIGHT * count / most)]
    )
    return f'<svg width="{BINS * _WIDTH}" height="{_HEIGHT}" role="img">{bars}</svg>'
