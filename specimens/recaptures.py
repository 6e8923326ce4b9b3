"""Photographs of copies: of a document shown on a screen, and of one printed with halftone.

Grids and dots are worked out at the pixels of the photograph itself, from where each looks on the
copy, so that what is finer than the pixels folds back to lower frequencies, as on a real sensor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specimens import camera
from specimens.camera import Light, Pixels, View
from specimens.cards import PX_PER_MM
from specimens.rng import generator

Vector = tuple[float, float]
Step = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Taken:
    """A photograph of a copy.

    Attributes:
        jpeg: the file.
        size: height and width in pixels.
        frequencies: of the copy's grid at the middle of the photograph, in cycles per pixel along
            x and y, as sampling leaves them, within ±0.5.
    """

    jpeg: bytes
    size: tuple[int, int]
    frequencies: tuple[Vector, ...]


STRIPES, ROWS = 0.8, 0.4
"""Contrast, at their first harmonic, of a display's columns of red, green and blue, and of the gaps
between its rows, behind its cover."""

SCREEN_PITCH = (1.5, 3.0)
"""Sides of a screen's pixel in pixels of the photograph. Below, this lens shows no grid."""


def of_screen(pixels: Pixels, seed: int, quality: int, megapixels: float) -> Taken:
    """Photograph a screen that shows a document on a grey desktop.

    Args:
        pixels: uint8 RGB (H, W, 3), the document.
        seed: of the screen and the photograph.
        quality: of the JPEG.
        megapixels: of the photograph.
    """
    place = camera.view(pixels.shape, seed, megapixels, tilt=0.5)
    rng = generator("screen", seed)
    # Pixels of the screen for one of the document.
    density = place.scale(pixels.shape) / rng.uniform(*SCREEN_PITCH)
    height, width = (round(side * density) for side in pixels.shape[:2])
    shown = camera.resized(camera.linear(pixels), (width, height))
    to_document = camera.centred(pixels.shape[1] / width, pixels.shape[0] / height)
    grid = View(place.size, place.homography @ to_document)
    cover = camera.coverage(pixels.shape, place)[..., None]
    desktop = np.float32(rng.uniform(0.02, 0.2))
    light = desktop + cover * (camera.warped(shown, grid) - desktop)

    columns, rows = through_pixels(light, grid)
    light = 0.82 * light + np.float32(0.012)  # its black glows
    return _taken(light, seed, quality, (columns, rows))


def through_pixels(light: Light, grid: View) -> tuple[Step, Step]:
    """Let a display's columns of red, green and blue, and the gaps between its rows, shine through.

    Args:
        light: float32 RGB (h, w, 3), linear, of the photograph; changed in place.
        grid: from the display's pixels to those of the photograph.

    Returns:
        The frequencies of the columns and of the rows, in cycles per pixel at its middle.
    """
    across, down = grid.seen_from()
    columns, rows = grid.step()
    lines = 1 + ROWS * _passed(rows) * np.cos(_TURN * down)
    stripe = STRIPES * _passed(columns)
    for channel in range(3):
        light[..., channel] *= lines * (1 + stripe * np.cos(_TURN * (across - (channel - 1) / 3)))
    return columns, rows


RULINGS = (85.0, 120.0)
"""Lines to the inch of an office printer's halftone."""

PAPER = (0.86, 0.86, 0.83)
"""What the paper reflects, linear RGB."""

_AREAS = np.linspace(0, 1, 257)
_LEVELS = np.quantile(0.5 + np.add.outer(*2 * [np.cos(np.linspace(0, np.pi, 256))]) / 4, _AREAS)
"""Height at which a cut through the spot function has a part of the cell's area below it. A dot's
soft edge would put some ink even at none, and leave some paper at full: hence the ends."""
_LEVELS[0], _LEVELS[-1] = -1, 2

_INKS: Mapping[str, tuple[float, tuple[float, float, float]]] = {
    "cyan": (15, (0.03, 0.55, 0.85)),
    "magenta": (75, (0.82, 0.05, 0.40)),
    "yellow": (0, (0.95, 0.88, 0.06)),
    "black": (45, (0.03, 0.03, 0.03)),
}
"""Angle of the screen in degrees, and the part of light that full ink lets through."""


def of_print(pixels: Pixels, seed: int, quality: int, megapixels: float) -> Taken:
    """Photograph a print of a document, made with four rotated screens of dots.

    Args:
        pixels: uint8 RGB (H, W, 3), the document.
        seed: of the print and the photograph.
        quality: of the JPEG.
        megapixels: of the photograph.
    """
    place = camera.view(pixels.shape, seed, megapixels)
    # Dots for one pixel of the document.
    ruling = generator("print", seed).uniform(*RULINGS) / 25.4 / PX_PER_MM
    tone = camera.warped(camera.linear(pixels), place)
    surface, frequencies = halftone(tone, place, ruling)
    light = camera.on_table(surface, camera.coverage(pixels.shape, place), seed)
    return _taken(light, seed, quality, frequencies)


def halftone(tone: Light, place: View, ruling: float) -> tuple[Light, tuple[Step, ...]]:
    """Print a tone with four rotated screens of dots on :data:`PAPER`.

    Args:
        tone: float32 RGB (h, w, 3), linear, as it would look in the photograph.
        place: where the printed picture stands there.
        ruling: dots for one pixel of the picture.

    Returns:
        What reflects light, float32 RGB (h, w, 3), linear; and the frequencies of the screens in
        cycles per pixel of the photograph at its middle.
    """
    # Areas that, laid over each other at random, give the tone (Demichel): black in part for what
    # all three inks would darken.
    black = 0.7 * (1 - tone.max(axis=2))
    coloured = 1 - tone / (1 - black)[..., None]
    wanted = {"cyan": coloured[..., 0], "magenta": coloured[..., 1], "yellow": coloured[..., 2]}
    wanted["black"] = black
    x, y = place.seen_from()
    step = place.step()
    surface: Light = np.broadcast_to(np.array(PAPER, np.float32), tone.shape).copy()
    # A dot's edge takes about a pixel of the photograph; a cell has two edges.
    edge = np.float32(max(0.5 / (ruling * float(np.linalg.norm(step[0]))), 1.2))
    frequencies = []
    for ink, (angle, passes) in _INKS.items():
        turn = ruling * np.array(
            [
                (np.cos(np.radians(angle)), np.sin(np.radians(angle))),
                (-np.sin(np.radians(angle)), np.cos(np.radians(angle))),
            ]
        )
        (a, b), (c, d) = turn.astype(np.float32)
        spot = 0.5 + (np.cos(_TURN * (a * x + b * y)) + np.cos(_TURN * (c * x + d * y))) / 4
        level = np.interp(wanted[ink], _AREAS, _LEVELS).astype(np.float32)
        dots = np.clip((level - spot) * edge + 0.5, 0, 1)[..., None]
        surface *= 1 - dots * (1 - np.array(passes, np.float32))
        frequencies += list(turn @ step)
    return surface, tuple(frequencies)


WAYS: Mapping[str, Callable[[Pixels, int, int, float], Taken]] = {
    "screen": of_screen,
    "print": of_print,
}

_TURN = np.float32(2 * np.pi)


def _taken(light: Light, seed: int, quality: int, frequencies: tuple[Step, ...]) -> Taken:
    pixels = camera.develop(camera.expose(light, seed), seed)
    folded = tuple((float(x), float(y)) for x, y in (_folded(f) for f in frequencies))
    return Taken(camera.encode(pixels, seed, quality), (pixels.shape[0], pixels.shape[1]), folded)


def _folded(frequency: Step) -> Step:
    """Say where sampling at whole pixels puts a frequency."""
    return np.subtract(frequency, np.rint(frequency))


def _passed(frequency: Step) -> np.float32:
    """Say what a square pixel, and the lens before it, leave of a wave.

    The lens blurs what was sampled (:func:`specimens.camera.expose`), at the frequency it was
    folded to; what it would have taken from the true one beyond that is taken here.
    """
    pixel = np.sinc(frequency[0]) * np.sinc(frequency[1])
    beyond = (frequency**2).sum() - (_folded(frequency) ** 2).sum()
    return np.float32(pixel * np.exp(-2 * (np.pi * camera.LENS_SIGMA) ** 2 * beyond))
