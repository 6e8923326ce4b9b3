"""Photographs that anyone may train on, cut into squares like those of faces.

What is counted is fine detail and not faces, so that photographs of other things can stand for
cameras; that their content differs is what the controls are for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from detectors.fingerprint import EYES_PX, SIDE, encoded
from detectors.pixels import Pixels, shrink
from media.errors import MediaError
from media.images import decode_image
from training.faces import BLUR, LARGEST, Face, generator

NAME = "photographs"

LONGEST = 2048
"""Sides above it are reduced first: the finest detail of a camera is noise and sharpening."""

SQUARES = 8
"""Cut from each photograph."""

LEAST_SPREAD = 8.0
"""Standard deviation of a square's luma, in grey levels, below which it is sky."""

TRIES = 40

REDUCED, REDUCED_LESS = (1.2, 4.0), (1.0, 2.5)
"""How many pixels of the photograph become one, drawn evenly on a logarithmic scale."""


def squares(
    folder: Path,
    seed: int,
    native: bool = False,
    update: Callable[[int, int], None] = lambda done, of: None,
) -> Iterator[Face]:
    """Cut squares at random places and scales from every photograph of a folder.

    Args:
        folder: searched with its subfolders; other files and what cannot be decoded are left out.
        seed: of the draws.
        native: cut larger squares, reduced less or not at all.
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
        pixels = encoded(shrink(pixels, LONGEST)[0])
        for _ in range(SQUARES):
            patch = _square(pixels, rng, native)
            if patch is not None:
                blurred = cv2.GaussianBlur(patch, (0, 0), BLUR).astype(np.uint8)
                yield Face(NAME, True, f"{NAME}/{name}", encoded(patch), encoded(blurred))


def _square(pixels: Pixels, rng: np.random.Generator, native: bool) -> Pixels | None:
    """One square with something in it, scaled like a face, not yet encoded again; or None."""
    for _ in range(TRIES):
        side = LARGEST if native else round(SIDE * rng.uniform(*EYES_PX))
        wide = round(side * np.exp(rng.uniform(*np.log(REDUCED_LESS if native else REDUCED))))
        if wide > min(pixels.shape[:2]):
            continue
        y, x = (int(rng.integers(0, size - wide + 1)) for size in pixels.shape[:2])
        part = pixels[y : y + wide, x : x + wide]
        small = cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA)
        if cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).std() >= LEAST_SPREAD:
            return np.asarray(small, np.uint8)
    return None
