"""Which captures of a data folder are measured, and measuring them."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from PIL import Image, ImageOps

from detectors.contracts import Clip, Measurement
from detectors.rppg import BACKGROUND, SKIN, Rppg
from fusion.policy import load_policy
from fusion.verdict import FaceSummary
from media.capture import Capture
from media.clips import first_frame
from media.errors import MediaError
from media.images import decode_image
from pipeline import Found, Pipeline
from terminal import silence_native_logs

COLUMNS = {"path", "label", "subject"}
REAL, ATTACK = ("live", "real"), ("attack", "fake")

How = Literal["image", "one_size", "one_face", "clip"]
"""As it is; at :data:`SIDE`; with the face at :data:`FACE_PX`; or as a clip."""

SIDE, QUALITY = 512, 75
"""Pixels per side and JPEG quality that images of several sources are brought to. Otherwise the
encoder would be measured and not the generator."""

FACE_PX = 200.0
"""Width of the face that images are brought to where a side in common is not enough: sources
differ in how much of the image the face fills, and every measure of detail with them."""

WINDOWS = (3, 5, 10)
"""Seconds of the windows that a clip is cut into, end to end."""


class DataError(Exception):
    """The data folder cannot be used; the message is one line."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of the manifest.

    Attributes:
        path: from the data folder.
        real: whether it is a genuine capture.
        subject: the person; the path where the manifest names none.
    """

    path: str
    real: bool
    subject: str


@dataclass(frozen=True, slots=True)
class Session:
    """A capture, or a window of a clip, after the detectors.

    Attributes:
        measured: one measurement for each detector.
        face: how the face was found.
        acquired: whether there was a face to judge.
        seconds: length of the window; None for an image or a whole clip.
        background: what rppg measures where the wall takes the place of the skin.
    """

    measured: Mapping[str, Measurement]
    face: FaceSummary
    acquired: bool
    seconds: int | None = None
    background: Measurement | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One file to measure, and how."""

    path: Path
    how: How


@dataclass(frozen=True, slots=True)
class Manifest:
    """The rows of a manifest.

    Attributes:
        samples: real captures and attacks whose file exists.
        missing: paths of those whose file does not.
        other: how many rows are neither, such as documents.
    """

    samples: list[Sample]
    missing: list[str]
    other: int


def read_manifest(data: Path) -> Manifest:
    """Read ``data/manifest.csv``.

    Raises:
        DataError: there is no manifest, or a column is missing.
    """
    path = data / "manifest.csv"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows, columns = list(reader), set(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if lacking := COLUMNS - columns:
        raise DataError(f"{path}: no column {', '.join(sorted(lacking))}")
    samples = [
        Sample(row["path"], row["label"] in REAL, row["subject"] or row["path"])
        for row in rows
        if row["label"] in REAL + ATTACK
    ]
    there = [sample for sample in samples if (data / sample.path).is_file()]
    missing = sorted({sample.path for sample in samples} - {sample.path for sample in there})
    return Manifest(there, missing, len(rows) - len(samples))


def balanced(samples: list[Sample], most: int | None, seed: int) -> list[Sample]:
    """Draw up to ``most`` samples (all if None), one of each subject in turn, in random order."""
    rng = np.random.default_rng(seed)
    by_subject: dict[str, list[Sample]] = {}
    for index in rng.permutation(len(samples)):
        by_subject.setdefault(samples[index].subject, []).append(samples[index])
    rounds = max(map(len, by_subject.values()), default=0)
    turns = [own[turn] for turn in range(rounds) for own in by_subject.values() if turn < len(own)]
    return turns[:most]


def measure(task: Task) -> list[Session]:
    """Measure one file, in a worker process; what cannot be decoded is a session without a face."""
    data = task.path.read_bytes()
    look = {"image": _image, "one_size": _one_size, "one_face": _one_face, "clip": _clip}[task.how]
    try:
        return look(_pipeline(), data)
    except MediaError as error:
        return [Session({}, FaceSummary((error.code,)), acquired=False)]


def prepare_worker() -> None:
    """Give a worker process one thread, and keep its logs off the progress bar."""
    cv2.setNumThreads(1)
    logging.basicConfig(level=logging.ERROR)
    silence_native_logs()


@cache
def _pipeline() -> Pipeline:
    return Pipeline(load_policy("faithful"))  # only measures; the policies judge later


def _image(pipeline: Pipeline, data: bytes) -> list[Session]:
    return [_session(pipeline, pipeline.locate(Capture(data)))]


def _one_size(pipeline: Pipeline, data: bytes) -> list[Session]:
    square = ImageOps.fit(Image.fromarray(decode_image(data).pixels), (SIDE, SIDE))
    return _image(pipeline, _jpeg(square))


def _one_face(pipeline: Pipeline, data: bytes) -> list[Session]:
    """Leave out an image without a face, or whose face would have to be enlarged."""
    found = pipeline.locate(Capture(data))
    if found.located.bundle is None:
        return [_session(pipeline, found)]
    scale = FACE_PX / found.summary.quality["face_px"]
    if scale > 1:
        return [Session({}, FaceSummary(("face_too_narrow",)), acquired=False)]
    scaled = ImageOps.scale(Image.fromarray(decode_image(data).pixels), scale)
    return _image(pipeline, _jpeg(scaled))


def _jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def _clip(pipeline: Pipeline, data: bytes) -> list[Session]:
    """Take a clip's first frame as the selfie; measure the clip and its windows of each length."""
    found = pipeline.locate(Capture(first_frame(data), clip=data))
    bundle = found.located.bundle
    sessions = [_session(pipeline, found)]
    if bundle is None or bundle.clip is None:
        return sessions
    for seconds in WINDOWS:
        for window in windows(bundle.clip, seconds):
            located = replace(found.located, bundle=replace(bundle, clip=window))
            session = _session(pipeline, replace(found, located=located))
            wall = window.roi_rgb.copy()
            wall[:, SKIN] = wall[:, [BACKGROUND]]
            background = Rppg().measure(replace(bundle, clip=replace(window, roi_rgb=wall)))
            sessions.append(replace(session, seconds=seconds, background=background))
    return sessions


def windows(clip: Clip, seconds: float) -> Iterator[Clip]:
    """Cut a clip into windows of ``seconds``, end to end; an unfinished one is left out."""
    frame = float(np.median(np.diff(clip.times))) if len(clip.times) > 1 else 0.0
    for index in range(int((clip.times[-1] + frame + 1e-6) / seconds)):
        start, end = index * seconds, (index + 1) * seconds
        inside = (clip.times >= start - 1e-6) & (clip.times < end - 1e-6)
        if not inside.any():
            continue
        yield replace(
            clip,
            times=clip.times[inside] - clip.times[inside][0],
            roi_rgb=clip.roi_rgb[inside],
            boxes=clip.boxes[inside],
            landmarks=clip.landmarks[inside],
            blendshapes=None if clip.blendshapes is None else clip.blendshapes[inside],
            tracks=tuple(t for t in clip.tracks if start <= t.times[0] and t.times[1] <= end),
        )


def _session(pipeline: Pipeline, found: Found) -> Session:
    return Session(pipeline.measure(found), found.summary, found.located.bundle is not None)
