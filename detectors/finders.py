"""Which faces are in a picture, by a detector that says how sure it is.

The deepfake network was trained on crops by RetinaFace. Three ways lead to such a crop, and the
first that is on this machine is taken: the ``retina-face`` package with its weights, a RetinaFace
that was exported to ONNX, and YuNet, which is small and fetched with the other models.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from detectors import retinaface
from detectors.pixels import Box, Pixels, shrink
from models import onnx, own, store
from models.retinaface import INPUT, OUTPUTS
from models.retinaface import NAME as RETINAFACE
from models.store import ModelUnavailable

log = logging.getLogger(__name__)

YUNET = "yunet"


@dataclass(frozen=True, slots=True)
class Sighting:
    """A face that was found.

    Attributes:
        box: x0, y0, x1, y1 in pixels of the picture; may reach beyond it.
        confidence: 0..1, as the detector has it.
    """

    box: Box
    confidence: float

    @property
    def side(self) -> float:
        """Shorter side of the box in pixels."""
        x0, y0, x1, y1 = self.box
        return min(x1 - x0, y1 - y0)


class Finder(Protocol):
    """Finds faces; safe to call from several threads.

    Attributes:
        name: which detector it is.
        digest: SHA-256 of its weights.
    """

    name: str
    digest: str

    def find(self, pixels: Pixels, least: float, side: int) -> list[Sighting]:
        """Find the faces in a picture.

        Args:
            pixels: uint8 RGB (H, W, 3).
            least: confidence, 0..1.
            side: longest side, in pixels, of the picture that is searched.
        """


class RetinaFacePackage:
    """The ``retina-face`` package, as the reference uses it.

    Raises:
        ModelUnavailable: it, or its weights, are not here; it is never let to download them.
    """

    name = "retina-face"

    def __init__(self) -> None:
        # Where the package looks for them.
        home = Path(os.environ.get("DEEPFACE_HOME") or Path.home())
        weights = home / ".deepface" / "weights" / "retinaface.onnx"
        if importlib.util.find_spec("retinaface") is None or not weights.is_file():
            raise ModelUnavailable(
                "weights_missing", f"the package retina-face or its weights, {weights}, are missing"
            )
        # Or it takes TensorFlow or torch, where there is one, and other weights.
        os.environ.setdefault("DEEPFACE_BACKEND_ENGINE", "onnx")
        try:
            with warnings.catch_warnings():  # it silences every warning of the process
                package: Any = importlib.import_module("retinaface.RetinaFace")
            package.build_model()
        except Exception as error:  # a package or a part of it is missing, or the weights are bad
            raise ModelUnavailable(
                "weights_unreadable", f"retina-face cannot be used: {type(error).__name__}"
            ) from error
        self._detect: Callable[..., dict[str, Any]] = package.detect_faces
        self.digest = store.sha256(weights)

    def find(self, pixels: Pixels, least: float, side: int) -> list[Sighting]:
        """Find the faces in a picture."""
        small, scale = shrink(pixels, side)
        bgr = np.ascontiguousarray(small[..., ::-1])
        found = self._detect(bgr, threshold=least, allow_upscaling=False)
        return [
            _sighting([float(value) for value in face["facial_area"]], face["score"], scale)
            for face in found.values()
        ]


class RetinaFaceOnnx:
    """A RetinaFace of the operator's own: see :mod:`models.retinaface`.

    Raises:
        ModelUnavailable: there is none, or its file is another model's.
    """

    name = RETINAFACE

    def __init__(self) -> None:
        found = own.find(RETINAFACE)
        self._session = onnx.session(found.path)
        onnx.check(self._session, {INPUT: (1, 3, 160, 160)}, OUTPUTS)
        self.digest = found.card.sha256

    def find(self, pixels: Pixels, least: float, side: int) -> list[Sighting]:
        """Find the faces in a picture."""
        small, scale = shrink(pixels, side)
        found = retinaface.detect(self._session, small, least)
        return [_sighting(box, confidence, scale) for box, confidence in found]


class YuNet:
    """YuNet (Wu, Peng and Yu, 2023) through OpenCV.

    Raises:
        ModelUnavailable: its file is not here.
    """

    name = YUNET

    def __init__(self) -> None:
        path = store.find(YUNET)
        self._net = cv2.FaceDetectorYN.create(str(path), "", (64, 64))
        self._one_at_a_time = threading.Lock()
        self.digest = store.digest(YUNET)

    def find(self, pixels: Pixels, least: float, side: int) -> list[Sighting]:
        """Find the faces in a picture."""
        small, scale = shrink(pixels, side)
        bgr = np.ascontiguousarray(small[..., ::-1])
        with self._one_at_a_time:
            self._net.setInputSize((bgr.shape[1], bgr.shape[0]))
            self._net.setScoreThreshold(least)
            _, faces = self._net.detect(bgr)
        return [
            _sighting([x, y, x + w, y + h], row[-1], scale)
            for row in ([] if faces is None else faces.astype(float))
            for x, y, w, h in [row[:4]]
        ]


def best_finder() -> Finder:
    """The first of the three that is here.

    Raises:
        ModelUnavailable: none is; the message says how to get YuNet.
    """
    for kind in (RetinaFacePackage, RetinaFaceOnnx):
        try:
            return kind()
        except ModelUnavailable as missing:
            log.info("faces are not found by %s: %s", kind.name, missing)
    return YuNet()


def _sighting(box: Any, confidence: float, scale: float) -> Sighting:
    x0, y0, x1, y1 = (float(value) / scale for value in box)
    return Sighting((x0, y0, x1, y1), float(confidence))
