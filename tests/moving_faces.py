"""Faces that move in a known way, for the tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial.transform import Rotation

from detectors.canonical import VERTICES
from detectors.pose import focal_length
from detectors.topology import LEFT_EYE_CONTOUR, RIGHT_EYE_CONTOUR

CANONICAL = np.array([VERTICES.get(index, (0.0, 0.0, 4.0)) for index in range(478)])
"""float64 (478, 3) in cm; points that the project does not know lie inside the head."""

FACE_WIDTH_CM = 15.5


@dataclass
class Frame:
    time: float
    pixels: NDArray[np.uint8]


def posed(
    yaw: float, pitch: float = 0.0, roll: float = 0.0, position: tuple[float, ...] = (0, 0, -50)
) -> NDArray[np.float32]:
    """A head's pose, float32 (4, 4), from angles in degrees and a position in cm."""
    pose = np.eye(4, dtype=np.float32)
    pose[:3, :3] = Rotation.from_euler("YXZ", [yaw, pitch, roll], degrees=True).as_matrix()
    pose[:3, 3] = position
    return pose


def project(
    points: NDArray[np.float64], pose: NDArray[np.float32], frame_size: tuple[int, int]
) -> NDArray[np.float32]:
    """Points of a head as a perfect landmark model would see them: pixels, and relative depth."""
    width, height = frame_size
    seen = points @ pose[:3, :3].T + pose[:3, 3]
    scale = focal_length(height) / -seen[:, 2]
    x = width / 2 + scale * seen[:, 0]
    y = height / 2 - scale * seen[:, 1]
    depth = (seen[:, 2].mean() - seen[:, 2]) * scale.mean()
    return np.stack([x, y, depth], axis=1).astype(np.float32)


def face_depth(landmarks: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """The canonical face's depth at every pixel of an upright photograph, in its pixels."""
    indices = list(VERTICES)
    cm = RBFInterpolator(landmarks[indices, :2], CANONICAL[indices, 2], smoothing=1.0)
    y, x = np.mgrid[0 : shape[0] : 4, 0 : shape[1] : 4]
    sparse = cm(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(x.shape)
    depth = cv2.resize(np.maximum(sparse, -2.0), shape[::-1]).astype(np.float32)
    return (depth - depth.max()) * np.float32(np.ptp(landmarks[:468, 0]) / FACE_WIDTH_CM)


def turned(
    photograph: NDArray[np.uint8],
    depth: NDArray[np.float32],
    centre: tuple[float, float],
    distance: float,
    yaw: float,
) -> NDArray[np.uint8]:
    """Photograph again what ``photograph`` shows, turned by ``yaw`` degrees.

    Args:
        photograph: uint8 (H, W, 3).
        depth: float32 (H, W), relief towards the camera in pixels; zero for a flat print.
        centre: what it turns about, in pixels.
        distance: of the camera in pixels.
        yaw: degrees.
    """
    height, width = depth.shape
    v, u = np.mgrid[0:height, 0:width].astype(np.float32)
    cos, sin = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    x, y = u.copy(), v.copy()
    for _ in range(20):  # invert the projection by fixed-point iteration
        z = cv2.remap(depth, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        across, towards = cos * (x - centre[0]) + sin * z, cos * z - sin * (x - centre[0])
        near = distance / (distance - towards)
        x = (x - (centre[0] + across * near - u)).astype(np.float32)
        y = (y - (centre[1] + (y - centre[1]) * near - v)).astype(np.float32)
    seen = cv2.remap(photograph, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.uint8)


def turning(
    photograph: NDArray[np.uint8],
    depth: NDArray[np.float32],
    landmarks: NDArray[np.float32],
    degrees: float,
    frames: int = 13,
    seconds: float = 1.0,
) -> Iterator[Frame]:
    """A clip in which what ``photograph`` shows turns by ``degrees``, with sensor noise."""
    noise = np.random.default_rng(0)
    centre = tuple(landmarks[:468, :2].mean(axis=0))
    distance = float(np.ptp(landmarks[:468, 0])) * 50 / FACE_WIDTH_CM
    for index in range(frames):
        part = index / (frames - 1)
        seen = turned(photograph, depth, centre, distance, degrees * (part - 0.5))
        noisy = np.clip(seen + noise.normal(0, 2, seen.shape), 0, 255).astype(np.uint8)
        yield Frame(seconds * part, noisy)


def blinking(
    photograph: NDArray[np.uint8],
    landmarks: NDArray[np.float32],
    at: float | None,
    seconds: float = 3.0,
    rate: float = 30.0,
) -> Iterator[Frame]:
    """A clip of a still face that blinks once, with sensor noise.

    Args:
        photograph: uint8 (H, W, 3).
        landmarks: float32 (478, 2 or more) in its pixels.
        at: middle of the 0.3 s for which the lids are closed, in seconds; None for never.
        seconds: length.
        rate: frames a second.
    """
    noise = np.random.default_rng(0)
    for index in range(round(seconds * rate)):
        time = index / rate
        shut = 0.0 if at is None else float(np.clip(2.2 - abs(time - at) / 0.12, 0, 1))
        seen = with_lids(photograph, landmarks, shut)
        noisy = np.clip(seen + noise.normal(0, 2, seen.shape), 0, 255).astype(np.uint8)
        yield Frame(time, noisy)


def with_lids(
    photograph: NDArray[np.uint8], landmarks: NDArray[np.float32], shut: float
) -> NDArray[np.uint8]:
    """Draw the skin above the upper lids down over the eyes; ``shut`` from 0, as they are, to 1."""
    height, width = photograph.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    source = y.copy()
    for contour in (RIGHT_EYE_CONTOUR, LEFT_EYE_CONTOUR):
        edge = landmarks[list(contour), :2]
        rows = []
        for lid in (edge[8:].tolist() + edge[:1].tolist(), edge[:9].tolist()):
            ordered = np.array(sorted(lid))
            rows.append(np.interp(np.arange(width), ordered[:, 0], ordered[:, 1]))
        upper, lower = (row.astype(np.float32)[None] for row in rows)
        top = upper - 2 * np.float32(np.ptp(edge[:, 1]))
        lid_now = upper + shut * (lower - upper)
        between = (x >= edge[:, 0].min()) & (x <= edge[:, 0].max())
        above = between & (y > top) & (y <= lid_now)
        stretched = top + (y - top) * (upper - top) / np.maximum(lid_now - top, 1e-3)
        source = np.where(above, stretched, source)
    seen = cv2.remap(photograph, x, source, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.uint8)
