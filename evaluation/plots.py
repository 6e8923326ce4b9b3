"""Plots of a report: as PNG beside it, and as SVG that takes the colours of the page it is in."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure as Canvas
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from evaluation.blocks import Plot
from evaluation.intervals import Figure
from evaluation.scores import Sample

BINS = 20
INK = "#1c1c1c"
COLOURS = ("#2a5d9c", "#b5442c", "#2f7d4f", "#7a4ba0", "#8a6d00")
"""Told apart by readers who do not see red and green; more lines are told apart by their dashes."""

BONA_FIDE, ATTACK = COLOURS[:2]
DASHES = ("solid", "dashed", "dotted")
DPI = 120

LONGEST = 40
"""Letters of a name in a plot."""

RATES = (0.002, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
"""Marks of the axes of a DET curve, whose ends they are: a rate of 0 has no place on them."""

Samples = Mapping[str, Sample]
"""By the name of what gave the scores: a policy, a signal, a peer."""

Draw = Callable[[], Canvas]


def save(path: Path, draw: Draw) -> None:
    """Write a plot on white, as PNG or, by the name of the file, as SVG."""
    undated = {"Date": None} if path.suffix == ".svg" else None
    with _style():
        draw().savefig(path, dpi=DPI, facecolor="white", metadata=undated)


def svg(draw: Draw) -> str:
    """Write a plot as an ``<svg>`` element, the same in every run.

    Its colours are variables of the page, ``--ink`` and ``--plot-1`` to ``--plot-5``; where these
    are not set, those of the PNG.
    """
    file = io.StringIO()
    with _style():
        draw().savefig(file, format="svg", transparent=True, metadata={"Date": None})
    text = file.getvalue()
    element = text[text.index("<svg") :]
    for name, colour in (("ink", INK), *((f"plot-{n}", c) for n, c in enumerate(COLOURS, 1))):
        element = element.replace(colour, f"var(--{name}, {colour})")
    return element


def of_scores(folder: Path, samples: Samples, thresholds: Mapping[str, float]) -> list[Plot]:
    """Draw all that can be drawn of scores: files in ``folder``, and plots for the page."""
    drawn = []
    for name, draw, caption in (
        ("histogram", histogram, "How the scores of both classes are spread"),
        ("det", det, "DET curve: both error rates at every threshold, on probit axes"),
        ("roc", roc, "ROC curve: what is accepted of both classes at every threshold"),
    ):
        made = partial(draw, samples, thresholds)
        save(folder / f"{name}.png", made)
        drawn.append(Plot(svg(made), caption))
    return drawn


def histogram(samples: Samples, thresholds: Mapping[str, float]) -> Canvas:
    """Draw how the scores of both classes are spread, a panel for each of the samples."""
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
        panel.axvline(thresholds[name], color=INK, linestyle="dashed", label="threshold")
        panel.set(title=_short(name), ylabel="images")
        panel.legend(loc="upper center")  # scores gather at both ends
    panels[-1].set_xlabel("score")
    return canvas


def roc(samples: Samples, thresholds: Mapping[str, float]) -> Canvas:
    """Draw ROC curves, each with its threshold marked; a class that is missing is noted."""
    canvas = Canvas(figsize=(5, 5), layout="constrained")
    panel = canvas.subplots()
    for name, sample, look in _styled(samples):
        curve = sample.curve()
        if not np.isfinite(curve.auc):
            continue
        panel.plot(
            curve.apcer, 1 - curve.bpcer, label=f"{_short(name)}, AUC {curve.auc:.3f}", **look
        )
        if name in thresholds:
            at = np.searchsorted(curve.thresholds, thresholds[name])
            panel.plot(curve.apcer[at], 1 - curve.bpcer[at], "o", color=look["color"])
    panel.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle="dashed", label="chance")
    panel.set(xlabel="attacks accepted (APCER)", ylabel="bona fide accepted (1 - BPCER)")
    panel.legend(loc="lower right")
    return canvas


def det(samples: Samples, thresholds: Mapping[str, float]) -> Canvas:
    """Draw DET curves on probit axes (Martin et al. 1997), each with its threshold marked.

    Two normal distributions of scores give a straight line there, and small rates get room.
    """
    canvas = Canvas(figsize=(5, 5), layout="constrained")
    panel = canvas.subplots()
    for name, sample, look in _styled(samples):
        curve = sample.curve()
        if not np.isfinite(curve.auc):
            continue
        label = f"{_short(name)}, EER {curve.eer:.1%}"
        panel.plot(_probit(curve.apcer), _probit(curve.bpcer), label=label, **look)
        if name in thresholds:
            at = np.searchsorted(curve.thresholds, thresholds[name])
            x, y = _probit(curve.apcer[at]), _probit(curve.bpcer[at])
            panel.plot(x, y, "o", color=look["color"])
    marks, names = _probit(RATES), [f"{rate:.3g}" for rate in RATES]
    panel.set(xlabel="attacks accepted (APCER)", ylabel="bona fide rejected (BPCER)")
    panel.set_xticks(marks, names)
    panel.set_yticks(marks, names)
    ends = marks[[0, -1]]
    panel.plot(ends, ends, color=INK, linewidth=0.8, linestyle="dashed", label="equal rates")
    panel.set(xlim=ends, ylim=ends)
    panel.legend(loc="upper right")
    return canvas


def rates(figures: Mapping[str, Figure], label: str = "", chance: float | None = None) -> Canvas:
    """Draw figures from 0 to 1 with their intervals, a line for each.

    Args:
        figures: by what is written beside them.
        label: of the axis.
        chance: where to draw what a toss-up would have.
    """
    canvas = Canvas(figsize=(6.4, 1.2 + 0.3 * len(figures)), layout="constrained")
    panel = canvas.subplots()
    for at, figure in enumerate(figures.values()):
        bounds = [bound for bound in (figure.low, figure.high) if bound is not None]
        panel.plot(bounds, [at] * len(bounds), color=BONA_FIDE, linewidth=1.5)
        if figure.value is not None:
            panel.plot([figure.value], [at], "o", color=BONA_FIDE)
    if chance is not None:
        panel.axvline(chance, color=INK, linewidth=0.8, linestyle="dashed")
    panel.set(xlim=(-0.02, 1.02), yticks=range(len(figures)), xlabel=label)
    panel.set_yticklabels([_short(name).replace("_", " ") for name in figures])
    panel.invert_yaxis()
    return canvas


def _short(name: str) -> str:
    """The end of a long name, such as the path of a policy: whole, it would leave no room."""
    return name if len(name) <= LONGEST else f"…{name[1 - LONGEST :]}"


def _styled(samples: Samples) -> Iterator[tuple[str, Sample, dict[str, Any]]]:
    for at, (name, sample) in enumerate(samples.items()):
        dashes = DASHES[at // len(COLOURS) % len(DASHES)]
        yield name, sample, {"color": COLOURS[at % len(COLOURS)], "linestyle": dashes}


def _probit(shares: ArrayLike | Sequence[float]) -> NDArray[np.float64]:
    """Quantiles of the normal distribution, as far as :data:`RATES` go."""
    return np.asarray(norm.ppf(np.clip(shares, RATES[0], RATES[-1])), np.float64)


@contextmanager
def _style() -> Iterator[None]:
    """One colour for all that is no data, letters as text, and the same names in every run."""
    with mpl.rc_context(
        {
            "text.color": INK,
            "axes.labelcolor": INK,
            "axes.edgecolor": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "legend.frameon": False,
            "svg.fonttype": "none",
            "svg.hashsalt": "palisade",
        }
    ):
        yield
