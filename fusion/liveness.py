"""Whether one still image shows a live face: the policy's answer to one signal alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field

from fusion.strict import Strict
from fusion.verdict import Signal


class LivenessPolicy(Strict):
    """What ``POST /v1/liveness`` answers.

    Attributes:
        threshold: lowest score of the signal ``liveness`` that is called live, 0..1; the
            reference's is 0.5.
    """

    threshold: float = Field(default=0.5, ge=0.0, le=1.0)


@dataclass(frozen=True, slots=True)
class LivenessOpinion:
    """What the policy makes of the signal ``liveness``.

    Attributes:
        signal: mapped by the policy.
        threshold: lowest score that is called live, 0..1.
    """

    signal: Signal
    threshold: float


@dataclass(frozen=True, slots=True)
class Unfit:
    """An image that the quality gate refused: no network saw it.

    Attributes:
        reasons: words of the gate.
        scores: what it measured, by name.
    """

    reasons: tuple[str, ...]
    scores: Mapping[str, float]
