from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.contracts import LANDMARKS
from detectors.following import Seen
from detectors.stills import StillKeeper, StillSettings

FPS = 30.0


def face(x: float, y: float, width: float = 100.0) -> NDArray[np.float32]:
    """Landmarks whose box is ``width`` wide and a fifth higher, about a point."""
    landmarks = np.zeros((LANDMARKS, 3), np.float32)
    landmarks[:, :2] = x, y
    landmarks[0, :2] = x - width / 2, y - width * 0.6
    landmarks[1, :2] = x + width / 2, y + width * 0.6
    return landmarks


def seen(index: int, landmarks: NDArray[np.float32] | None = None, measured: bool = True) -> Seen:
    """A frame of 640 by 480 with a bright spot where the face is."""
    where = face(320, 240) if landmarks is None else landmarks
    pixels = np.zeros((480, 640, 3), np.uint8)
    x, y = where[2:, :2].mean(axis=0)
    pixels[int(y) - 8 : int(y) + 8, int(x) - 8 : int(x) + 8] = 255
    return Seen(index / FPS, pixels, where, measured)


def kept(frames: list[Seen], **settings: float) -> tuple[float, ...]:
    keeper = StillKeeper(StillSettings(**settings))  # type: ignore[arg-type]
    for frame in frames:
        keeper.add(frame)
    return tuple(still.time for still in keeper.stills)


@pytest.mark.parametrize("seconds", [0.1, 1.0, 3.0, 10.0, 60.0])
def test_a_clip_of_any_length_leaves_a_few_evenly_spread(seconds: float) -> None:
    times = np.array(kept([seen(index) for index in range(round(seconds * FPS))]))
    most = StillSettings().most
    assert times[0] == 0
    assert len(times) <= most
    if seconds >= 2:
        assert len(times) > most // 2
        gaps = np.diff(times)
        assert gaps.max() - gaps.min() < 5 / FPS  # a frame for every time the gap doubled
        assert times[-1] > seconds / 2


def test_only_frames_whose_face_was_measured_are_kept() -> None:
    frames = [
        Seen(0.0, np.zeros((480, 640, 3), np.uint8), None),
        seen(9, measured=False),
        seen(12),
        seen(30, measured=False),
        seen(31),
    ]
    assert kept(frames) == pytest.approx((12 / FPS, 31 / FPS))


def test_all_show_the_same_part_in_the_same_scale() -> None:
    keeper = StillKeeper(StillSettings(every_s=0.1, surroundings=3.0, face_px=50))
    for index, (x, width) in enumerate(((200.0, 100.0), (260.0, 80.0), (230.0, 130.0))):
        keeper.add(seen(6 * index, face(x, 240, width)))
    first, *others = keeper.stills
    assert len(others) == 2
    assert first.pixels.shape == (180, 150, 3)  # three boxes of 100 by 120, halved
    for still, x in zip(keeper.stills, (200, 260, 230), strict=True):
        assert still.pixels.shape == first.pixels.shape
        assert not still.pixels.flags.writeable
        centre = (x - 50) / 2, (240 - 60) / 2
        np.testing.assert_allclose(still.landmarks[2:, :2].mean(axis=0), centre, atol=0.1)
        spot = np.argwhere(still.pixels[..., 0] > 128).mean(axis=0)[::-1]
        np.testing.assert_allclose(spot, centre, atol=1.0)


def test_a_small_face_is_not_enlarged_and_the_frame_is_the_limit() -> None:
    keeper = StillKeeper()
    keeper.add(seen(0, face(100, 240, 60)))
    (still,) = keeper.stills
    assert still.pixels.shape == (288, 220, 3)
    np.testing.assert_allclose(still.landmarks[2, :2], (100, 144), atol=0.5)


def test_a_face_that_has_left_the_part_is_passed_over() -> None:
    frames = [seen(0, face(100, 240, 60)), seen(30, face(600, 240, 60)), seen(60, face(120, 240))]
    assert kept(frames) == pytest.approx((0.0, 2.0))
