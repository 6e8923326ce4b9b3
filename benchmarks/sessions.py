"""The folder of real data, the windows of its clips, and the processes that measure it."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from detectors.contracts import Clip
from terminal import silence_native_logs

COLUMNS = {"path", "label", "subject"}
REAL, ATTACK = ("live", "real"), ("attack", "fake")


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


def prepare_worker() -> None:
    """Give a worker process one thread, and keep its logs off the progress bar."""
    cv2.setNumThreads(1)
    logging.basicConfig(level=logging.ERROR)
    silence_native_logs()


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
