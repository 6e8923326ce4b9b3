"""What a table of results adds up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from offline.results import SCORED_NODES

BINS = 20
"""Of a histogram over [0, 1]; a score of 1 is in the last."""

MOST_LABELS = 8
"""Beyond the most frequent so many, labels are counted together."""

OTHERS = "(other labels)"
NO_VERDICT = "no verdict"


@dataclass(frozen=True, slots=True)
class Scores:
    """How some scores are spread.

    Attributes:
        count: how many there are.
        median: None where there is none.
        histogram: how many fall into each of :data:`BINS` equal bins over [0, 1].
    """

    count: int
    median: float | None
    histogram: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a table of results adds up to.

    Attributes:
        rows: of the manifest.
        errors: how many rows have no verdict, by the error's code.
        decisions: how many rows of each label got each decision, or :data:`NO_VERDICT`.
        statuses: how many rows each signal has in each status.
        scores: of the verdict (``score``) and of every signal, by label.
    """

    rows: int
    errors: Mapping[str, int]
    decisions: Mapping[str, Mapping[str, int]]
    statuses: Mapping[str, Mapping[str, int]]
    scores: Mapping[str, Mapping[str, Scores]]


def summarise(table: Path) -> Summary:
    """Add up ``results.parquet``."""
    names = SCORED_NODES
    columns = pq.read_table(
        table,
        columns=["label", "decision", "error", "score"]
        + [f"{column}_{name}" for name in names for column in ("status", "score")],
    ).to_pydict()
    labels = _few(columns["label"])
    decided = [decision or NO_VERDICT for decision in columns["decision"]]
    return Summary(
        rows=len(labels),
        errors=_counts(columns["error"]),
        decisions={label: _counts(own) for label, own in _by(labels, decided).items()},
        statuses={name: _counts(columns[f"status_{name}"]) for name in names},
        scores={
            name: {label: _spread(own) for label, own in _by(labels, columns[column]).items()}
            for name, column in {"score": "score", **{n: f"score_{n}" for n in names}}.items()
        },
    )


def _few(labels: Sequence[str]) -> list[str]:
    known = {label for label, _ in Counter(labels).most_common(MOST_LABELS)}
    return [label if label in known else OTHERS for label in labels]


def _counts(values: Sequence[Any]) -> dict[str, int]:
    return dict(Counter(value for value in values if value is not None).most_common())


def _by(labels: Sequence[str], values: Sequence[Any]) -> dict[str, list[Any]]:
    """Part the values by their labels, those without a value left out."""
    parted: dict[str, list[Any]] = {label: [] for label in sorted(set(labels))}
    for label, value in zip(labels, values, strict=True):
        if value is not None:
            parted[label].append(value)
    return parted


def _spread(scores: Sequence[float]) -> Scores:
    histogram, _ = np.histogram(scores, BINS, (0.0, 1.0))
    median = float(np.median(scores)) if scores else None
    return Scores(len(scores), median, tuple(histogram.tolist()))
