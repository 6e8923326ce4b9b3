"""The face node: one located face, ready for every detector.

A still image is searched three times before it counts as faceless. MediaPipe's own detector
misses faces that fill little of the image, for which there is a full-range detector, and faces
that fill all of it, for which the image gets a border.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from detectors.clip import ClipSettings, trace_clip
from detectors.contracts import FaceBundle, Measures
from detectors.following import FrameLike
from detectors.landmarks import Face, FullRangeDetector, Landmarker, load_landmarker
from detectors.pixels import Box, Pixels, around, shrink, visible
from detectors.pose import head_pose
from detectors.quality import measure_face, measure_frame
from detectors.stills import StillKeeper
from media.capture import Channel


class FaceProblem(StrEnum):
    """What was wrong with a capture, as an answer and not as a fault."""

    NO_FACE = "no_face"
    FACE_TOO_SMALL = "face_too_small"
    SEVERAL_FACES = "several_faces"  # the largest was taken
    NO_FACE_IN_CLIP = "no_face_in_clip"
    CLIP_FROZEN = "clip_frozen"  # one picture again and again
    CLIP_LOOPED = "clip_looped"  # a recording that starts over


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
        max_repeated: share of a clip's frames that may equal the one before. A camera of 10 frames
            a second in a clip of 30 repeats two thirds of them.
        max_returned: share of a clip's frames that may equal an earlier one, others between.
        clip: how clips are traced.
    """

    min_face_px: float = 48.0
    max_faces: int = 4
    search_side: int = 1280
    context: float = 2.0
    crop_side: int = 1024
    frame_side: int = 640
    max_repeated: float = 0.9
    max_returned: float = 0.05
    clip: ClipSettings = field(default_factory=ClipSettings)


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """What :meth:`FaceLocator.locate` found.

    Attributes:
        bundle: the face, or None with ``NO_FACE`` or ``FACE_TOO_SMALL`` among the problems.
        problems: what was wrong.
        quality: ``faces`` large enough to judge; ``frame_mp`` megapixels of the frame; what
            :mod:`detectors.quality` measures, of the frame, and of the largest face where there
            is one; and what :mod:`detectors.continuity` measures of the clip.
        box: x0, y0, x1, y1 of the largest face in pixels of the frame, also where it is too small
            to judge; None where there is none.
    """

    bundle: FaceBundle | None
    problems: tuple[FaceProblem, ...]
    quality: Measures
    box: Box | None = None


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
            frames: the frames of the clip, as :meth:`follow` takes them.
            channel: how the capture reached the client.

        Raises:
            Exception: whatever iterating over ``frames`` raises.
        """
        return self.follow(self._find(pixels, channel), frames)

    def follow(self, located: Located, frames: Iterable[FrameLike] | None) -> Located:
        """Add the traces of a clip to a face that was located in the selfie.

        Args:
            located: without a clip.
            frames: the frames of the clip, consumed one by one, only if there is a face.

        Raises:
            Exception: whatever iterating over ``frames`` raises.
        """
        if located.bundle is None or frames is None:
            return located
        keeper = StillKeeper(self.settings.clip.stills)
        clip = trace_clip(frames, self.landmarker, self.settings.clip, keeper)
        if clip is None:
            problems = (*located.problems, FaceProblem.NO_FACE_IN_CLIP)
            return replace(located, problems=problems)
        quality = {**located.quality, **clip.continuity}
        return replace(
            located,
            bundle=replace(located.bundle, clip=clip, stills=keeper.stills, quality=quality),
            problems=(*located.problems, *self._discontinuities(clip.continuity)),
            quality=quality,
        )

    def _discontinuities(self, continuity: Measures) -> Iterator[FaceProblem]:
        if continuity.get("clip_repeated", 0.0) > self.settings.max_repeated:
            yield FaceProblem.CLIP_FROZEN
        if continuity.get("clip_returned", 0.0) > self.settings.max_returned:
            yield FaceProblem.CLIP_LOOPED

    def _find(self, pixels: Pixels, channel: Channel) -> Located:
        settings = self.settings
        height, width = pixels.shape[:2]
        quality = {"faces": 0.0, "frame_mp": width * height / 1e6, **measure_frame(pixels)}
        faces = sorted(self._search(pixels), key=_width, reverse=True)
        if not faces:
            return Located(None, (FaceProblem.NO_FACE,), quality)
        quality["faces"] = float(sum(_width(face) >= settings.min_face_px for face in faces))
        face = faces[0]
        pose = head_pose(face.landmarks, (width, height))
        quality |= measure_face(pixels, face, pose)
        box = visible(face.box, (width, height))
        if quality["faces"] == 0:
            return Located(None, (FaceProblem.FACE_TOO_SMALL,), quality, box)

        problems = (FaceProblem.SEVERAL_FACES,) if quality["faces"] > 1 else ()
        bundle = replace(
            _cut(pixels, face, settings),
            blendshape_model=self.landmarker.model,
            pose=pose,
            quality=quality,
            channel=channel,
        )
        return Located(bundle, problems, quality, box)

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
    return FaceBundle(
        crop=_frozen(crop),
        frame=_frozen(shrink(pixels, settings.frame_side)[0]),
        box=visible(face.box, (width, height)),
        crop_origin=(float(x0), float(y0)),
        crop_scale=scale,
        frame_size=(width, height),
        landmarks=landmarks,
        blendshapes=face.blendshapes,
    )


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
