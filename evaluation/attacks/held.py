"""Clips of a flat picture that a hand holds before the camera: nothing in it lives.

Dots and grids are left out: what video cameras and codecs leave of them is not modelled here.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from evaluation.attacks import scene
from evaluation.attacks.contracts import Pixels, Recording
from media.clips import Frame
from specimens import camera
from specimens.rng import generator

FRAMES, RATE = 90, 30.0
"""Of a clip: three seconds."""

NOISE = 2.0
"""Standard deviation of a clip's frame, in grey levels: less than of a still, because video cameras
smooth it."""

TREMOR_S = 0.4
"""Time in which a hand forgets where it was."""


def shaken(recording: Recording, seed: int) -> tuple[Frame, ...]:
    """Film a photograph with a camera that shakes as in a hand."""
    rng = generator("shaken", seed)
    motion = np.column_stack(
        [
            _drift(rng, np.radians(1.0), TREMOR_S),
            _drift(rng, np.radians(1.0), TREMOR_S),
            _drift(rng, np.radians(0.8), TREMOR_S),
            _drift(rng, 0.010, TREMOR_S) + _drift(rng, 0.001, 1 / RATE),
            _drift(rng, 0.008, TREMOR_S) + _drift(rng, 0.001, 1 / RATE),
            0.95 * (1 + _drift(rng, 0.010, TREMOR_S)),
        ]
    )
    return _filmed(recording.frames[0].pixels, motion, seed)


def turned(recording: Recording, seed: int) -> tuple[Frame, ...]:
    """Turn a print to and fro, as who is asked to turn the head would."""
    rng = generator("turned", seed)
    time = np.arange(FRAMES) / RATE
    still = np.zeros(FRAMES)
    turn = np.radians(rng.uniform(20, 30)) * np.sin(2 * np.pi * 0.4 * time)
    motion = np.column_stack(
        [turn, still, still, 0.02 * np.sin(5 * time), 0.01 * np.cos(4 * time), 0.85 + still]
    )
    return _filmed(recording.frames[0].pixels, motion, seed)


def _filmed(pixels: Pixels, motion: NDArray[np.float64], seed: int) -> tuple[Frame, ...]:
    """Film a flat picture before a wall.

    Args:
        pixels: uint8 RGB (H, W, 3).
        motion: float64 (T, 6): turn, nod and roll in radians, shift to the right and down in
            widths of the frame, and its side in sides of the frame.
        seed: of the wall and the noise.
    """
    rng = generator("film", seed)
    # In encoded levels, not in light: nothing here is brighter than the picture itself.
    height, width = pixels.shape[:2]
    sheet = np.dstack([pixels, np.full((height, width), 255, np.uint8)]).astype(np.float32)
    wall = camera.develop(scene.wall(pixels.shape, seed), seed).astype(np.float32)
    # Drawn once, and cut from another corner for each frame: it is what takes the time.
    spare = 64
    grain = NOISE * rng.standard_normal((height + spare, width + spare, 3), np.float32)
    frames = []
    for at, (turn, nod, roll, right, down, fill) in enumerate(motion):
        place = scene.posed(pixels.shape, fill, (turn, nod, roll), (right, down))
        seen = cv2.warpPerspective(sheet, place.homography, place.size)
        behind = 1 - seen[..., 3:] / 255
        y, x = rng.integers(0, spare, 2)
        noisy = seen[..., :3] + behind * wall + grain[y : y + height, x : x + width]
        frames.append(Frame(at / RATE, np.clip(np.rint(noisy), 0, 255).astype(np.uint8)))
    return tuple(frames)


def _drift(rng: np.random.Generator, deviation: float, memory_s: float) -> NDArray[np.float64]:
    """A random walk that returns (Ornstein and Uhlenbeck), float64 (T,)."""
    kept = np.exp(-1 / RATE / memory_s)
    at, steps = 0.0, []
    for step in rng.standard_normal(FRAMES):
        at = kept * at + np.sqrt(1 - kept**2) * step
        steps.append(at)
    return deviation * np.array(steps)
