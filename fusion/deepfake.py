"""Whether a face is a real one: the policy's answer to the signal ``deepfake`` alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from detectors.contracts import Measurement
from detectors.deepfake_vote import MIN_FACES, Vote, vote
from fusion.verdict import Signal


@dataclass(frozen=True, slots=True)
class Watched:
    """What was measured on a photograph or a clip.

    Attributes:
        measured: of each frame; one of a photograph.
        moving: whether it is a clip.
        face_detector: which one found the faces.
    """

    measured: tuple[Measurement, ...]
    moving: bool
    face_detector: str


@dataclass(frozen=True, slots=True)
class DeepfakeOpinion:
    """What the policy makes of them.

    Attributes:
        signals: of each frame, mapped by the policy.
        moving: whether it is a clip.
        face_detector: which one found the faces.
        vote: of the frames with a face; None where these are too few.
    """

    signals: tuple[Signal, ...]
    moving: bool
    face_detector: str
    vote: Vote | None


def deepfake_opinion(signals: Sequence[Signal], watched: Watched) -> DeepfakeOpinion:
    """Let the frames vote, if there are enough with a face.

    Args:
        signals: of each frame of ``watched``.
        watched: where they come from.
    """
    real = [signal.score for signal in signals if signal.score is not None]
    enough = len(real) >= (MIN_FACES if watched.moving else 1)
    return DeepfakeOpinion(
        tuple(signals), watched.moving, watched.face_detector, vote(real) if enough else None
    )
