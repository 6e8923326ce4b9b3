"""The face node: one located face, ready for every detector.

A still image is searched three times before it counts as faceless. MediaPipe's own detector
misses faces that fill little of the image, for which there is a full-range detector, and faces
that fill all of it, for which the image gets a border.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from detectors.clip import ClipSettings, trace_clip
from detectors.contracts import Clip, FaceBundle, Measures
from detectors.following import FrameLike
from detectors.landmarks import Face, FullRangeDetector, Landmarker, load_landmarker
from detectors.pixels import Box, Pixels, around, shrink
from detectors.pose import head_pose, yaw_pitch_roll
from detectors.topology import LEFT_IRIS, RIGHT_IRIS
from media.capture import Channel


class FaceProblem(StrEnum):
    """What was wrong with a capture, as an answer and not as a fault."""

    NO_FACE = "no_face"
    FACE_TOO_SMALL = "face_too_small"
    SEVERAL_FACES = "several_faces"  # the largest was taken
    NO_FACE_IN_CLIP = "no_face_in_clip"


@dataclass(frozen=True, slots=True)
class FaceSettings:
    """How faces are looked for, and what is cut out.

    Attributes:
        min_face_px: width of the landmarks' box, in pixels of the upright frame, below which a
            face is too small to judge. A 320×240 webcam gives 60 to 110.
        max_faces: how many faces are looked for.
        search_side: longest side, in pixels, of the image that is searched.
        context: side of the crop in sides of the box.
        crop_side: longest side of the crop in pixels.
        frame_side: longest side, in pixels, of the reduced frame in the bundle.
        clip: how clips are traced.
    """

    min_face_px: float = 48.0
    max_faces: int = 4
    search_side: int = 1280
    context: float = 2.0
    crop_side: int = 1024
    frame_side: int = 640
    clip: ClipSettings = field(default_factory=ClipSettings)


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """What :meth:`FaceLocator.locate` found.

    Attributes:
        bundle: the face, or None with ``NO_FACE`` or ``FACE_TOO_SMALL`` among the problems.
        problems: what was wrong.
        quality: ``faces`` large enough to judge; ``frame_mp`` megapixels of the frame; and where
            there is a face: ``face_px`` width of its box and ``interocular_px`` distance of its
            irises in pixels of the frame; ``margin`` from its box to the nearest edge of the
            frame in widths of the box, negative where the frame cuts the face; ``yaw_deg``,
            ``pitch_deg`` and ``roll_deg`` as :func:`detectors.pose.yaw_pitch_roll` has them.
    """

    bundle: FaceBundle | None
    problems: tuple[FaceProblem, ...]
    quality: Measures


class FaceLocator:
    """Finds the largest face of a capture and reduces its clip to traces; thread-safe.

    Args:
        settings: how.
        landmarker: what finds the landmarks; chosen by :meth:`load` if None.
    """

    def __init__(
        self, settings: FaceSettings | None = None, landmarker: Landmarker | None = None
    ) -> None:
        self.settings = settings or FaceSettings()
        self._given = landmarker

    def load(self) -> None:
        """Load the models once."""
        self.landmarker = self._given or load_landmarker(self.settings.max_faces)
        self._full_range = FullRangeDetector()

    def locate(
        self,
        pixels: Pixels,
        frames: Iterable[FrameLike] | None = None,
        channel: Channel = "upload",
    ) -> Located:
        """Locate the largest face.

        Args:
            pixels: uint8 RGB (H, W, 3), upright.
            frames: the frames of the clip, consumed one by one, only if there is a face.
            channel: how the capture reached the client.

        Raises:
            Exception: whatever iterating over ``frames`` raises.
        """
        settings = self.settings
        height, width = pixels.shape[:2]
        quality = {"faces": 0.0, "frame_mp": width * height / 1e6}
        faces = sorted(self._search(pixels), key=_width, reverse=True)
        if not faces:
            return Located(None, (FaceProblem.NO_FACE,), quality)
        quality["faces"] = float(sum(_width(face) >= settings.min_face_px for face in faces))
        face = faces[0]
        pose = head_pose(face.landmarks, (width, height))
        quality |= _quality(face, pose, (width, height))
        if quality["faces"] == 0:
            return Located(None, (FaceProblem.FACE_TOO_SMALL,), quality)

        problems = [FaceProblem.SEVERAL_FACES] if quality["faces"] > 1 else []
        clip = self._trace(frames)
        if frames is not None and clip is None:
            problems.append(FaceProblem.NO_FACE_IN_CLIP)
        bundle = replace(_cut(pixels, face, settings), pose=pose, quality=quality, clip=clip)
        return Located(replace(bundle, channel=channel), tuple(problems), quality)

    def _trace(self, frames: Iterable[FrameLike] | None) -> Clip | None:
        if frames is None:
            return None
        return trace_clip(frames, self.landmarker, self.settings.clip)

    def _search(self, pixels: Pixels) -> list[Face]:
        small, scale = shrink(pixels, self.settings.search_side)
        faces = self.landmarker.find(small)
        if not faces:
            faces = [face for box in self._full_range.find(small) for face in self._at(small, box)]
        if not faces:
            faces = self._bordered(small)
        whole = (0.0, 0.0, float(small.shape[1]), float(small.shape[0]))
        return [
            replace(face, landmarks=face.landmarks / np.float32(scale))
            for face in faces
            if _contains(whole, _centre(face.box))
        ]

    def _at(self, pixels: Pixels, box: Box) -> list[Face]:
        """The face in the middle of a box, as found in three times its surroundings."""
        x0, y0, x1, y1 = around(box, 3.0, (pixels.shape[1], pixels.shape[0]))
        if x1 <= x0 or y1 <= y0:
            return []
        faces = self.landmarker.find(pixels[y0:y1, x0:x1])
        found = [_moved(face, x0, y0) for face in faces]
        return [face for face in found if _contains(face.box, _centre(box))][:1]

    def _bordered(self, pixels: Pixels) -> list[Face]:
        """The faces found with a grey border of half the image's longer side around it."""
        border = max(pixels.shape[:2]) // 2
        framed = np.pad(pixels, ((border,) * 2, (border,) * 2, (0, 0)), constant_values=128)
        return [_moved(face, -border, -border) for face in self.landmarker.find(framed)]


def _cut(pixels: Pixels, face: Face, settings: FaceSettings) -> FaceBundle:
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = around(face.box, settings.context, (width, height))
    crop, scale = shrink(pixels[y0:y1, x0:x1], settings.crop_side)
    landmarks = (face.landmarks - np.array([x0, y0, 0], np.float32)) * np.float32(scale)
    bx0, by0, bx1, by1 = face.box
    return FaceBundle(
        crop=_frozen(crop),
        frame=_frozen(shrink(pixels, settings.frame_side)[0]),
        box=(max(bx0, 0.0), max(by0, 0.0), min(bx1, float(width)), min(by1, float(height))),
        crop_origin=(float(x0), float(y0)),
        crop_scale=scale,
        frame_size=(width, height),
        landmarks=landmarks,
        blendshapes=face.blendshapes,
    )


def _quality(
    face: Face, pose: NDArray[np.float32], frame_size: tuple[int, int]
) -> dict[str, float]:
    x0, y0, x1, y1 = face.box
    width, height = frame_size
    right, left = (face.landmarks[list(iris), :2].mean(axis=0) for iris in (RIGHT_IRIS, LEFT_IRIS))
    yaw, pitch, roll = yaw_pitch_roll(pose)
    return {
        "face_px": x1 - x0,
        "interocular_px": float(np.hypot(*(left - right))),
        "margin": min(x0, y0, width - x1, height - y1) / (x1 - x0),
        "yaw_deg": yaw,
        "pitch_deg": pitch,
        "roll_deg": roll,
    }


def _width(face: Face) -> float:
    return face.box[2] - face.box[0]


def _centre(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _contains(box: Box, point: tuple[float, float]) -> bool:
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def _moved(face: Face, x: float, y: float) -> Face:
    return replace(face, landmarks=face.landmarks + np.array([x, y, 0], np.float32))


def _frozen(pixels: Pixels) -> Pixels:
    """A read-only array that owns its pixels, so that no larger image is kept alive by it."""
    pixels = np.array(pixels, order="C")
    pixels.setflags(write=False)
    return pixels
