"""The histograms of a calibration, as one PNG."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from calibration.quality import Calibration, Proposal
from fusion.quality import SUBJECTS

BINS = 24
COLUMNS = 3
GOOD, BAD = "#3569a8", "#c8553d"  # told apart by readers who do not see red and green
DPI = 110


def histograms(calibration: Calibration) -> bytes:
    """Draw a panel for each check: both classes, its limits before and as proposed."""
    proposals = calibration.proposals
    columns = min(COLUMNS, len(proposals))
    rows = math.ceil(len(proposals) / columns)
    canvas = Figure(figsize=(4.2 * columns, 2.8 * rows), layout="constrained")
    panels = canvas.subplots(rows, columns, squeeze=False).ravel()
    for panel, proposal in zip(panels, proposals, strict=False):
        _draw(panel, proposal)
    for panel in panels[len(proposals) :]:
        panel.set_axis_off()
    file = io.BytesIO()
    canvas.savefig(file, format="png", dpi=DPI)
    return file.getvalue()


def _draw(axes: Any, proposal: Proposal) -> None:
    together = np.concatenate([proposal.good, proposal.bad])
    edges = np.histogram_bin_edges(together, BINS)
    axes.hist(proposal.good, edges, alpha=0.6, color=GOOD, label=f"good ({len(proposal.good)})")
    if len(proposal.bad):
        axes.hist(proposal.bad, edges, alpha=0.6, color=BAD, label=f"bad ({len(proposal.bad)})")
    for check, style, label in (
        (proposal.before, "dotted", "before"),
        (proposal.check, "solid", "proposed"),
    ):
        limits = [edge.limit for edge in (check.least, check.most) if edge is not None]
        for again, limit in enumerate(limits):
            once = None if again else label  # in the legend
            axes.axvline(limit, color="#222222", linestyle=style, label=once)
    axes.set(title=proposal.name, xlabel=SUBJECTS[proposal.name].measure, ylabel="shots")
    axes.legend(fontsize="x-small")
