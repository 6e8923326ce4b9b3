"""What flows between the nodes of the graph, as plain frozen dataclasses.

Everywhere inside Palisade a score of 1.0 means *genuine* and 0.0 means *attack*. A detector
turns pixels into physical measures (:class:`Measurement`); a mapping, whose parameters live in
the policy, turns measures into a :class:`Score`. The two are kept apart so that a threshold can
be re-tuned from stored measures, without the images.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors.pictures import Picture
from media.capture import Channel

LANDMARKS = 478
"""Points of MediaPipe's face mesh with irises: 468 of the mesh, 468-472 of the subject's right
iris, 473-477 of the left."""

BLENDSHAPES = 52

ROIS = ("forehead", "right_cheek", "left_cheek", "background")
"""Order of the regions in :attr:`Clip.roi_rgb`; right and left are the subject's."""

OPTIONAL = "?"
"""Ends the name of a field that a detector reads where there is one and does without elsewhere."""

Measures = Mapping[str, float]


class Status(StrEnum):
    """Why a signal does or does not count. Only ``ok`` carries a score."""

    OK = "ok"
    UNAVAILABLE = "unavailable"  # no model here, or no such input in this capture
    WITHHELD = "withheld"  # the client was asked for the input and did not send it
    ABSTAINED = "abstained"  # the detector looked and cannot judge
    ERROR = "error"  # the detector failed
    LATE = "late"  # the deadline passed first
    OVERLOADED = "overloaded"  # its queue was full


LOOKED = frozenset({Status.OK, Status.ABSTAINED})
"""What has seen something, and can draw it."""

LOST = frozenset({Status.ERROR, Status.LATE, Status.OVERLOADED})
"""What only a fault keeps from being seen: there was something to look at."""


@dataclass(frozen=True, slots=True, eq=False)
class TrackWindow:
    """Image points followed by optical flow through one short window of a clip.

    Attributes:
        times: float64 (2,), seconds from the first frame: start and end of the window.
        points: float32 (2, N, 2), the same N points in the first and the last frame, in pixels.
        landmarks: float32 (2, 478, 3), the face in those two frames, in pixels.
    """

    times: NDArray[np.float64]
    points: NDArray[np.float32]
    landmarks: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A clip reduced to traces; T frames, no pixels.

    Attributes:
        times: float64 (T,), true presentation times in seconds from the first frame.
        roi_rgb: float32 (T, 4, 3), mean of the gamma-encoded R, G and B, 0..255, of the regions
            named in :data:`ROIS`; NaN where a region was not visible in a frame.
        boxes: float32 (T, 4), face box x0, y0, x1, y1 in pixels; NaN where no face was found.
        landmarks: float32 (T, 478, 3) in pixels; NaN where no face was found; interpolated in
            some frames of a still face.
        blendshapes: float32 (T, 52), with NaN in rows of frames for which they were not computed;
            or None where they were not asked for.
        tracks: windows of optical-flow tracks, in order of time.
        frame_size: width and height in pixels.
        continuity: how the frames follow each other, as :mod:`detectors.continuity` measures it.
    """

    times: NDArray[np.float64]
    roi_rgb: NDArray[np.float32]
    boxes: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    blendshapes: NDArray[np.float32] | None
    tracks: tuple[TrackWindow, ...]
    frame_size: tuple[int, int]
    continuity: Measures = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """One frame of a clip, around the face; the stills of a clip share their coordinates.

    Attributes:
        time: seconds from the first frame of the clip.
        pixels: uint8 RGB (h, w, 3), reduced; read-only.
        landmarks: float32 (478, 3) in its pixels.
    """

    time: float
    pixels: NDArray[np.uint8]
    landmarks: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class FaceBundle:
    """One located face, ready for every detector.

    Attributes:
        crop: uint8 RGB (H, W, 3), the face with context around it, read-only.
        frame: uint8 RGB (h, w, 3), the whole upright frame, reduced to at most 640 px a side.
        box: x0, y0, x1, y1 of the face in pixels of the upright frame at full size.
        crop_origin: x, y of the crop's corner in pixels of the upright frame at full size.
        crop_scale: crop pixels per frame pixel; 1.0 unless a very large face was reduced.
        frame_size: width and height of the upright frame at full size.
        landmarks: float32 (478, 3) in crop pixels, z in the same scale (smaller is nearer).
        blendshapes: float32 (52,), 0..1, in MediaPipe's order; or None.
        blendshape_model: SHA-256 of the weights that they come from, those of the clip included.
        pose: float32 (4, 4), head to camera, rotation and translation in centimetres; or None.
        quality: raw measures of the capture, such as ``faces`` and ``face_px``.
        clip: the traces of the clip, or None.
        stills: a few small pictures of the clip; none without one. A detector that asks for them
            looks at a selfie that comes alone, too.
        channel: how the capture reached the client.
    """

    crop: NDArray[np.uint8]
    frame: NDArray[np.uint8]
    box: tuple[float, float, float, float]
    crop_origin: tuple[float, float]
    crop_scale: float
    frame_size: tuple[int, int]
    landmarks: NDArray[np.float32]
    blendshapes: NDArray[np.float32] | None = None
    blendshape_model: str | None = None
    pose: NDArray[np.float32] | None = None
    quality: Measures = field(default_factory=dict)
    clip: Clip | None = None
    stills: tuple[Still, ...] = ()
    channel: Channel = "upload"

    @property
    def in_frame(self) -> NDArray[np.float64]:
        """The landmarks' x and y, (478, 2), in widths and heights of the frame."""
        points = self.landmarks[:, :2] / self.crop_scale + np.asarray(self.crop_origin)
        return np.asarray(points / np.asarray(self.frame_size), np.float64)

    def only(self, needs: tuple[str, ...]) -> FaceBundle:
        """Keep the arrays that ``needs`` names and empty the others, so that little travels.

        A detector that reads an array it did not ask for fails on its shape at once.

        Args:
            needs: names of fields, as :attr:`Detector.needs` has them.
        """
        names = tuple(need.removesuffix(OPTIONAL) for need in needs)
        clip = self.clip
        if clip is not None:
            wanted = [need.removeprefix("clip.") for need in names if need.startswith("clip.")]
            clip = _emptied(clip, wanted) if wanted else None
        return replace(_emptied(self, names), clip=clip)


Record = TypeVar("Record", Clip, FaceBundle)


def _emptied(record: Record, keep: tuple[str, ...] | list[str]) -> Record:
    empty: dict[str, Any] = {
        f.name: value[:0]
        for f in fields(record)
        if f.name not in keep
        and isinstance(value := getattr(record, f.name), np.ndarray | tuple)
        and f.name not in _GEOMETRY
    }
    return replace(record, **empty)


_GEOMETRY = {"box", "crop_origin", "frame_size", "pose"}
"""A few dozen bytes: they always travel."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a detector found.

    Attributes:
        measures: physical quantities; the detector's docstring gives units and ranges.
        status: ``ok`` when the measures can be mapped to a score.
        reasons: stable snake_case words for a record; never free text from an upload.
        model: SHA-256 of the weights that were used, if any.
        elapsed_ms: wall time of the measurement.
        lasting: the answer to every other bundle is the same, because the weights are missing.
    """

    measures: Measures = field(default_factory=dict)
    status: Status = Status.OK
    reasons: tuple[str, ...] = ()
    model: str | None = None
    elapsed_ms: float = 0.0
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """A mapped measurement: ``value`` and its weighted ``components``, all in [0, 1]."""

    value: float
    components: Mapping[str, float]
    reasons: tuple[str, ...] = ()

    @classmethod
    def weighted(
        cls, components: Mapping[str, tuple[float, float]], reasons: tuple[str, ...] = ()
    ) -> Score:
        """Fuse named pairs of a component, clipped to [0, 1], and its weight, by their mean."""
        clipped = {name: float(np.clip(value, 0.0, 1.0)) for name, (value, _) in components.items()}
        total = sum(weight for _, weight in components.values())
        value = sum(clipped[name] * weight for name, (_, weight) in components.items()) / total
        return cls(value, clipped, reasons)


class NoOpinion(Exception):
    """Raised by a mapping: what was measured says nothing, or too little to judge by.

    The signal is then ``abstained``, and its weight goes to the others.

    Args:
        components: what was looked at, as of :class:`Score`; at least one, by which a record shows
            that it was the mapping that had no opinion, and another policy's may have one.
        reasons: stable snake_case words.
    """

    def __init__(self, components: Mapping[str, float], reasons: tuple[str, ...]) -> None:
        super().__init__(*reasons)
        self.components = components
        self.reasons = reasons


def ramp(value: float, low: float, high: float) -> float:
    """Map ``value`` linearly to [0, 1]: 0 at ``low``, 1 at ``high``; falling if low > high."""
    return float(np.clip((value - low) / (high - low), 0.0, 1.0))


def logistic(z: float) -> float:
    """Map log-odds to a probability: 1 / (1 + exp(-z))."""
    return 0.5 + 0.5 * math.tanh(z / 2)  # written so, no z overflows


def band(value: float, corners: tuple[float, float, float, float]) -> float:
    """Map ``value`` to 1 between the middle two of four rising corners, to 0 beyond the others."""
    low, full, full_until, high = corners
    return min(ramp(value, low, full), ramp(value, high, full_until))


Seen = TypeVar("Seen")
M = TypeVar("M")


class Sensor(abc.ABC, Generic[Seen]):
    """Whatever looks at a part of a capture and measures it; served one deployment each.

    Attributes:
        name: in the policy, the record and the graph.
    """

    name: ClassVar[str]

    def load(self) -> None:
        """Load heavy state once.

        Raises:
            models.store.ModelUnavailable: the weights are not on this machine.
        """

    @abc.abstractmethod
    def measure(self, seen: Seen, /) -> Measurement:
        """Measure ``seen``; safe to call from several threads."""

    def pictures(self, seen: Seen, /) -> Sequence[Picture]:
        """Draw what the measures are taken from, for people; none by default.

        Called only where someone asks, after ``measure`` answered ``ok`` or ``abstained``, and
        safe to call from several threads.
        """
        return ()


class Scored(abc.ABC, Generic[M]):
    """Whose measures the policy maps to a score.

    Attributes:
        mapping: frozen dataclass of the parameters of :meth:`score`, with the reference's values
            as defaults.
    """

    mapping: ClassVar[type]

    @staticmethod
    @abc.abstractmethod
    def score(measures: Measures, mapping: M) -> Score:
        """Map ``measures`` to a score in [0, 1], 1.0 for genuine.

        Raises:
            NoOpinion: they say nothing, or less than the parameters ask for.
        """


class Detector(Sensor[FaceBundle], Scored[M], Generic[M]):
    """One independent look at a face.

    To add one: write a subclass in a file of its own, list it in ``detectors/registry.py`` and
    give it a weight in the policy. ``measure`` gets a bundle that holds the fields named in
    :attr:`needs`.

    Attributes:
        needs: fields of :class:`FaceBundle` it reads, those of the clip written ``clip.times``.
            Without one of them there is nothing to look at, unless its name ends in a question
            mark: ``clip.times?``.
    """

    needs: ClassVar[tuple[str, ...]]

    @classmethod
    def installed(cls) -> bool:
        """Whether a replica is worth its memory on this machine.

        False for what only few have and whose weights were never put here: ``palisade serve``
        leaves the node out of the graph then, and the signal is ``unavailable``.
        """
        return True
