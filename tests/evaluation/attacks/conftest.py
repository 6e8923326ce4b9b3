"""One public-domain face: as a picture, and as clips in which it turns or blinks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from moving_faces import blinking, face_depth, turning

from detectors.landmarks import MeshLandmarker
from evaluation.attacks import Portrait, Recording
from media.clips import Frame

SIDE = 480


@pytest.fixture(scope="session")
def landmarked(astronaut):
    """A face 210 px wide with room around it, and its landmarks, float32 (478, 3)."""
    pixels = cv2.resize(astronaut[30:240, 115:325], (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    pixels = np.ascontiguousarray(pixels)
    pixels.setflags(write=False)
    return pixels, MeshLandmarker().find(pixels)[0].landmarks


@pytest.fixture(scope="session")
def portrait(landmarked):
    pixels, landmarks = landmarked
    return Portrait(pixels, landmarks[:, :2])


@pytest.fixture(scope="session")
def head_turning(landmarked):
    """A head with the relief of a face, turning by 16 degrees."""
    pixels, landmarks = landmarked
    depth = face_depth(landmarks, pixels.shape[:2])
    return filmed(turning(pixels, depth, landmarks, 16))


@pytest.fixture(scope="session")
def face_blinking(landmarked):
    """A still face that blinks once in three seconds."""
    return filmed(blinking(*landmarked, at=1.3))


@pytest.fixture(scope="session")
def recording(face_blinking, portrait):
    return Recording(face_blinking, portrait.points)


def filmed(frames):
    """Frames at the uneven times of a camera: by the seed, 2 ms more or less."""
    rng = np.random.default_rng(0)
    return tuple(Frame(f.time + 0.002 * float(rng.random()), f.pixels) for f in frames)
