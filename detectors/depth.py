"""Relief of the face in a depth map estimated from one photograph.

The network is Depth Anything V2 Small (Yang et al., NeurIPS 2024), run as ONNX.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.contracts import (
    Detector,
    FaceBundle,
    Measurement,
    Measures,
    Score,
    Status,
    band,
    ramp,
)
from detectors.pictures import MAX_SIDE, RED, Image, Picture
from detectors.pixels import Pixels, imagenet
from models import onnx, store

if TYPE_CHECKING:
    import onnxruntime as ort

MODEL = "depth_anything_v2_small"
SIDE = 518

GRID = 64
"""Cells per side of the grid that a face's depth is resampled to, so that no measure depends on
how many pixels the face has."""

_CENTRED = (np.arange(GRID) + 0.5) / GRID - 0.5
ELLIPSE = np.hypot(_CENTRED[:, None], _CENTRED) <= 0.5
"""The grid's cells inside the ellipse that touches the sides of the box: the face without the hair
and background in the corners."""

MIN_FACE = 32
"""Smallest side of the face in the depth map, in its pixels: below it the network, which works in
patches of 14, resolves no nose."""

ROUNDING = 1e-5
"""Relative variation of a float32 depth map that is rounding, not depth."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class DepthMapping:
    """From the measures of :class:`Depth` to a score; the reference's values.

    The reference leaves the use of ``gradient_std`` open ("real: smooth gradients, screen: too
    uniform"). Here it must be neither too small nor too large. The lower ends follow from the
    reference's own ranges: a paraboloid of depth range r over the face box has a gradient_std of
    0.47 r, so r = .05 gives .024 and r = .15 gives .07 (and, as it happens, a protrusion of
    .05). The upper ends lie above the most domed smooth face (0.47 at r = 1); only a depth map
    torn by edges or noise inside the face exceeds them. Not yet tuned on real depth maps.

    Attributes:
        depth_range: of a flat face, scoring 0, and of a real one, scoring 1.
        protrusion: of the nose of a flat face, scoring 0, and of a real one, scoring 1.
        gradient_std: of a relief too uniform, smooth, still smooth, and too rough: scoring 0, 1,
            1 and 0.
        range_weight, protrusion_weight, smoothness_weight: of the components.
    """

    depth_range: tuple[float, float] = (0.05, 0.15)
    protrusion: tuple[float, float] = (0.0, 0.05)
    gradient_std: tuple[float, float, float, float] = (0.024, 0.07, 1.5, 3.0)
    range_weight: float = 0.40
    protrusion_weight: float = 0.35
    smoothness_weight: float = 0.25


class Depth(Detector[DepthMapping]):
    """A flat print or screen has no relief where a face has a nose, cheeks and ears.

    The network gives disparity (near is high) without scale or offset. It is normalised to 0..1
    over the *whole frame* by its least and greatest value: over the face alone, the range would be
    1 on any face. Percentiles would be steadier against single wild pixels, but the network's
    output is smooth, and they would cut off the nose, the very nearest thing in a selfie. In this
    normalisation a head 50 cm from the camera, 10 cm deep, before a wall at 3 m spans about 0.2.

    A monocular network infers relief from appearance, and sees it in a flat print as well: this
    signal supports, the parallax between two views decides.

    Measures:
        depth_range: greatest minus least depth in the bounding box of the landmarks, 0..1.
        nose_protrusion: mean depth of the centre fifth of that box minus that of its outer
            fifths, over the middle half of its height, which keeps hair and background in the
            corners out; -1..1.
        gradient_std: standard deviation of the magnitude of the depth gradient inside the ellipse
            that fills the box, in depth per side of the box; at least 0.
        frame_disparity_span: greatest minus least disparity of the frame, in the network's
            arbitrary unit; greater than 0.
        face_share: area of the box as a share of the frame's, 0..1.

    Args:
        weights: an ONNX file to use instead of the store's.
    """

    name = "depth"
    needs = ("frame", "landmarks")
    mapping = DepthMapping

    def __init__(self, weights: Path | None = None) -> None:
        self._weights = weights
        self._session: ort.InferenceSession | None = None
        self._digest: str | None = None

    def load(self) -> None:
        """Open the network.

        Raises:
            ModelUnavailable: its weights or the runtime are missing, or the file is another model.
        """
        path = self._weights or store.find(MODEL)
        session = onnx.session(path)
        onnx.check(session, {"pixel_values": (1, 3, SIDE, SIDE)}, ("predicted_depth",))
        self._session, self._digest = session, store.sha256(path)

    def measure(self, bundle: FaceBundle) -> Measurement:
        """Estimate the depth of the whole frame and measure the face in it."""
        box = face_box(bundle, SIDE)
        if min(box[2] - box[0], box[3] - box[1]) < MIN_FACE:
            return Measurement(status=Status.ABSTAINED, reasons=("face_too_small",))
        disparity = self.disparity(bundle.frame)
        depth = normalised(disparity)
        if depth is None:
            return Measurement(
                status=Status.ABSTAINED, reasons=("no_depth_in_frame",), model=self._digest
            )
        span = float(np.ptp(disparity))
        measures = depth_measures(depth, box)
        return Measurement(measures | {"frame_disparity_span": span}, model=self._digest)

    def pictures(self, bundle: FaceBundle) -> Sequence[Picture]:
        """Draw the depth of the whole frame, and the box of the face in it."""
        depth = normalised(self.disparity(bundle.frame))
        if depth is None:
            return ()
        pixels = _draw(depth, face_box(bundle, SIDE), bundle.frame_size)
        title = (
            "Distance guessed from the one photograph, near in yellow and far in violet: in the "
            "box, a nose stands out of a face"
        )
        return (Image("depth_map", title, pixels),)

    def disparity(self, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the network.

        Args:
            frame: uint8 RGB (H, W, 3).

        Returns:
            float32 (518, 518) over the whole frame, near is high, arbitrary scale and offset.

        Raises:
            RuntimeError: :meth:`load` was not called.
        """
        if self._session is None:
            raise RuntimeError("Depth.load() must be called first")
        scaled = frame.astype(np.float32) / np.float32(255)
        resized = np.asarray(
            cv2.resize(scaled, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), np.float32
        )
        pixels = imagenet(resized)
        (depth,) = self._session.run(["predicted_depth"], {"pixel_values": pixels})
        return np.asarray(depth, np.float32).reshape(SIDE, SIDE)

    @staticmethod
    def score(measures: Measures, mapping: DepthMapping) -> Score:
        """Weigh depth range, nose protrusion and smoothness of the relief."""
        relief = ramp(measures["depth_range"], *mapping.depth_range)
        protrusion = ramp(measures["nose_protrusion"], *mapping.protrusion)
        smoothness = band(measures["gradient_std"], mapping.gradient_std)
        return Score.weighted(
            {
                "range": (relief, mapping.range_weight),
                "protrusion": (protrusion, mapping.protrusion_weight),
                "smoothness": (smoothness, mapping.smoothness_weight),
            },
            ("flat_face",) if relief == 0.0 else (),
        )


def normalised(disparity: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Bring a frame's disparity to 0..1, near is high; None where it is the same all over."""
    span = float(np.ptp(disparity))
    if span <= ROUNDING * float(np.abs(disparity).max()):
        return None
    return np.asarray((disparity - disparity.min()) / span, np.float32)


def _draw(depth: NDArray[np.float32], box: Box, frame_size: tuple[int, int]) -> Pixels:
    """Draw depth 0..1 of a square map, uint8 RGB in the shape of the frame; ``box`` in red."""
    scale = MAX_SIDE / max(frame_size)
    width, height = (max(round(side * scale), 1) for side in frame_size)
    levels = np.rint(cv2.resize(depth, (width, height)) * 255).astype(np.uint8)
    drawn = np.asarray(
        cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB), np.uint8
    )
    x0, y0, x1, y1 = np.rint(np.array(box) / SIDE * (width, height, width, height)).astype(int)
    cv2.rectangle(drawn, (int(x0), int(y0)), (int(x1), int(y1)), RED, 2)
    return drawn


def face_box(bundle: FaceBundle, side: int) -> Box:
    """Bounding box of the landmarks in a square map of the whole frame, cut off at its borders.

    Args:
        bundle: holds ``landmarks`` in crop pixels and the geometry of crop and frame.
        side: pixels per side of the map.

    Returns:
        x0, y0, x1, y1 in pixels of the map.
    """
    points = np.clip(bundle.in_frame, 0.0, 1.0) * side
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)


def depth_measures(depth: NDArray[np.float32], box: Box) -> dict[str, float]:
    """Measure the relief of a face.

    Args:
        depth: float32 (H, W) over the whole frame, normalised to 0..1, near is high.
        box: x0, y0, x1, y1 of the face in pixels of ``depth``, at least one pixel each way.

    Returns:
        ``depth_range``, ``nose_protrusion``, ``gradient_std`` and ``face_share``; see
        :class:`Depth`.
    """
    x0, y0 = int(np.floor(box[0])), int(np.floor(box[1]))
    x1, y1 = int(np.ceil(box[2])), int(np.ceil(box[3]))
    face = depth[y0:y1, x0:x1]
    grid = cv2.resize(face, (GRID, GRID), interpolation=cv2.INTER_AREA)
    rows = grid[GRID // 4 : -GRID // 4]
    fifth = GRID // 5
    middle = (GRID - fifth) // 2
    centre = rows[:, middle : GRID - middle].mean()
    edges = (rows[:, :fifth].mean() + rows[:, -fifth:].mean()) / 2
    along_y, along_x = np.gradient(grid, 1 / GRID)
    return {
        "depth_range": float(np.ptp(face)),
        "nose_protrusion": float(centre - edges),
        "gradient_std": float(np.hypot(along_x, along_y)[ELLIPSE].std()),
        "face_share": face.size / depth.size,
    }
