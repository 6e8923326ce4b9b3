"""Plots of a report, as PNG."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure as Canvas

from evaluation.intervals import Figure
from evaluation.scores import Sample

BINS = 20
BONA_FIDE, ATTACK = "#3569a8", "#c8553d"  # told apart by readers who do not see red and green
DPI = 120

Samples = Mapping[str, Sample]
"""By the name of a policy."""


def histogram(path: Path, samples: Samples, thresholds: Mapping[str, float]) -> None:
    """Draw how the scores of both classes are spread, a panel for each policy."""
    canvas = Canvas(figsize=(6.4, 2.4 * len(samples)), layout="constrained")
    panels = canvas.subplots(len(samples), 1, squeeze=False, sharex=True)[:, 0]
    for panel, (name, sample) in zip(panels, samples.items(), strict=True):
        scored = sample.only(sample.answered)
        for own, label, colour in (
            (scored.bona_fide, "bona fide", BONA_FIDE),
            (~scored.bona_fide, "attack", ATTACK),
        ):
            text = f"{label} ({own.sum()})"
            edges = np.linspace(0, 1, BINS + 1)
            panel.hist(scored.scores[own], edges, alpha=0.55, label=text, color=colour)
        panel.axvline(thresholds[name], color="#444444", linestyle="dashed", label="threshold")
        panel.set(title=name, ylabel="images")
        panel.legend(loc="upper center")  # scores gather at both ends
    panels[-1].set_xlabel("score")
    canvas.savefig(path, dpi=DPI)


def roc(path: Path, samples: Samples, thresholds: Mapping[str, float]) -> None:
    """Draw the ROC curve of each policy, its threshold marked; a class that is missing is noted."""
    canvas = Canvas(figsize=(5, 5), layout="constrained")
    panel = canvas.subplots()
    for name, sample in samples.items():
        curve = sample.curve()
        if not np.isfinite(curve.auc):
            continue
        (line,) = panel.plot(curve.apcer, 1 - curve.bpcer, label=f"{name}, AUC {curve.auc:.3f}")
        at = np.searchsorted(curve.thresholds, thresholds[name])
        panel.plot(curve.apcer[at], 1 - curve.bpcer[at], "o", color=line.get_color())
    panel.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, linestyle="dashed", label="chance")
    panel.set(xlabel="attacks accepted (APCER)", ylabel="bona fide accepted (1 - BPCER)")
    panel.legend(loc="lower right")
    canvas.savefig(path, dpi=DPI)


def rates(path: Path, figures: Mapping[str, Figure]) -> None:
    """Draw rates with their intervals, a line for each."""
    canvas = Canvas(figsize=(6.4, 1.2 + 0.3 * len(figures)), layout="constrained")
    panel = canvas.subplots()
    for at, figure in enumerate(figures.values()):
        bounds = [bound for bound in (figure.low, figure.high) if bound is not None]
        panel.plot(bounds, [at] * len(bounds), color=BONA_FIDE, linewidth=1.5)
        if figure.value is not None:
            panel.plot([figure.value], [at], "o", color=BONA_FIDE)
    panel.set(xlim=(-0.02, 1.02), yticks=range(len(figures)))
    panel.set_yticklabels([name.replace("_", " ") for name in figures])
    panel.invert_yaxis()
    canvas.savefig(path, dpi=DPI)
