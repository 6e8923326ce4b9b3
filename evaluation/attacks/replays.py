"""A screen held before the camera: its grid of pixels, its colours, its light and its frame."""

from __future__ import annotations

import cv2
import numpy as np

from evaluation.attacks import scene
from evaluation.attacks.contracts import Light, Pixels, Portrait
from specimens import camera, recaptures
from specimens.camera import View
from specimens.rng import generator

PITCH = (1.6, 2.8)
"""Sides of the screen's pixel in pixels of the frame. Above 1.5 the camera shows the grid, and
moiré where the two nearly agree: a laptop at 30 cm, not a phone at arm's length."""

FAR_PITCH = (0.55, 0.9)
"""The same of a phone or tablet farther away: what is left of its grid is faint and coarse."""

NARROW = 0.10
"""How far a display's primaries are mixed, against those that the camera takes for granted."""

BAND = (0.10, 0.25)
"""Depth of the dark bands that a dimmed backlight leaves in a rolling shutter."""

BEZEL = 0.05
"""Frame of the device, in its sides."""


def close(portrait: Portrait, seed: int) -> Pixels:
    """Hold a screen so close that the camera resolves its grid."""
    place = scene.before(portrait.pixels.shape, scene.FILLING, seed)
    return scene.taken(shown(portrait.pixels, place, seed, PITCH), seed)


def banded(portrait: Portrait, seed: int) -> Pixels:
    """Hold a dimmed screen, whose backlight flickers faster than the shutter rolls."""
    place = scene.before(portrait.pixels.shape, scene.FILLING, seed)
    light = shown(portrait.pixels, place, seed, FAR_PITCH)
    rng = generator("bands", seed)
    height = light.shape[0]
    phase = np.arange(height) / height * rng.uniform(3, 9) + rng.uniform()
    bands = 1 - rng.uniform(*BAND) * (1 + np.cos(2 * np.pi * phase)) / 2
    return scene.taken(light * bands.astype(np.float32)[:, None, None], seed)


def in_bezel(portrait: Portrait, seed: int) -> Pixels:
    """Hold a device at arm's length: its dark frame is seen, and a window mirrored in it."""
    device = _framed(portrait.pixels)
    place = scene.before(device.shape, scene.FRAMED, seed)
    light = shown(device, place, seed, FAR_PITCH) + _mirrored(device.shape, place, seed)
    cover = scene.covered(device.shape, place)
    light = scene.on_wall(light, cover, scene.wall(device.shape, seed))
    return scene.taken(scene.hand(light, scene.lower_edge(device.shape, place), seed), seed)


def shown(pixels: Pixels, place: View, seed: int, pitch: tuple[float, float]) -> Light:
    """Say what light a screen that shows a picture sends to the camera: float32 RGB, linear."""
    rng = generator("display", seed)
    # Pixels of the screen for one of the picture.
    density = place.scale(pixels.shape) / rng.uniform(*pitch)
    height, width = (round(side * density) for side in pixels.shape[:2])
    picture = cv2.resize(camera.linear(pixels), (width, height), interpolation=cv2.INTER_AREA)
    grid = View(
        place.size,
        place.homography @ camera.centred(pixels.shape[1] / width, pixels.shape[0] / height),
    )
    mixed = np.full((3, 3), NARROW / 3) + np.eye(3) * (1 - NARROW)
    light = camera.warped(np.asarray(picture @ mixed.T.astype(np.float32), np.float32), grid)
    recaptures.through_pixels(light, grid)
    white = np.array([rng.uniform(0.88, 0.96), 0.97, rng.uniform(1.02, 1.10)], np.float32)
    return np.asarray(0.85 * white * light + np.float32(0.012), np.float32)  # its black glows


def _framed(pixels: Pixels) -> Pixels:
    """Give a picture the black frame of a device of the same size."""
    height, width = pixels.shape[:2]
    device = np.full_like(pixels, 12)
    top, left = round(BEZEL * height), round(BEZEL * width)
    inner = (width - 2 * left, height - 2 * top)
    device[top : height - top, left : width - left] = cv2.resize(
        pixels, inner, interpolation=cv2.INTER_AREA
    )
    return device


def _mirrored(shape: tuple[int, ...], place: View, seed: int) -> Light:
    """A window mirrored in the glass, slanted and soft."""
    rng = generator("window", seed)
    height, width = shape[:2]
    x, y = rng.uniform(0.1, 0.5) * width, rng.uniform(0.1, 0.4) * height
    side = rng.uniform(0.15, 0.3) * width
    corners = np.array([(0, 0), (1, 0.15), (1.1, 1.25), (0.1, 1.1)]) * side + (x, y)
    pane = np.zeros((height, width), np.float32)
    cv2.fillConvexPoly(pane, np.rint(corners).astype(np.int32), (1.0,))
    soft = cv2.GaussianBlur(pane, (0, 0), 0.01 * width) * np.float32(rng.uniform(0.12, 0.3))
    return camera.warped(soft, place, beyond=cv2.BORDER_CONSTANT)[..., None]
