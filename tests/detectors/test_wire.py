from __future__ import annotations

import numpy as np
from mediapipe.framework.formats.landmark_pb2 import NormalizedLandmarkList

from detectors.wire import packed, unpacked


def test_bytes_are_those_of_the_message():
    points = np.random.default_rng(0).normal(0, 300, (478, 3)).astype(np.float32)
    points[0] = 0  # a zero is written too
    message = NormalizedLandmarkList(
        landmark=[{"x": x, "y": y, "z": z} for x, y, z in points.tolist()]
    )
    assert packed(points) == message.SerializeToString()
    np.testing.assert_array_equal(unpacked(message), points)
    assert unpacked(message).dtype == np.float32


def test_no_points():
    assert unpacked(NormalizedLandmarkList()).shape == (0, 3)
    assert packed(np.empty((0, 3), np.float32)) == b""
