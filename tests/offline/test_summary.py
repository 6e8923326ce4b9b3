from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from offline.report import page, panel, sparkline
from offline.results import schema
from offline.summary import BINS, MOST_LABELS, OTHERS, Summary, summarise


def summary_of(folder: Path, rows: list[dict[str, Any]]) -> Summary:
    pq.write_table(pa.Table.from_pylist(rows, schema(["label"])), folder / "results.parquet")
    return summarise(folder / "results.parquet")


@pytest.fixture
def summary(tmp_path: Path) -> Summary:
    live = {"label": "live", "status_rppg": "ok", "decision": "accept"}
    rows = [live | {"score": score, "score_rppg": 1.0} for score in (0.0, 0.24, 0.26, 1.0)]
    rows += [{"label": "<b>", "decision": "review", "status_rppg": "unavailable"}]
    rows += [{"label": "<b>", "error": "image-empty"}]
    return summary_of(tmp_path, rows)


def test_rows_are_counted_by_label_decision_and_status(summary: Summary) -> None:
    assert summary.rows == 6
    assert summary.decisions == {"live": {"accept": 4}, "<b>": {"review": 1, "no verdict": 1}}
    assert summary.errors == {"image-empty": 1}
    assert summary.statuses["rppg"] == {"ok": 4, "unavailable": 1}


def test_scores_fall_into_bins_over_0_to_1(summary: Summary) -> None:
    spread = summary.scores["score"]["live"]
    expected = [0] * BINS
    expected[0] = expected[4] = expected[5] = expected[-1] = 1
    assert list(spread.histogram) == expected
    assert spread.median == 0.25
    assert summary.scores["rppg"]["live"].count == 4
    assert summary.scores["score"]["<b>"].median is None


def test_rare_labels_are_counted_together(tmp_path: Path) -> None:
    rows = [{"label": f"l{n}", "decision": "review"} for n in range(MOST_LABELS) for _ in "ab"]
    summary = summary_of(tmp_path, rows + [{"label": f"rare{n}"} for n in range(3)])
    assert len(summary.decisions) == MOST_LABELS + 1
    assert summary.decisions[OTHERS] == {"no verdict": 3}


def test_a_sparkline_shows_a_single_one_and_leaves_nothing_blank() -> None:
    assert sparkline([0, 1, 50, 100]) == " ▁▄█"


def test_people_see_it_in_a_terminal_and_on_a_page(summary: Summary) -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(panel(summary))
    shown = console.export_text()
    assert "live" in shown
    assert "no verdict: image-empty 1" in shown
    written = page(summary, "archive & co")
    assert "archive &amp; co" in written
    assert "&lt;b&gt;" in written
    assert "<b>" not in written
    assert written.count("<svg") == 2
