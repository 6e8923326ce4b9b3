"""Pictures of a verdict as files, for those who look without the console."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable

from matplotlib.figure import Figure

from fusion.pictures import Shown, ShownImage, ShownPlot

DPI = 100
LINE, MARK = "#3569a8", "#c8553d"  # told apart by readers who do not see red and green
FEW = 60
"""Points up to which each of them is drawn."""


def files(pictures: Iterable[Shown]) -> dict[str, bytes]:
    """Make a PNG of each picture, by its signal and name."""
    return {
        f"{picture.signal}_{picture.name}": (
            picture.png if isinstance(picture, ShownImage) else draw(picture)
        )
        for picture in pictures
    }


def draw(plot: ShownPlot) -> bytes:
    """Draw a plot as PNG."""
    canvas = Figure(figsize=(6.4, 3.2), layout="constrained")
    panel = canvas.subplots()
    panel.plot(plot.x, plot.y, "o-" if len(plot.x) <= FEW else "-", color=LINE, markersize=4)
    panel.set(xlabel=plot.x_label, ylabel=plot.y_label)
    panel.set_title(textwrap.fill(plot.title, 80), fontsize=9)
    for number, (label, at) in enumerate(plot.marks.items()):
        panel.axvline(at, color=MARK, linestyle="dashed", linewidth=1)
        panel.annotate(
            label,
            (at, 0.5 if number % 2 else 1.0),  # neighbours may be close
            xycoords=panel.get_xaxis_transform(),
            xytext=(3, -3),
            textcoords="offset points",
            rotation="vertical",
            va="top",
            fontsize=8,
            color=MARK,
        )
    file = io.BytesIO()
    canvas.savefig(file, format="png", dpi=DPI)
    return file.getvalue()
