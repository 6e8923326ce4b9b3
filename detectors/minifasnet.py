"""MiniFASNet: small networks that tell a live face from a picture of one, each at its own crop.

Two families were published with different preparations and, above all, different orders of their
classes:

- Silent-Face-Anti-Spoofing (Minivision AI, 2020): V2 and V1SE, 80×80, BGR 0..255, class 1 is live.
  The crop keeps the shape of the face's box; where it would leave the image it is moved, and
  shrunk if need be.
- face-antispoof-onnx (J. R. Olazo, 2025): V2-SE, 128×128, RGB 0..1, class 0 is live. The crop is a
  square, and what lies outside of the image is reflected.

Both mean the box of a face *detector*, as annotated in WIDER FACE.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.pixels import Box, Pixels
from models import onnx

if TYPE_CHECKING:
    import onnxruntime as ort


@dataclass(frozen=True, slots=True)
class Family:
    """How networks of one origin want their input, and what they answer.

    Attributes:
        side: pixels of the square input.
        classes: of the output.
        live: the class of live faces.
        cut: cuts a box, scaled about its centre, out of an image.
        prepare: turns a crop into float32 (side, side, 3).
    """

    side: int
    classes: int
    live: int
    cut: Callable[[Pixels, Box, float], Pixels]
    prepare: Callable[[Pixels], NDArray[np.float32]]

    def log_odds(self, session: ort.InferenceSession, pixels: Pixels, box: Box, k: float) -> float:
        """Log-odds of a live face: log P(live) - log(1 - P(live)) of the softmax.

        Args:
            session: of one of the networks.
            pixels: uint8 RGB (H, W, 3).
            box: of the face in ``pixels``.
            k: side of the crop in sides of the box.
        """
        prepared = self.prepare(self.cut(pixels, box, k))
        batch = np.ascontiguousarray(prepared.transpose(2, 0, 1)[None])
        (answers,) = session.run(["output"], {"input": batch})
        logits = np.asarray(answers, np.float64).ravel()
        return float(logits[self.live] - np.logaddexp.reduce(np.delete(logits, self.live)))

    def check(self, session: ort.InferenceSession) -> None:
        """Make sure that an opened file is one of this family.

        Raises:
            ModelUnavailable: its inputs or outputs are others.
        """
        onnx.check(session, {"input": (1, 3, self.side, self.side)}, ("output",))


def inside(pixels: Pixels, box: Box, scale: float) -> Pixels:
    """Cut out a scaled box, moved and shrunk so that it stays inside of the image.

    Args:
        pixels: uint8 RGB (H, W, 3).
        box: in pixels; its centre inside of the image.
        scale: sides of the crop in sides of the box, at most.

    Returns:
        uint8 RGB (h, w, 3), of the shape of the box up to rounding.
    """
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = box
    scale = min((height - 1) / (y1 - y0), (width - 1) / (x1 - x0), scale)
    half_w, half_h = (x1 - x0) * scale / 2, (y1 - y0) * scale / 2
    x = float(np.clip((x0 + x1) / 2, half_w, width - 1 - half_w))
    y = float(np.clip((y0 + y1) / 2, half_h, height - 1 - half_h))
    left, top = max(int(x - half_w), 0), max(int(y - half_h), 0)
    return pixels[top : int(y + half_h) + 1, left : int(x + half_w) + 1]


def square(pixels: Pixels, box: Box, scale: float) -> Pixels:
    """Cut out a square about the centre of a box, reflecting the image beyond its borders.

    Args:
        pixels: uint8 RGB (H, W, 3).
        box: in pixels; its centre inside of the image.
        scale: side of the square in longer sides of the box.
    """
    x0, y0, x1, y1 = box
    height, width = pixels.shape[:2]
    side = int(max(x1 - x0, y1 - y0) * scale)
    left, top = int((x0 + x1 - side) / 2), int((y0 + y1 - side) / 2)
    part = pixels[max(top, 0) : top + side, max(left, 0) : left + side]
    beyond = (
        max(-top, 0),
        max(top + side - height, 0),
        max(-left, 0),
        max(left + side - width, 0),
    )
    return np.asarray(cv2.copyMakeBorder(part, *beyond, cv2.BORDER_REFLECT_101), np.uint8)


def bgr(crop: Pixels) -> NDArray[np.float32]:
    """BGR 0..255, float32 (80, 80, 3)."""
    resized = np.asarray(cv2.resize(crop, (80, 80)), np.float32)
    return resized[..., ::-1]


def rgb(crop: Pixels) -> NDArray[np.float32]:
    """RGB 0..1, float32 (128, 128, 3); the publisher's filters for shrinking and for growing."""
    way = cv2.INTER_AREA if len(crop) > 128 else cv2.INTER_LANCZOS4
    resized = np.asarray(cv2.resize(crop, (128, 128), interpolation=way), np.float32)
    return resized / np.float32(255)


SILENT_FACE = Family(80, 3, 1, inside, bgr)
CELEBA_SPOOF = Family(128, 2, 0, square, rgb)


@dataclass(frozen=True, slots=True)
class Member:
    """One network at one crop.

    Attributes:
        model: its name in ``models/manifest.toml``.
        family: how it is asked.
        scale: side of the crop in sides of the box.
    """

    model: str
    family: Family
    scale: float


MEMBERS: Mapping[str, Member] = MappingProxyType(
    {
        "v2_1_5": Member("minifasnet_v2", SILENT_FACE, 1.5),
        "v2_2_7": Member("minifasnet_v2", SILENT_FACE, 2.7),
        "v1se_4_0": Member("minifasnet_v1se", SILENT_FACE, 4.0),
        "v2se_1_5": Member("minifasnet_v2se", CELEBA_SPOOF, 1.5),
        "v2se_2_0": Member("minifasnet_v2se", CELEBA_SPOOF, 2.0),
    }
)
"""The ensemble, by the names of its measures. The reference pair is ``v2_2_7`` and ``v1se_4_0``:
the crops that they were trained on. The others are looked at because it helps (docs/LIVENESS.md).
"""
