from __future__ import annotations

import cv2
import numpy as np
import pytest

from detectors.landmarks import MeshLandmarker
from detectors.topology import FACE_OVAL, LEFT_EYE_CONTOUR, LIPS
from detectors.tracks import PointTracker, TrackSettings


@pytest.fixture(scope="module")
def landmarks(astronaut):
    return MeshLandmarker().find(astronaut)[0].landmarks


def inside(points, landmarks, part):
    outline = landmarks[list(part), :2]
    return [cv2.pointPolygonTest(outline, tuple(map(float, point)), False) > 0 for point in points]


def moved(pixels, landmarks, x, y):
    shift = np.float32([[1, 0, x], [0, 1, y]])
    size = pixels.shape[1::-1]
    seen = cv2.warpAffine(pixels, shift, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return seen, landmarks + np.array([x, y, 0], np.float32)


def test_points_follow_a_known_motion(astronaut, landmarks):
    tracker = PointTracker(TrackSettings())
    for frame in range(11):
        tracker.add(frame / 10, *moved(astronaut, landmarks, 1.3 * frame, 0.7 * frame))
    [window] = tracker.windows
    np.testing.assert_allclose(window.times, (0, 1))
    start, end = window.points
    assert window.points.dtype == np.float32
    assert len(start) >= 30
    assert np.abs(end - start - (13, 7)).max() < 0.5
    assert np.abs(end - start - (13, 7)).mean() < 0.1
    np.testing.assert_allclose(
        window.landmarks[1] - window.landmarks[0], [[13, 7, 0]] * 478, atol=1e-3
    )


def test_points_lie_on_the_rigid_part_of_the_face(astronaut, landmarks):
    tracker = PointTracker(TrackSettings())
    for time in (0.0, 1.0):
        tracker.add(time, astronaut, landmarks)
    start = tracker.windows[0].points[0]
    assert all(inside(start, landmarks, FACE_OVAL))
    for part in (LEFT_EYE_CONTOUR, LIPS):
        assert not any(inside(start, landmarks, part))


def test_windows_follow_each_other(astronaut, landmarks):
    tracker = PointTracker(TrackSettings(window_s=0.5))
    for frame in range(13):
        tracker.add(frame / 10, astronaut, landmarks)
    np.testing.assert_allclose([w.times for w in tracker.windows], [(0, 0.5), (0.5, 1.0)])


def test_a_lost_face_ends_the_window(astronaut, landmarks):
    tracker = PointTracker(TrackSettings())
    for frame in range(17):
        tracker.add(frame / 10, astronaut, None if frame == 5 else landmarks)
    np.testing.assert_allclose([w.times for w in tracker.windows], [(0.6, 1.6)])


def test_points_that_cannot_be_followed_are_dropped(astronaut, landmarks):
    """After a cut to another picture nothing returns to where it was."""
    noise = np.random.default_rng(0).integers(0, 256, astronaut.shape, dtype=np.uint8)
    tracker = PointTracker(TrackSettings())
    tracker.add(0.0, astronaut, landmarks)
    tracker.add(1.0, noise, landmarks)
    assert tracker.windows == []


def test_a_featureless_face_gives_no_window(astronaut, landmarks):
    tracker = PointTracker(TrackSettings())
    for time in (0.0, 0.5, 1.0):
        tracker.add(time, np.full_like(astronaut, 128), landmarks)
    assert tracker.windows == []


def test_a_large_face_is_followed_at_a_smaller_size(astronaut, landmarks):
    large = cv2.resize(astronaut, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    tracker = PointTracker(TrackSettings(face_px=100))
    for frame in range(3):
        tracker.add(frame / 2, *moved(large, landmarks * 3, 4 * frame, 2 * frame))
    start, end = tracker.windows[0].points
    assert np.abs(end - start - (8, 4)).mean() < 0.3
    assert all(inside(start, landmarks * 3, FACE_OVAL))
