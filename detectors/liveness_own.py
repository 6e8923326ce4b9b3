"""An operator's own liveness model, which answers in place of the ensemble.

An ONNX file with one logit, that of a spoof: of the kind that the eKYC reference trains
(MobileNetV3), or of what ``palisade train`` makes, which may look at several pictures of one
presentation together, as four of the liveness classifier's five variants do.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.pixels import Pixels, imagenet
from models import onnx, own
from models.store import ModelUnavailable

OWN_MODEL = "PALISADE_LIVENESS_MODEL"
"""Environment variable with the path of a model, or with the name of one in the model store."""

INPUT = "input"

MOST_IMAGES = 16
MOST_SIDE = 1024
"""Larger inputs are no liveness model, and could take all memory."""


def own_model() -> Path | None:
    """The file that ``PALISADE_LIVENESS_MODEL`` means, if it is set.

    Raises:
        ModelUnavailable: it names a model of the store that is damaged.
    """
    setting = os.environ.get(OWN_MODEL)
    return own.named(setting) if setting else None


def evenly(count: int, wanted: int) -> list[int]:
    """Choose ``wanted`` of ``count`` places, from the first to the last.

    Where there are fewer, all, and the first again: the padding rule of the liveness classifier.
    """
    if count < wanted:
        return [*range(count), *[0] * (wanted - count)]
    return [int(at) for at in np.linspace(0, count - 1, wanted).round()]


class OwnModel:
    """A model that was opened and checked; safe to call from several threads.

    Args:
        path: of the file. Its input ``input`` is float32 (N, 3, side, side), RGB with ImageNet's
            mean and standard deviation, or (N, images, 3, side, side); its one output is a logit.

    Attributes:
        images: how many pictures it looks at together.
        side: of each, in pixels.

    Raises:
        ModelUnavailable: it is not there, or is another model.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise ModelUnavailable("weights_missing", f"{OWN_MODEL}: there is no file {path}")
        self._session = onnx.session(path)
        self.images, self.side = _form(onnx.inputs_of(self._session), path)
        try:
            self.log_odds([np.zeros((self.side, self.side, 3), np.uint8)])
        except ValueError as error:  # several outputs, or several numbers in one
            raise ModelUnavailable(
                "weights_interface", f"{path}: expected one output with one logit"
            ) from error

    def log_odds(self, crops: Sequence[Pixels]) -> float:
        """Log-odds of a live face in pictures of one presentation.

        Args:
            crops: uint8 RGB (H, W, 3), at least one; the first is repeated where the model looks
                at more.
        """
        chosen = [crops[at] for at in evenly(len(crops), self.images)]
        pixels = np.concatenate([self._prepared(crop) for crop in chosen])
        (logit,) = self._session.run(None, {INPUT: pixels if self.images == 1 else pixels[None]})
        return -float(np.asarray(logit, np.float64).reshape(()))

    def _prepared(self, crop: Pixels) -> NDArray[np.float32]:
        """float32 (1, 3, side, side)."""
        resized = np.asarray(cv2.resize(crop, (self.side, self.side)), np.float32)
        return imagenet(resized / np.float32(255))


def _form(inputs: onnx.Shapes, path: Path) -> tuple[int, int]:
    """How many pictures of which side a model takes."""
    match list(inputs.get(INPUT, ())), len(inputs):
        case [_, 3, int(side), int(other)], 1 if side == other <= MOST_SIDE:
            return 1, side
        case [_, int(images), 3, int(side), int(other)], 1 if (
            side == other <= MOST_SIDE and 1 < images <= MOST_IMAGES
        ):
            return images, side
    raise ModelUnavailable(
        "weights_interface",
        f"{path}: expected one input {INPUT!r} of (N, 3, side, side) or (N, images, 3, side, side) "
        f"with fixed sides, the model has {dict(inputs)}",
    )
