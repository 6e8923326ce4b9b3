from __future__ import annotations

import numpy as np
import pytest
from moving_faces import CANONICAL, posed, project
from scipy.spatial.transform import Rotation

from detectors.landmarks import MeshLandmarker
from detectors.pose import head_pose, yaw_pitch_roll


@pytest.mark.parametrize("frame_size", [(640, 480), (480, 640), (1000, 1000)])
@pytest.mark.parametrize(
    "angles", [(0, 0, 0), (25, 0, 0), (-25, 10, 0), (0, -15, 20), (10, 15, -30)]
)
def test_known_pose_is_recovered(angles, frame_size):
    pose = posed(*angles, position=(3.0, -2.0, -50.0))
    found = head_pose(project(CANONICAL, pose, frame_size), frame_size)
    turned = Rotation.from_matrix(pose[:3, :3].T @ found[:3, :3]).magnitude()
    assert np.degrees(turned) < 2.0
    np.testing.assert_allclose(found[:3, 3], pose[:3, 3], rtol=0.05, atol=0.5)


@pytest.mark.parametrize("angles", [(20, 0, 0), (0, 15, 0), (0, 0, 25), (-30, 10, 5)])
def test_angles_of_a_pose(angles):
    np.testing.assert_allclose(yaw_pitch_roll(posed(*angles)), angles, atol=1e-3)


def test_directions_are_the_subjects_own(astronaut):
    """Positive yaw is to the subject's left, which is to the right in the image."""
    mesh = MeshLandmarker()
    size = astronaut.shape[1::-1]
    upright = yaw_pitch_roll(head_pose(mesh.find(astronaut)[0].landmarks, size))
    mirrored = yaw_pitch_roll(head_pose(mesh.find(astronaut[:, ::-1])[0].landmarks, size))
    np.testing.assert_allclose(mirrored, np.multiply(upright, (-1, 1, -1)), atol=4)
    right, left = mesh.find(astronaut)[0].landmarks[[468, 473]]
    assert upright[2] * (right[1] - left[1]) > 0  # the higher eye gives the sign of the roll


@pytest.mark.weights
def test_agrees_with_mediapipe(models_dir, astronaut):
    import mediapipe
    from mediapipe.tasks.python import vision
    from mediapipe.tasks.python.core.base_options import BaseOptions

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(models_dir / "face_landmarker.task")),
        output_facial_transformation_matrixes=True,
    )
    pixels = np.ascontiguousarray(astronaut[:300])
    height, width = pixels.shape[:2]
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels)
        result = landmarker.detect(image)
    points = [(p.x * width, p.y * height, p.z * width) for p in result.face_landmarks[0]]
    found = head_pose(np.array(points, np.float32), (width, height))
    np.testing.assert_allclose(
        found, result.facial_transformation_matrixes[0], rtol=2e-3, atol=0.02
    )

    bundled = head_pose(MeshLandmarker().find(pixels)[0].landmarks, (width, height))
    np.testing.assert_allclose(yaw_pitch_roll(bundled), yaw_pitch_roll(found), atol=5)
