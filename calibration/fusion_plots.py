"""How good a calibrated fusion is, as one PNG: every capture judged by a fit to other people."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import special

from calibration.fusion import Captures, Validated, balanced
from fusion.calibration import Calibration

BINS = 24
RELIABILITY_BINS = 10
COLUMNS = 3
BONA_FIDE, ATTACK = "#3569a8", "#c8553d"  # told apart by readers who do not see red and green
DPI = 110


def draw(captures: Captures, validated: Validated, calibration: Calibration) -> bytes:
    """Draw reliability, the ratios of the calibrated fusion and of the mean, and of each signal."""
    fitted = {name: calibration.by_name[name] for name in calibration.fitted}
    rows = math.ceil((3 + len(fitted)) / COLUMNS)
    canvas = Figure(figsize=(4.2 * COLUMNS, 3.0 * rows), layout="constrained")
    panels = canvas.subplots(rows, COLUMNS, squeeze=False).ravel()
    _reliability(panels[0], captures, validated.llrs)
    _histogram(panels[1], captures, validated.llrs, "calibrated fusion, cross-validated")
    _histogram(panels[2], captures, validated.mean_llrs, "weighted mean, cross-validated")
    for panel, (name, entry) in zip(panels[3:], fitted.items(), strict=False):
        nats = np.array(
            [math.nan if math.isnan(s) else entry.bounded(s) for s in captures.scores(name)]
        )
        _histogram(panel, captures, nats, f"{name}, coefficient {entry.coefficient:g}")
    for panel in panels[3 + len(fitted) :]:
        panel.set_axis_off()
    file = io.BytesIO()
    canvas.savefig(file, format="png", dpi=DPI)
    return file.getvalue()


def _reliability(panel: Any, captures: Captures, llrs: NDArray[np.float64]) -> None:
    """Of what is said to be genuine with some probability, the share that is; classes alike."""
    answered = np.isfinite(llrs)
    seen = captures.only(answered)
    said, weights = special.expit(llrs[answered]), balanced(seen)
    where = np.minimum((said * RELIABILITY_BINS).astype(int), RELIABILITY_BINS - 1)
    size = np.bincount(where, weights, RELIABILITY_BINS)
    used = size > 0
    mean = np.bincount(where, weights * said, RELIABILITY_BINS)[used] / size[used]
    true = np.bincount(where, weights * seen.bona_fide, RELIABILITY_BINS)[used] / size[used]
    panel.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, linestyle="dashed")
    panel.plot(mean, true, "o-", color=BONA_FIDE, markersize=4)
    panel.set(
        title="reliability", xlabel="posterior at a prior of 0.5", ylabel="share that is genuine"
    )


def _histogram(panel: Any, captures: Captures, nats: NDArray[np.float64], title: str) -> None:
    answered = np.isfinite(nats)
    edges = np.histogram_bin_edges(nats[answered], BINS)
    for side, colour, label in (
        (captures.bona_fide, BONA_FIDE, "bona fide"),
        (~captures.bona_fide, ATTACK, "attack"),
    ):
        own = nats[answered & side]
        # Shares: there are often more attacks than genuine captures.
        shares = np.full(len(own), 1 / max(len(own), 1))
        panel.hist(
            own, edges, weights=shares, alpha=0.6, color=colour, label=f"{label} ({len(own)})"
        )
    panel.axvline(0.0, color="#222222", linestyle="dotted")
    panel.set(title=title, xlabel="log-likelihood ratio in nats", ylabel="share")
    panel.legend(fontsize="x-small")
