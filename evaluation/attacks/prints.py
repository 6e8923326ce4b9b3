"""A print held before the camera: dots of an office printer on paper that is never quite flat."""

from __future__ import annotations

import cv2
import numpy as np

from evaluation.attacks import scene
from evaluation.attacks.contracts import Light, Pixels, Portrait
from specimens import camera, recaptures
from specimens.camera import View
from specimens.rng import generator

DOT_PX = (2.2, 3.6)
"""Distance of the dots in pixels of the frame: a photograph of 10 by 15 cm that fills it, printed
with 100 lines to the inch. The dots of larger prints are finer than the camera shows."""

GRAIN = 0.025
"""Standard deviation of what paper reflects, from fibre to fibre."""

BORDER = 0.06
"""White edge of the sheet, in its sides."""

BEND = 0.6
"""Half the angle, in radians, through which a bent sheet curves."""


def flat(portrait: Portrait, seed: int) -> Pixels:
    """Hold a print so close that its edges are out of sight."""
    place = scene.before(portrait.pixels.shape, scene.FILLING, seed)
    return scene.taken(0.85 * printed(portrait.pixels, place, seed), seed)


def bent(portrait: Portrait, seed: int) -> Pixels:
    """Bend the print about the upright axis, like a face."""
    place = scene.before(portrait.pixels.shape, scene.FILLING + 0.2, seed, tilt=0.5)
    return scene.taken(0.85 * _bent(printed(portrait.pixels, place, seed), seed), seed)


def in_hand(portrait: Portrait, seed: int) -> Pixels:
    """Hold the print at arm's length: its white edge, the wall and a thumb are seen."""
    sheet = bordered(portrait.pixels)
    place = scene.before(sheet.shape, scene.FRAMED, seed)
    cover = scene.covered(sheet.shape, place)
    light = scene.on_wall(0.85 * printed(sheet, place, seed), cover, scene.wall(sheet.shape, seed))
    return scene.taken(scene.hand(light, scene.lower_edge(sheet.shape, place), seed), seed)


def printed(pixels: Pixels, place: View, seed: int) -> Light:
    """Say what a print of a picture reflects, where the camera sees it: float32 RGB, linear."""
    rng = generator("dots", seed)
    # Dots for one pixel of the picture.
    ruling = place.scale(pixels.shape) / rng.uniform(*DOT_PX)
    tone = camera.warped(camera.linear(pixels), place)
    surface, _ = recaptures.halftone(tone, place, ruling)
    grain = rng.standard_normal(surface.shape[:2], dtype=np.float32)
    fibres = cv2.GaussianBlur(grain, (0, 0), 1.2)
    return np.asarray(surface * (1 + GRAIN * (fibres / fibres.std()))[..., None], np.float32)


def bordered(pixels: Pixels) -> Pixels:
    """Give a picture the white edge of a sheet of the same size."""
    height, width = pixels.shape[:2]
    sheet = np.full_like(pixels, 255)
    top, left = round(BORDER * height), round(BORDER * width)
    inner = (width - 2 * left, height - 2 * top)
    sheet[top : height - top, left : width - left] = cv2.resize(
        pixels, inner, interpolation=cv2.INTER_AREA
    )
    return sheet


def _bent(surface: Light, seed: int) -> Light:
    """Curve a surface that fills the frame: its sides are farther away and seen from aside."""
    height, width = surface.shape[:2]
    across = np.linspace(-1, 1, width, dtype=np.float32)
    angle = np.arcsin(across * np.sin(BEND))
    near = 1 + 0.12 * (np.cos(angle) - 1)
    x = (angle / BEND + 1) * (width - 1) / 2
    y = (height - 1) / 2 + (np.arange(height)[:, None] - (height - 1) / 2) / near
    lit_from = generator("bend", seed).uniform(-0.5, 0.5)
    shade = 0.35 + 0.65 * np.cos(angle - lit_from)
    maps = np.broadcast_to(x, (height, width)).astype(np.float32), y.astype(np.float32)
    curved = cv2.remap(surface, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(curved * shade[None, :, None], np.float32)
