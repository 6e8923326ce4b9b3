"""RetinaFace as ONNX: what its anchors answer, as boxes.

Deng et al., "RetinaFace", 2020; anchors, variances and the order of outputs are those of
biubug6/Pytorch_Retinaface.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.pixels import Box, Pixels

if TYPE_CHECKING:
    import onnxruntime as ort

MEAN_BGR = np.array([104, 117, 123], np.float32)
STEPS = (8, 16, 32)
SIDES = ((16, 32), (64, 128), (256, 512))
"""Pixels between the anchors of each level, and the sides of the two at each place."""

CENTRE_VARIANCE, SIDE_VARIANCE = 0.1, 0.2
OVERLAP = 0.4
"""Of boxes of one face: intersection over union from which only the surest stays."""


def detect(session: ort.InferenceSession, pixels: Pixels, least: float) -> list[tuple[Box, float]]:
    """Find the faces in an image.

    Args:
        session: of the exported network.
        pixels: uint8 RGB (H, W, 3).
        least: confidence, 0..1.

    Returns:
        Boxes in pixels of the image, each with its confidence, the surest first.
    """
    height, width = pixels.shape[:2]
    blob = (pixels[..., ::-1].astype(np.float32) - MEAN_BGR).transpose(2, 0, 1)[None]
    boxes, confidences = session.run(
        ["boxes", "confidences"], {"pixels": np.ascontiguousarray(blob)}
    )
    return decoded(boxes[0], confidences[0][:, 1], (width, height), least)


def decoded(
    offsets: NDArray[np.float32],
    confidences: NDArray[np.float32],
    size: tuple[int, int],
    least: float,
) -> list[tuple[Box, float]]:
    """Turn answers at anchors into boxes, one for each face.

    Args:
        offsets: (A, 4), of centre and sides, relative to each anchor.
        confidences: (A,) of a face.
        size: width and height of the image in pixels.
        least: confidence.
    """
    sure = np.flatnonzero(confidences >= least)
    anchor, offset = anchors(size)[sure], offsets[sure].astype(np.float64)
    centres = anchor[:, :2] + offset[:, :2] * CENTRE_VARIANCE * anchor[:, 2:]
    sides = anchor[:, 2:] * np.exp(offset[:, 2:] * SIDE_VARIANCE)
    corners = np.hstack([centres - sides / 2, sides])
    kept = cv2.dnn.NMSBoxes(
        corners.tolist(), confidences[sure].astype(float).tolist(), least, OVERLAP
    )
    return [
        ((x, y, x + w, y + h), float(confidences[sure[at]]))
        for at in np.asarray(kept, np.intp).ravel()
        for x, y, w, h in [corners[at].tolist()]
    ]


@lru_cache(maxsize=8)
def anchors(size: tuple[int, int]) -> NDArray[np.float64]:
    """Anchors in an image of ``size`` width and height: (A, 4), centre and sides in pixels."""
    width, height = size
    levels = []
    for step, sides in zip(STEPS, SIDES, strict=True):
        rows, columns = math.ceil(height / step), math.ceil(width / step)
        y, x, side = np.meshgrid(
            (np.arange(rows) + 0.5) * step,
            (np.arange(columns) + 0.5) * step,
            np.array(sides, np.float64),
            indexing="ij",
        )
        levels.append(np.stack([x, y, side, side], -1).reshape(-1, 4))
    made: NDArray[np.float64] = np.concatenate(levels)
    made.setflags(write=False)
    return made
