"""A measurement becomes a signal: the policy's parameters map its measures to a score."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from detectors.contracts import Measurement, NoOpinion, Scored, Status
from detectors.faults import whereabouts
from fusion.verdict import Signal

log = logging.getLogger(__name__)


def mapped(name: str, scored: type[Scored[Any]], measured: Measurement, mapping: Any) -> Signal:
    """Map a measurement; a mapping that fails costs its signal, not the verdict."""
    signal = unmapped(name, measured)
    if measured.status is not Status.OK:
        return signal
    try:
        score = scored.score(measured.measures, mapping)
    except NoOpinion as silence:
        return replace(
            signal,
            status=Status.ABSTAINED,
            components=silence.components,
            reasons=measured.reasons + silence.reasons,
        )
    except Exception as error:
        log.error("%s could not be mapped: %s", name, whereabouts(error))
        return replace(signal, status=Status.ERROR, reasons=(type(error).__name__,))
    return replace(
        signal,
        score=score.value,
        components=score.components,
        reasons=measured.reasons + score.reasons,
    )


def unmapped(name: str, measured: Measurement) -> Signal:
    """Put a measurement on record without a score."""
    return Signal(
        name=name,
        status=measured.status,
        measures=measured.measures,
        reasons=measured.reasons,
        model=measured.model,
        elapsed_ms=measured.elapsed_ms,
    )


def measurement(signal: Signal) -> Measurement:
    """Take a recorded signal back to what was measured, so that another policy can map it."""
    # What was mapped has components, whether the mapping scored it or had no opinion; reasons then
    # came from that mapping.
    was_mapped = signal.status is Status.OK or bool(signal.components)
    return Measurement(
        measures=signal.measures,
        status=Status.OK if was_mapped else signal.status,
        reasons=() if was_mapped else signal.reasons,
        model=signal.model,
        elapsed_ms=signal.elapsed_ms,
    )
