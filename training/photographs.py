"""Photographs that anyone may train on, cut into squares like those of faces.

What is counted is fine detail and not faces, so that photographs of other things can stand for
cameras; that their content differs is what the controls are for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from detectors.fingerprint import EYES_PX, SIDE
from detectors.pixels import Pixels, shrink
from media.errors import MediaError
from media.images import decode_image
from training.faces import BLUR, Face, generator, jpeg

NAME = "photographs"

LONGEST = 2048
"""Sides above it are reduced first: the finest detail of a camera is noise and sharpening."""

SQUARES = 8
"""Cut from each photograph."""

LEAST_SPREAD = 8.0
"""Standard deviation of a square's luma, in grey levels, below which it is sky."""

TRIES = 40


def squares(
    folder: Path,
    seed: int,
    update: Callable[[int, int], None] = lambda done, of: None,
) -> Iterator[Face]:
    """Cut squares at random places and scales from every photograph of a folder.

    Args:
        folder: searched with its subfolders; other files and what cannot be decoded are left out.
        seed: of the draws.
        update: told how many photographs are done, and of how many.
    """
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and path.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"}
    )
    for at, path in enumerate(paths):
        update(at, len(paths))
        name = path.relative_to(folder).as_posix()
        try:
            pixels = decode_image(path.read_bytes()).pixels
        except MediaError:
            continue
        rng = generator(seed, name)
        pixels = jpeg(shrink(pixels, LONGEST)[0])
        for _ in range(SQUARES):
            patch = _square(pixels, rng)
            if patch is not None:
                blurred = cv2.GaussianBlur(patch, (0, 0), BLUR).astype(np.uint8)
                yield Face(NAME, True, f"{NAME}/{name}", jpeg(patch), jpeg(blurred))


def _square(pixels: Pixels, rng: np.random.Generator) -> Pixels | None:
    """One square with something in it, scaled like a face, not yet encoded again; or None."""
    for _ in range(TRIES):
        side = round(SIDE * rng.uniform(*EYES_PX))
        wide = round(side * np.exp(rng.uniform(np.log(1.2), np.log(4.0))))
        if wide > min(pixels.shape[:2]):
            continue
        y, x = (int(rng.integers(0, size - wide + 1)) for size in pixels.shape[:2])
        part = pixels[y : y + wide, x : x + wide]
        small = cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA)
        if cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).std() >= LEAST_SPREAD:
            return np.asarray(small, np.uint8)
    return None
