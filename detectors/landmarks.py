"""Landmarks with MediaPipe: of still images, and tracked through the frames of a clip.

Two models give the same 478 points. The Tasks FaceLandmarker brings MediaPipe's own blendshapes
but needs a file that must be fetched; FaceMesh is part of the mediapipe wheel, and a small network
that was distilled from that of the Tasks model is part of this package, so landmarks and
blendshapes always work.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.contracts import LANDMARKS
from detectors.distilled import shipped
from detectors.expression import BlendshapeNetwork
from detectors.pixels import Box, Pixels
from detectors.topology import MESH_POINTS
from detectors.wire import unpacked
from models.store import ModelUnavailable, digest, find

log = logging.getLogger(__name__)

TASK = "face_landmarker"

_SETTLING = 3


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face of one image.

    Attributes:
        landmarks: float32 (478, 3) in pixels of that image, z in the same scale.
        blendshapes: float32 (52,) in MediaPipe's order, or None.
    """

    landmarks: NDArray[np.float32]
    blendshapes: NDArray[np.float32] | None = None

    @property
    def box(self) -> Box:
        """x0, y0, x1, y1 of the mesh, from the hairline to the chin; may leave the image."""
        return bounding_box(self.landmarks)


class Landmarker(Protocol):
    """Finds the faces of still images; safe to call from several threads.

    Attributes:
        model: SHA-256 of the weights that its blendshapes come from, or None.
    """

    model: str | None

    def find(self, pixels: Pixels) -> list[Face]:
        """Find the faces in a uint8 RGB image (H, W, 3)."""

    def blendshapes(self, landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Blendshapes, float32 (52,), of a face whose landmarks (478, 3), in pixels, are known."""


def load_landmarker(max_faces: int = 4) -> Landmarker:
    """Load the Tasks model where its file is on this machine, else the one in the wheel."""
    try:
        return TasksLandmarker(str(find(TASK)), digest(TASK), max_faces)
    except ModelUnavailable as missing:
        log.info("distilled blendshapes: %s", missing)
        return MeshLandmarker(max_faces)


class TasksLandmarker:
    """MediaPipe Tasks' FaceLandmarker; it is thread-safe by itself.

    Args:
        path: ``face_landmarker.task``.
        model: its SHA-256, for the record.
        max_faces: how many faces to look for.
    """

    def __init__(self, path: str, model: str | None = None, max_faces: int = 4) -> None:
        import mediapipe
        from mediapipe.tasks.python import vision
        from mediapipe.tasks.python.core.base_options import BaseOptions

        self.model = model
        self._network = BlendshapeNetwork(path)
        self._image: Any = mediapipe.Image
        self._rgb = mediapipe.ImageFormat.SRGB
        self._landmarker: Any = vision.FaceLandmarker.create_from_options(
            vision.FaceLandmarkerOptions(
                base_options=BaseOptions(model_asset_path=path),
                num_faces=max_faces,
                output_face_blendshapes=True,
            )
        )

    def find(self, pixels: Pixels) -> list[Face]:
        """Find the faces in a uint8 RGB image (H, W, 3)."""
        image = self._image(image_format=self._rgb, data=np.ascontiguousarray(pixels))
        result = self._landmarker.detect(image)
        return [
            Face(
                _in_pixels([(point.x, point.y, point.z) for point in points], pixels),
                np.array([category.score for category in shapes], dtype=np.float32),
            )
            for points, shapes in zip(result.face_landmarks, result.face_blendshapes, strict=True)
        ]

    def blendshapes(self, landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Blendshapes, float32 (52,), of a face whose landmarks (478, 3) are known."""
        return self._network.coefficients(landmarks)


class MeshLandmarker:
    """The wheel's FaceMesh with iris refinement, and the blendshapes of the distilled network.

    Args:
        max_faces: how many faces to look for.
    """

    def __init__(self, max_faces: int = 4) -> None:
        from mediapipe.python.solutions.face_mesh import FaceMesh

        self._network = shipped()
        self.model = self._network.sha256
        self._meshes = _Pool(
            lambda: FaceMesh(static_image_mode=True, max_num_faces=max_faces, refine_landmarks=True)
        )

    def find(self, pixels: Pixels) -> list[Face]:
        """Find the faces in a uint8 RGB image (H, W, 3)."""
        with self._meshes.borrow() as mesh:
            found = mesh.process(np.ascontiguousarray(pixels)).multi_face_landmarks
        faces = [_in_pixels(unpacked(face), pixels) for face in found or ()]
        return [Face(landmarks, self.blendshapes(landmarks)) for landmarks in faces]

    def blendshapes(self, landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Blendshapes, float32 (52,), of a face whose landmarks (478, 3) are known."""
        return self._network.coefficients(landmarks)


class FullRangeDetector:
    """The wheel's full-range face detector, for faces that fill little of the image."""

    def __init__(self, confidence: float = 0.5) -> None:
        from mediapipe.python.solutions.face_detection import FaceDetection

        self._detectors = _Pool(
            lambda: FaceDetection(model_selection=1, min_detection_confidence=confidence)
        )

    def find(self, pixels: Pixels) -> list[Box]:
        """Find the boxes x0, y0, x1, y1 of faces in a uint8 RGB image, in its pixels."""
        height, width = pixels.shape[:2]
        with self._detectors.borrow() as detector:
            found = detector.process(np.ascontiguousarray(pixels)).detections
        boxes = [detection.location_data.relative_bounding_box for detection in found or ()]
        return [
            (
                box.xmin * width,
                box.ymin * height,
                (box.xmin + box.width) * width,
                (box.ymin + box.height) * height,
            )
            for box in boxes
        ]


class Tracker:
    """FaceMesh following one face from frame to frame, which spares the detection.

    A context manager; each belongs to one clip and one thread.

    Args:
        irises: refine lids, lips and irises, for half as much time again; without it the rows of
            the irises are NaN.
    """

    def __init__(self, irises: bool = True) -> None:
        from mediapipe.python.solutions.face_mesh import FaceMesh

        self._mesh: Any = FaceMesh(refine_landmarks=irises)
        self._tracking = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._mesh.close()

    def follow(self, pixels: Pixels) -> NDArray[np.float32] | None:
        """Return the landmarks, float32 (478, 3) in pixels, in the next frame, or None."""
        pixels = np.ascontiguousarray(pixels)
        found = self._mesh.process(pixels).multi_face_landmarks
        if found and not self._tracking:
            # The first landmarks come from a coarser box than the next ones, which would show
            # as a jump of the traces: look at the same frame until they have settled.
            for _ in range(_SETTLING):
                found = self._mesh.process(pixels).multi_face_landmarks
        self._tracking = bool(found)
        return _in_pixels(unpacked(found[0]), pixels) if found else None


def bounding_box(landmarks: NDArray[np.float32]) -> Box:
    """x0, y0, x1, y1 around the points of the mesh."""
    x0, y0 = landmarks[:MESH_POINTS, :2].min(axis=0)
    x1, y1 = landmarks[:MESH_POINTS, :2].max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)


def _in_pixels(points: ArrayLike, pixels: Pixels) -> NDArray[np.float32]:
    """Bring MediaPipe's normalised points to pixels; it measures z in widths of the image."""
    height, width = pixels.shape[:2]
    landmarks = np.full((LANDMARKS, 3), np.nan, dtype=np.float32)
    points = np.asarray(points, np.float32)
    landmarks[: len(points)] = points
    landmarks *= np.array([width, height, width], dtype=np.float32)
    return landmarks


class _Pool:
    """Instances of something that only one thread may use at a time.

    One that raised is dropped, because MediaPipe's graphs do not recover from an error.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()

    @contextmanager
    def borrow(self) -> Iterator[Any]:
        try:
            item = self._idle.get_nowait()
        except queue.Empty:
            item = self._make()
        yield item
        self._idle.put(item)
