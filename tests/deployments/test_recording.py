"""What a capture page is to record."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from deployments.recording import Recording
from deployments.settings import Settings
from media.limits import ClipLimits


def test_it_is_the_references_recording_unless_more_is_asked_for() -> None:
    assert Recording.of(Settings()) == Recording(3.0, 90, 57_000, 15.0) == Recording()


@pytest.mark.parametrize(
    ("seconds", "frames", "still_bytes"),
    [(4.0, 120, 42_750), (5.0, 150, 34_200), (7.5, 150, 34_200), (10.0, 150, 34_200)],
)
def test_a_longer_recording_is_no_heavier(seconds: float, frames: int, still_bytes: int) -> None:
    plan = Recording.of(Settings(capture_seconds=seconds))
    assert (plan.seconds, plan.frames, plan.still_bytes) == (seconds, frames, still_bytes)
    assert plan.frames * plan.still_bytes <= 90 * 57_000


def test_limits_of_a_clip_bound_it() -> None:
    tight = ClipLimits(max_seconds=8.0, max_frames=100, max_bytes=2_000_000)
    plan = Recording.of(Settings(capture_seconds=10.0, clip=tight))
    assert plan == Recording(8.0, 100, 20_000, 8.0)


@pytest.mark.parametrize("seconds", [2.9, 10.1, float("nan")])
def test_other_lengths_are_refused(seconds: float) -> None:
    with pytest.raises(ValidationError, match="capture_seconds"):
        Settings(capture_seconds=seconds)
