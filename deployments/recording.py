"""How long the page records a face, and how much: what the operator asks for, within the limits."""

from __future__ import annotations

from dataclasses import dataclass

from deployments.multipart import MAX_STILLS
from deployments.settings import Settings

STILLS_A_SECOND = 30

MOST_STILLS = 150
"""Of a recording: 15 a second over 10 s do for every signal, and each takes time to judge."""

MOST_BYTES = 5_130_000
"""Of all stills together, so that a request stays below 6 MB."""

LONGEST_S = 15.0
"""A camera that is too slow for its stills is waited for so long."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What the page records; by default what the reference does.

    Attributes:
        seconds: how long.
        frames: stills in that time, evenly.
        still_bytes: what a still may have, so that all of them are not too many.
        longest_s: when to stop where the camera has given fewer.
    """

    seconds: float = 3.0
    frames: int = 90
    still_bytes: int = 57_000
    longest_s: float = LONGEST_S

    @classmethod
    def of(cls, settings: Settings) -> Recording:
        """Plan the recording that ``settings`` ask for, and let in."""
        limits = settings.clip
        seconds = min(settings.capture_seconds, limits.max_seconds)
        frames = min(round(STILLS_A_SECOND * seconds), MOST_STILLS, MAX_STILLS, limits.max_frames)
        return cls(
            seconds,
            frames,
            min(MOST_BYTES, limits.max_bytes) // frames,
            min(LONGEST_S, limits.max_seconds),
        )

    def __str__(self) -> str:
        """As the page reads it."""
        return (
            f"seconds={self.seconds:g}, frames={self.frames}, still_bytes={self.still_bytes}, "
            f"longest_s={self.longest_s:g}"
        )
