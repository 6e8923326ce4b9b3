from __future__ import annotations

import numpy as np
import pytest
from moving_faces import CANONICAL, posed, project

from detectors.landmarks import Face
from detectors.pose import head_pose
from detectors.quality.geometry import measure_geometry

SIZE = (640, 480)


def measured(yaw=0.0, pitch=0.0, roll=0.0, position=(0, 0, -50)):
    landmarks = project(CANONICAL, posed(yaw, pitch, roll, position), SIZE)
    return measure_geometry(Face(landmarks), head_pose(landmarks, SIZE), SIZE)


@pytest.mark.parametrize(
    ("angles", "name"),
    [({"yaw": 30}, "yaw_deg"), ({"pitch": -20}, "pitch_deg"), ({"roll": 25}, "roll_deg")],
)
def test_angles_are_measured(angles, name):
    measures = measured(**angles)
    assert abs(measures[name]) == pytest.approx(abs(next(iter(angles.values()))), abs=2)
    others = {"yaw_deg", "pitch_deg", "roll_deg"} - {name}
    assert max(abs(measures[other]) for other in others) < 4


def test_coverage_falls_with_the_square_of_the_distance():
    near, far = (measured(position=(0, 0, -z))["face_coverage"] for z in (50, 100))
    assert near == pytest.approx(4 * far, rel=0.1)


def test_coverage_counts_what_is_in_sight():
    inside, half = measured(), measured(position=(-40, 0, -50))
    assert half["margin"] < 0 < inside["margin"]
    assert half["face_coverage"] < 0.9 * inside["face_coverage"]


def test_eyes_and_mouth_are_ratios():
    """Points placed by hand: lids 3 and 1 apart on eyes 10 wide, lips 6 apart, chin 30 below."""
    points = np.zeros((478, 3), np.float32)
    for x, gap, (outer, up1, up2, inner, low2, low1) in (
        (0, 3, (33, 160, 158, 133, 153, 144)),
        (20, 1, (263, 387, 385, 362, 380, 373)),
    ):
        points[outer, :2], points[inner, :2] = (x, 10), (x + 10, 10)
        points[[up1, up2], :2] = (x + 5, 10 - gap / 2)
        points[[low1, low2], :2] = (x + 5, 10 + gap / 2)
    points[468:473, :2], points[473:478, :2] = (5, 10), (25, 10)
    points[13, :2], points[14, :2], points[152, :2] = (15, 25), (15, 31), (15, 40)
    measures = measure_geometry(Face(points), np.eye(4, dtype=np.float32), SIZE)
    assert measures["eye_open"] == pytest.approx(0.1)
    assert measures["mouth_open"] == pytest.approx(6 / 30)
    assert measures["interocular_px"] == pytest.approx(20)
