"""A face bundle for tests that look at a part of one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from detectors.contracts import LANDMARKS, FaceBundle

_BARE = FaceBundle(
    crop=np.zeros((8, 8, 3), np.uint8),
    frame=np.zeros((8, 8, 3), np.uint8),
    box=(0.0, 0.0, 8.0, 8.0),
    crop_origin=(0.0, 0.0),
    crop_scale=1.0,
    frame_size=(8, 8),
    landmarks=np.zeros((LANDMARKS, 3), np.float32),
)


def bundle_with(**fields: Any) -> FaceBundle:
    """A bundle of 8 by 8 black pixels, with ``fields`` in place of its own."""
    return replace(_BARE, **fields)
