"""The pictures in a file that may be a photograph or a clip."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from media.clips import read_clip
from media.containers import is_clip
from media.images import decode_image
from media.limits import CLIP_LIMITS, IMAGE_LIMITS, ClipLimits, ImageLimits

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Stills:
    """What was in a file.

    Attributes:
        frames: uint8 RGB (H, W, 3) each, upright, read-only; one of a photograph.
        moving: whether it is a clip.
    """

    frames: tuple[NDArray[np.uint8], ...]
    moving: bool


def read_any(
    data: bytes,
    count: int,
    image_limits: ImageLimits = IMAGE_LIMITS,
    clip_limits: ClipLimits = CLIP_LIMITS,
) -> Stills:
    """Decode a photograph, or some frames of a clip at even distances.

    Args:
        data: JPEG, PNG or WebP; or MP4, MOV, WebM, MKV or AVI.
        count: frames of a clip, at most.
        image_limits: what a photograph may cost.
        clip_limits: what a clip may cost.

    Raises:
        MediaError: the file is refused.
    """
    if not is_clip(data):
        return Stills((decode_image(data, image_limits).pixels,), moving=False)
    with closing(read_clip(data, clip_limits)) as frames:
        return Stills(tuple(evenly((frame.pixels for frame in frames), count)), moving=True)


HELD = 4
"""Frames of a clip that are held at once, for each that is wanted."""


def evenly(items: Iterable[T], count: int) -> list[T]:
    """Choose ``count`` items at even distances without knowing how many there will be.

    Every second item that is held is let go when there are too many. So a choice is off by a
    quarter of the distance between two, at most.

    Args:
        items: as they come.
        count: how many are wanted; all, where there are no more.
    """
    kept: list[T] = []
    stride = 1
    for index, item in enumerate(items):
        if index % stride:
            continue
        if len(kept) == HELD * count:
            kept, stride = kept[::2], 2 * stride
        kept.append(item)
    if len(kept) <= count:
        return kept
    chosen = np.linspace(0, len(kept) - 1, count).round().astype(int)
    return [kept[at] for at in chosen]
