"""What is done to captures before they are measured, so that sources can be compared.

Images of several sources differ in size, in encoder and in how much of them the face fills, and
every measure of detail with them: without these one would measure the encoder, not the generator.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace

import PIL.Image
from PIL import ImageOps

from benchmarks.sessions import windows
from detectors.contracts import ROIS, Clip, Measurement, Status
from detectors.registry import DETECTORS
from evaluation.sessions import Session, Whole
from fusion.verdict import FaceSummary
from media.capture import Capture
from media.images import decode_image
from pipeline import Found, Pipeline

SIDE, QUALITY = 512, 75
"""Pixels per side and JPEG quality that images are brought to."""

FACE_PX = 200.0
"""Width of the face that images are brought to where a side in common is not enough."""

SECONDS = (3, 5, 10)
"""Of the windows that a clip is cut into, end to end."""

PULSE = "rppg"
"""The signal that looks at windows."""

SKIN, WALL = "skin", "wall"
"""What it is shown: the face, or the wall beside it in place of the face."""


@dataclass(frozen=True, slots=True)
class OneSize:
    """Brings an image to :data:`SIDE` and :data:`QUALITY`."""

    name: str = f"{SIDE} px and JPEG q{QUALITY}"

    def __call__(self, stages: Pipeline, capture: Capture, /) -> tuple[Session, ...]:
        """Measure what became of the image."""
        square = ImageOps.fit(_opened(capture), (SIDE, SIDE))
        return Whole()(stages, replace(capture, selfie=_jpeg(square)))


@dataclass(frozen=True, slots=True)
class OneFace:
    """Brings the face of an image to :data:`FACE_PX`; one that would have to grow is left out."""

    name: str = f"face at {FACE_PX:.0f} px and JPEG q{QUALITY}"

    def __call__(self, stages: Pipeline, capture: Capture, /) -> tuple[Session, ...]:
        """Measure what became of the image."""
        found = stages.locate(capture)
        if found.located.bundle is None:
            return (Session(stages.measure(found), found.summary),)
        scale = FACE_PX / found.summary.quality["face_px"]
        if scale > 1:
            narrow = Measurement(status=Status.UNAVAILABLE, reasons=("face_too_narrow",))
            measured = dict.fromkeys((detector.name for detector in DETECTORS), narrow)
            return (Session(measured, FaceSummary(("face_too_narrow",))),)
        scaled = ImageOps.scale(_opened(capture), scale)
        return Whole()(stages, replace(capture, selfie=_jpeg(scaled)))


@dataclass(frozen=True, slots=True)
class Windows:
    """Measures a clip, then the pulse in windows of it: in the face, and in the wall beside it."""

    name: str = f"clip and windows of {SECONDS} s"

    def __call__(self, stages: Pipeline, capture: Capture, /) -> tuple[Session, ...]:
        """Measure the clip and its windows."""
        found = stages.locate(capture)
        sessions = [Session(stages.measure(found), found.summary)]
        bundle = found.located.bundle
        if bundle is not None and bundle.clip is not None:
            for seconds in SECONDS:
                for window in windows(bundle.clip, seconds):
                    sessions += _pulses(stages, found, window, seconds)
        return tuple(sessions)


def _pulses(stages: Pipeline, found: Found, window: Clip, seconds: int) -> Iterator[Session]:
    pulse = [detector for detector in DETECTORS if detector.name == PULSE]
    for what, clip in ((SKIN, window), (WALL, _of_wall(window))):
        bundle = replace(found.located.bundle, clip=clip) if found.located.bundle else None
        shown = replace(found, located=replace(found.located, bundle=bundle))
        yield Session(stages.measure(shown, detectors=pulse), found.summary, f"{what} {seconds}")


def _of_wall(clip: Clip) -> Clip:
    """The clip with the colours of the background in place of those of the skin."""
    wall = clip.roi_rgb.copy()
    wall[:] = wall[:, [ROIS.index("background")]]
    return replace(clip, roi_rgb=wall)


def _opened(capture: Capture) -> PIL.Image.Image:
    return PIL.Image.fromarray(decode_image(capture.selfie).pixels)


def _jpeg(image: PIL.Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
