"""The histogram of a calibration of liveness, as a PNG."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.figure import Figure

from calibration.liveness import Calibration
from calibration.plots import BAD, BINS, DPI, GOOD


def histogram(calibration: Calibration) -> bytes:
    """Draw the log-odds of both classes, and where the line was and is proposed to be."""
    canvas = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = canvas.subplots()
    together = np.concatenate([calibration.live, calibration.attacks])
    edges = np.histogram_bin_edges(together, BINS).tolist()
    for values, colour, label in (
        (calibration.live, GOOD, "live"),
        (calibration.attacks, BAD, "attacks"),
    ):
        if len(values):
            axes.hist(values, edges, alpha=0.6, color=colour, label=f"{label} ({len(values)})")
    for shift, style, label in (
        (calibration.before, "dotted", "before"),
        (calibration.after, "solid", "proposed"),
    ):
        axes.axvline(shift + calibration.threshold, color="#222222", linestyle=style, label=label)
    axes.set(xlabel="log-odds of a live face, before the shift", ylabel="images")
    axes.legend(fontsize="small")
    file = io.BytesIO()
    canvas.savefig(file, format="png", dpi=DPI)
    return file.getvalue()
