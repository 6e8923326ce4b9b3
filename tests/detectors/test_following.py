from __future__ import annotations

import numpy as np
import pytest
from moving_faces import Frame

from detectors.following import Follower
from detectors.topology import LEFT_EYE_CONTOUR

WIDTH = 100.0
FACE = np.random.default_rng(0).uniform(0, 1, (478, 3)).astype(np.float32)
FACE[0], FACE[1] = (0, 0, 0), (1, 1, 0)
FACE *= WIDTH


class Script:
    """A tracker that knows where the face is in every frame, by its number in the pixels."""

    def __init__(self, faces):
        self.faces = faces
        self.asked = []

    def follow(self, pixels):
        self.asked.append(int(pixels[0, 0, 0]))
        return self.faces[self.asked[-1]]


def numbered(count, fps=30.0):
    return [Frame(index / fps, np.full((4, 4, 3), index, np.uint8)) for index in range(count)]


def follow(faces, fps=30.0, stride=3, frames=None):
    script = Script(faces)
    follower = Follower(script, stride=stride, stride_s=0.12, still_pct=1.0)
    return list(follower.follow(frames or numbered(len(faces), fps))), script.asked


def drifting(count, per_frame):
    return [FACE + np.float32([per_frame * index, 0, 0]) for index in range(count)]


def test_a_still_face_is_measured_in_every_third_frame():
    faces = drifting(10, per_frame=0.3)  # 0.9% of its width from one measured frame to the next
    seen, asked = follow(faces)
    assert asked == [0, 3, 6, 9]
    assert [s.measured for s in seen] == [i % 3 == 0 for i in range(10)]
    np.testing.assert_allclose([s.landmarks for s in seen], faces, atol=1e-4)
    np.testing.assert_allclose([s.time for s in seen], np.arange(10) / 30)
    assert [int(s.pixels[0, 0, 0]) for s in seen] == list(range(10))


def test_interpolation_goes_by_time_not_by_number():
    frames = numbered(4)
    frames[1].time = 0.09
    seen, _ = follow(drifting(4, per_frame=0.3), frames=frames)
    np.testing.assert_allclose(seen[1].landmarks - FACE, [[0.81, 0, 0]] * 478, atol=1e-4)


def test_a_face_that_moves_is_measured_in_every_frame_in_order():
    seen, asked = follow(drifting(10, per_frame=0.4))
    assert all(s.measured for s in seen)
    assert asked == [0, 3, 1, 2, 4, 5, 6, 7, 8, 9]


def test_a_face_that_stops_is_still_again():
    faces = drifting(5, per_frame=2.0) + [FACE + np.float32([8, 0, 0])] * 8
    _, asked = follow(faces)
    assert asked == [0, 3, 1, 2, 4, 5, 6, 7, 8, 9, 12]


def test_a_blink_is_motion():
    faces = [FACE.copy() for _ in range(7)]
    faces[6][list(LEFT_EYE_CONTOUR), 1] += 2.0
    seen, _ = follow(faces)
    assert [s.measured for s in seen] == [True, False, False, True, True, True, True]


def test_a_lost_face_is_looked_for_in_every_frame():
    seen, asked = follow([FACE] * 4 + [None] * 4 + [FACE] * 7)
    assert [s.landmarks is None for s in seen] == [False] * 4 + [True] * 4 + [False] * 7
    assert asked == [0, 3, 6, 4, 5, 7, 8, 9, 10, 11, 14]
    assert all(s.measured for s in seen[4:12])


@pytest.mark.parametrize(
    ("fps", "asked"), [(30, [0, 3, 6]), (15, [0, 2, 4, 6]), (8, [0, 1, 2, 3, 4, 5, 6])]
)
def test_slow_clips_have_no_frames_to_spare(fps, asked):
    assert follow([FACE] * 7, fps)[1] == asked


def test_every_frame_can_be_measured():
    seen, asked = follow(drifting(5, per_frame=0.0), stride=1)
    assert asked == [0, 1, 2, 3, 4]
    assert all(s.measured for s in seen)


def test_the_last_frames_are_not_forgotten():
    seen, asked = follow([FACE] * 6)
    assert asked == [0, 3, 5]
    assert len(seen) == 6


def test_a_frame_of_another_size_is_faceless_and_not_looked_at():
    frames = numbered(3)
    frames[1].pixels = np.full((4, 6, 3), 1, np.uint8)
    seen, asked = follow([FACE] * 3, stride=1, frames=frames)
    assert asked == [0, 2]
    assert [s.landmarks is None for s in seen] == [False, True, False]
