"""Clips that no camera delivered: fed to the system in the place of one."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from detectors.topology import FACE_OVAL
from evaluation.attacks.contracts import Light, Pixels, Recording
from media.clips import Frame
from specimens.rng import generator

PART = 1 / 3
"""Of a clip, that a loop plays again and again."""


def frozen(recording: Recording, seed: int) -> tuple[Frame, ...]:
    """Feed one picture again and again."""
    first = recording.frames[0].pixels
    return tuple(replace(frame, pixels=first) for frame in recording.frames)


def looped(recording: Recording, seed: int) -> tuple[Frame, ...]:
    """Feed the first third of the clip three times."""
    frames = recording.frames
    length = max(round(PART * len(frames)), 1)
    return tuple(
        replace(frame, pixels=frames[at % length].pixels) for at, frame in enumerate(frames)
    )


def regular(recording: Recording, seed: int) -> tuple[Frame, ...]:
    """Give the frames times as a program makes them, all of one distance."""
    frames = recording.frames
    step = (frames[-1].time - frames[0].time) / max(len(frames) - 1, 1)
    return tuple(replace(frame, time=at * step) for at, frame in enumerate(frames))


def two_cameras(recording: Recording, seed: int) -> tuple[Frame, ...]:
    """Put a face from another camera, with noise of its own, before the background of this one."""
    rng = generator("two cameras", seed)
    hull = cv2.convexHull(np.rint(recording.points[list(FACE_OVAL)]).astype(np.int32))
    mask = np.zeros(recording.frames[0].pixels.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, hull, (255,))
    soft = np.asarray(cv2.GaussianBlur(mask, (0, 0), 2.0) / np.float32(255), np.float32)[..., None]
    return tuple(
        replace(frame, pixels=_blended(frame.pixels, soft, rng)) for frame in recording.frames
    )


def _blended(pixels: Pixels, mask: Light, rng: np.random.Generator) -> Pixels:
    own = pixels.astype(np.float32)
    smooth = cv2.GaussianBlur(own, (0, 0), 1.5)
    # Noise that a small sensor's processing has smeared over neighbours.
    grain = cv2.GaussianBlur(rng.normal(0, 18, own.shape).astype(np.float32), (0, 0), 1.2)
    mixed = own + mask * (smooth + grain - own)
    return np.asarray(np.clip(np.rint(mixed), 0, 255), np.uint8)
