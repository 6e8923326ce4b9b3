"""Which signals have no weights: known for a while, so that nobody asks them in vain."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping
from dataclasses import replace

from detectors.contracts import Measurement, Status

FOR_S = 30.0
"""A replica that starts anew may find weights that the one before did not."""


class Absences:
    """Remembers what replicas without weights answered.

    A call through the graph costs as much as a cheap signal, and all that such a replica says is
    that it cannot look.

    Args:
        left_out: signals that the graph has no replica of, for the same reason.
    """

    def __init__(self, left_out: Collection[str] = ()) -> None:
        missing = Measurement(status=Status.UNAVAILABLE, reasons=("weights_missing",), lasting=True)
        self._known: dict[str, tuple[float, Measurement]] = dict.fromkeys(
            left_out, (math.inf, missing)
        )

    def among(self, names: Collection[str]) -> dict[str, Measurement]:
        """Return the answers of those signals of ``names`` that need not be asked now."""
        now = time.monotonic()
        return {
            name: measured
            for name, (until, measured) in self._known.items()
            if name in names and now < until
        }

    def learn(self, measured: Mapping[str, Measurement]) -> None:
        """Take note of the answers of replicas."""
        until = time.monotonic() + FOR_S
        for name, answer in measured.items():
            if answer.lasting:
                self._known[name] = until, replace(answer, elapsed_ms=0.0)
