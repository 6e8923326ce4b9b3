"""Which repeated frames survive an encoder: ``python -m benchmarks.continuity DATA``.

Prints, as Markdown, what :mod:`detectors.continuity` measures of the clips in ``DATA/videos``, and
of a public-domain portrait that is fed as one frame and as a loop, in two codecs.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, get_args

import cv2
import numpy as np
import typer

from detectors.continuity import Continuity
from evaluation.attacks import CLIPS, Recording
from evaluation.attacks.files import Codec, mp4
from media.clips import Frame, read_clip
from media.errors import MediaError
from media.limits import CLIP_LIMITS

SIDE = 320

UNHURRIED = replace(CLIP_LIMITS, wall_seconds=600.0)
"""Limits of a clip on a machine that does other things, too."""


def main(data: Annotated[Path, typer.Argument(help="Folder with videos.")]) -> None:
    """Measure real clips and injected ones."""
    print("| clip | clip_repeated | clip_returned | clip_unevenness |\n| --- | --- | --- | --- |")
    for path in sorted((data / "videos").glob("*/*")):
        try:
            print(_row(path.name, path.read_bytes()))
        except MediaError as error:
            print(f"| {path.name} | {error.code} | | |")
    held = CLIPS["photo_shaken"](_portrait(), 0)
    recording = Recording(held, np.zeros((478, 2), np.float32))
    for species in ("injected_frozen", "injected_looped"):
        for codec in get_args(Codec):
            print(_row(f"{species}, {codec}", mp4(CLIPS[species](recording, 0), codec)))


def _row(name: str, clip: bytes) -> str:
    watched = Continuity()
    for frame in read_clip(clip, UNHURRIED):
        watched.add(frame.time, frame.pixels)
    cells = " | ".join(f"{value:.2f}" for value in watched.measures().values())
    return f"| {name} | {cells} |"


def _portrait() -> Recording:
    from skimage import data

    whole = data.astronaut()  # type: ignore[no-untyped-call]
    pixels = np.asarray(cv2.resize(whole[30:240, 115:325], (SIDE, SIDE)), np.uint8)
    return Recording((Frame(0.0, pixels),), np.zeros((478, 2), np.float32))


if __name__ == "__main__":
    typer.run(main)
