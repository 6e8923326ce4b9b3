"""Head pose from the landmarks of one face.

The method is that of MediaPipe's face geometry module: a camera with a vertical field of view of
63° is assumed, the landmarks' relative depth is brought to scale by two weighted Procrustes fits
to the canonical face, and a third one gives the pose. It needs no model, so that a face has a
pose whichever back end found its landmarks.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from detectors.canonical import POSE_WEIGHTS, VERTICES
from detectors.topology import MESH_POINTS

Array = NDArray[np.float64]

_INDICES = np.array(list(POSE_WEIGHTS))
_WEIGHTS = np.array(list(POSE_WEIGHTS.values())) / sum(POSE_WEIGHTS.values())
_CANONICAL = np.array([VERTICES[index] for index in POSE_WEIGHTS])
_HALF_FIELD = math.tan(math.radians(63.0 / 2))


def focal_length(height: int) -> float:
    """Focal length, in pixels, of the camera assumed for frames of a height in pixels."""
    return height / 2 / _HALF_FIELD


def head_pose(landmarks: NDArray[np.float32], frame_size: tuple[int, int]) -> NDArray[np.float32]:
    """Estimate the pose of a head.

    Args:
        landmarks: float32 (478, 3) in pixels of the whole frame, z in the same scale.
        frame_size: width and height of the frame in pixels.

    Returns:
        float32 (4, 4), from the canonical face to a camera at the origin that looks along −z,
        x to the right, y up; translation in centimetres.
    """
    width, height = frame_size
    # Onto a plane at distance 1 before the camera.
    screen = landmarks.astype(np.float64) / focal_length(height)
    screen[:, 0] -= _HALF_FIELD * width / height
    screen[:, 1] = _HALF_FIELD - screen[:, 1]
    screen[:, 2] -= screen[:MESH_POINTS, 2].mean()
    points = screen[_INDICES]

    scale = _fit(points * (1, 1, -1))[0]
    scale *= _fit(_metric(points, scale))[0]
    scale, rotation, translation = _fit(_metric(points, scale))
    pose = np.eye(4, dtype=np.float32)
    pose[:3, :3] = rotation
    pose[:3, 3] = translation
    return pose


def yaw_pitch_roll(pose: NDArray[np.float32]) -> tuple[float, float, float]:
    """Angles of a pose in degrees.

    Returns:
        yaw, positive when the subject turns to their own left; pitch, positive when they look
        down; roll, positive when the head tilts anticlockwise in the image.
    """
    r = pose[:3, :3].astype(np.float64)
    yaw = math.atan2(r[0, 2], r[2, 2])
    pitch = math.asin(float(np.clip(-r[1, 2], -1.0, 1.0)))
    roll = math.atan2(r[1, 0], r[1, 1])
    return math.degrees(yaw), math.degrees(pitch), math.degrees(roll)


def _metric(points: Array, scale: float) -> Array:
    """Give projected points their distance in units of the canonical face, and unproject them."""
    distance = (points[:, 2:] + 1.0) / scale
    return np.hstack([points[:, :2] * distance, -distance])


def _fit(target: Array) -> tuple[float, Array, Array]:
    """Weighted similarity from the canonical face to ``target``: scale, rotation, translation."""
    source_mean, target_mean = _WEIGHTS @ _CANONICAL, _WEIGHTS @ target
    source, centred = _CANONICAL - source_mean, target - target_mean
    covariance = (centred * _WEIGHTS[:, None]).T @ source
    u, s, vt = np.linalg.svd(covariance)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * signs) @ vt
    scale = float(s @ signs / (_WEIGHTS @ (source**2)).sum())
    return scale, rotation, target_mean - scale * rotation @ source_mean
