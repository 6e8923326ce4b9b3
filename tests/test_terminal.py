"""What people see of a verdict in a terminal."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console
from verdicts import verdict_with

from detectors.contracts import Status
from fusion.verdict import Signal
from terminal import verdict_panel


def drawn(**fields: Any) -> str:
    console = Console(width=120, record=True, file=io.StringIO())
    signals = (Signal("eye_specular", Status.OK, 0.3), Signal("depth", Status.WITHHELD))
    console.print(verdict_panel(verdict_with(signals=signals, **fields), "a session"))
    return console.export_text()


def test_a_mean_shows_weights_and_a_posterior_shows_nats() -> None:
    mean = drawn(weights={"eye_specular": 1.0})
    assert "weight" in mean
    assert "1.00" in mean
    contributions = {"prior": 0.4, "eye_specular": -1.234, "depth": -2.3}
    posterior = drawn(weights={"eye_specular": 1.0}, contributions=contributions)
    assert "nats" in posterior
    assert "-1.23" in posterior
    assert "-2.30" in posterior
    assert "weight" not in posterior
