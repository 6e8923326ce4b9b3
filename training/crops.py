"""What a network is shown of a picture: the same while it is trained as when it is served.

Where the face is found once, before the first epoch; what is kept of it are the corners of a crop,
as shares of the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Literal

import cv2
import numpy as np
import PIL.Image

from detectors.contracts import FaceBundle
from detectors.deepfake import MIN_CONFIDENCE, MIN_FACE, PADDING, SEARCHED_FRAME, padded
from detectors.face import FaceLocator
from detectors.finders import best_finder
from detectors.liveness import mesh_box
from detectors.minifasnet import inside
from detectors.pixels import Box, Pixels
from models.store import ModelUnavailable
from training.errors import TrainingError

Crop = Literal["liveness", "deepfake", "whole"]

WHOLE: Box = (0.0, 0.0, 1.0, 1.0)

TURNED = (1, 3, 2)
"""Quarter turns counter-clockwise: cameras lie on a side more often than on top."""

RIGHT_EYE, LEFT_EYE = 33, 263
"""Landmarks: the outer corners of the subject's eyes; the right one is left in the picture."""

Cutter = Callable[[Pixels], Box | None]
"""From a picture, uint8 RGB (H, W, 3), to x0, y0, x1, y1 as shares of it; None without a face that
stands upright."""


def cutter(crop: Crop) -> Cutter:
    """What finds the crop in a picture.

    Raises:
        TrainingError: no face detector is on this machine.
    """
    if crop == "whole":
        return lambda pixels: WHOLE
    if crop == "liveness":
        return _by_landmarks()
    try:
        return _by_detector()
    except ModelUnavailable as error:
        raise TrainingError(f"faces cannot be found: {error}") from error


def upright(cut: Cutter, pixels: Pixels) -> tuple[Box | None, int]:
    """Find the crop in a picture, which is turned by quarters until there is one.

    Returns:
        The crop of the turned picture, None without a face, and the quarter turns
        counter-clockwise, 0 to 3.
    """
    if (box := cut(pixels)) is not None:
        return box, 0
    views = {turns: np.ascontiguousarray(np.rot90(pixels, turns)) for turns in TURNED}
    # Landmarks fit some faces that stand on their head; the detector is less sure of those.
    for turns in sorted(views, key=lambda one: -_sureness(views[one])):
        if (box := cut(views[turns])) is not None:
            return box, turns
    return None, 0


def _sureness(pixels: Pixels) -> float:
    """How sure the face detector in MediaPipe's wheel is that a face stands there, 0..1."""
    found = _detector().process(pixels).detections
    return max((float(one.score[0]) for one in found or ()), default=0.0)


@cache
def _detector() -> Any:
    from mediapipe.python.solutions.face_detection import FaceDetection

    return FaceDetection(model_selection=0, min_detection_confidence=0.05)


def _by_landmarks() -> Cutter:
    locator = FaceLocator()
    locator.load()

    def cut(pixels: Pixels) -> Box | None:
        bundle = locator.locate(pixels).bundle
        # Landmarks are found in a face that lies on its side, too.
        if bundle is None or not _stands(bundle):
            return None
        return _shares(bundle.frame, inside(bundle.frame, mesh_box(bundle), 1.0))

    return cut


def _stands(bundle: FaceBundle) -> bool:
    """Whether the line of the eyes is nearer to level than to plumb, and the right way round."""
    across, down = (bundle.in_frame[LEFT_EYE] - bundle.in_frame[RIGHT_EYE])[:2] * (
        bundle.frame.shape[1::-1]
    )
    return bool(across >= abs(down))


def _by_detector() -> Cutter:
    finder = best_finder()

    def cut(pixels: Pixels) -> Box | None:
        faces = finder.find(pixels, MIN_CONFIDENCE, SEARCHED_FRAME)
        face = max(faces, key=lambda one: one.side, default=None)
        if face is None or face.side < MIN_FACE:
            return None
        return _shares(pixels, padded(pixels, face, PADDING))

    return cut


def _shares(whole: Pixels, part: Pixels) -> Box:
    """Where ``part``, a view of ``whole``, lies in it."""
    height, width = whole.shape[:2]
    offset = part.ctypes.data - whole.ctypes.data
    top, rest = divmod(offset, whole.strides[0])
    left = rest // whole.strides[1]
    bottom, right = top + part.shape[0], left + part.shape[1]
    return left / width, top / height, right / width, bottom / height


def cut_out(pixels: Pixels, box: Box) -> Pixels:
    """Cut a crop, whose corners are shares of the picture, out of it; at least a pixel a side."""
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = box
    left, top = min(round(x0 * width), width - 1), min(round(y0 * height), height - 1)
    right, bottom = max(round(x1 * width), left + 1), max(round(y1 * height), top + 1)
    return pixels[top:bottom, left:right]


def resized(crop: Pixels, side: int, how: Crop) -> Pixels:
    """Resize a crop by the filter that the detector uses which asks the network later."""
    if how == "deepfake":
        bicubic = PIL.Image.Resampling.BICUBIC
        return np.asarray(PIL.Image.fromarray(crop).resize((side, side), bicubic), np.uint8)
    return np.asarray(cv2.resize(crop, (side, side)), np.uint8)
