"""Loss curves: whether a network still learns, or has begun to know its examples by heart."""

from __future__ import annotations

import io
from collections.abc import Sequence

from matplotlib.figure import Figure as Canvas

from evaluation.plots import ATTACK, BONA_FIDE, COLOURS, DPI, INK
from training.loop import Epoch


def curves(history: Sequence[Epoch]) -> bytes:
    """Draw the losses and the error rates of every epoch; the bytes of a PNG.

    A vertical line marks the epoch whose weights are kept.
    """
    canvas = Canvas(figsize=(6.4, 5.6), layout="constrained")
    losses, rates = canvas.subplots(2, 1, sharex=True)
    numbers = range(1, len(history) + 1)
    for panel, names in ((losses, ("train_loss", "val_loss")), (rates, ("apcer", "bpcer"))):
        for name, colour in zip(
            names, (COLOURS[2], INK) if panel is losses else (ATTACK, BONA_FIDE), strict=True
        ):
            values = [getattr(epoch, name) for epoch in history]
            panel.plot(numbers, values, marker=".", color=colour, label=name.replace("_", " "))
        panel.axvline(
            max(number for number, epoch in zip(numbers, history, strict=True) if epoch.best),
            color=INK,
            linewidth=0.8,
            linestyle="dashed",
        )
        panel.legend()
    losses.set(ylabel="mean loss")
    rates.set(xlabel="epoch", ylabel="on the validation part", ylim=(-0.02, 1.02))
    rates.set_xticks(list(numbers))
    file = io.BytesIO()
    canvas.savefig(file, format="png", dpi=DPI, facecolor="white")
    return file.getvalue()
