"""What holds a picture: straight borders around a face, and skin where no skin should be.

A telephone has a bezel and a print has edges: straight steps of brightness beside the face, as long
as the face is high, and on two sides at once. A picture that is held has fingers at its border.
Doors, windows, shelves and pictures on a wall have straight borders too, and a raised hand is no
attack: on frames of real scenes these are hints for people.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.pixels import Box, Pixels, grey

NEAR, FAR = 0.15, 1.5
"""Distance from the face, in sides of its box, in which a border is looked for."""

TILTS = (-8.0, -4.0, 0.0, 4.0, 8.0)
"""Degrees by which a border may lean; between two of them a border is spread over a few pixels."""

SPREAD = 0.04
"""Width of the step that counts as one border, in sides of the face's box."""

CLEAR = 1.8
"""Side, in sides of the face's box, of the part that may show skin: ears, neck and forehead."""

LIKE_SKIN = 1.5
"""Standard deviations of the face's own chroma within which a colour is that of its skin."""

MIN_AROUND = 0.1
"""Share of the frame that has to be left around the face for skin to be looked for there."""


def border_levels(frame: Pixels, box: Box) -> float:
    """The step of brightness along the second strongest of the straight borders around a face.

    Two borders, because one is soon found in any room: of a wall or a door.

    Args:
        frame: uint8 RGB (H, W, 3).
        box: of the face in ``frame``.

    Returns:
        Grey levels from 0, the mean along the face's side; 0 where there is no room for two.
    """
    x0, y0, x1, y1 = box
    level = grey(frame).astype(np.float32)
    centre = (x0 + x1) / 2, (y0 + y1) / 2
    best = np.zeros(4)
    for degrees in TILTS:
        turn = cv2.getRotationMatrix2D(centre, degrees, 1.0)
        size = (level.shape[1], level.shape[0])
        turned = np.asarray(
            cv2.warpAffine(level, turn, size, borderMode=cv2.BORDER_REPLICATE), np.float32
        )
        sides = [
            _steps(turned, centre, (x1 - x0, y1 - y0)),
            _steps(turned.T, centre[::-1], (y1 - y0, x1 - x0)),
        ]
        best = np.maximum(best, np.concatenate(sides))
    return float(np.sort(best)[-2])


def _steps(
    level: NDArray[np.float32], centre: tuple[float, float], sides: tuple[float, float]
) -> NDArray[np.float64]:
    """The strongest step along the face's height left of it and right of it, float64 (2,)."""
    (x, y), (across, along) = centre, sides
    top, bottom = max(round(y - along / 2), 0), min(round(y + along / 2), level.shape[0])
    profile = level[top:bottom].mean(axis=0).astype(np.float64)
    width = max(round(SPREAD * across), 1)
    step = np.zeros(len(profile))
    step[width:-width] = np.abs(profile[2 * width :] - profile[: -2 * width])
    found = []
    for sign in (-1, 1):
        near, far = sorted(x + sign * across * (0.5 + part) for part in (NEAR, FAR))
        beside = step[max(round(near), 0) : max(round(far), 0)]
        found.append(beside.max() if len(beside) else 0.0)
    return np.array(found)


def skin_around(frame: Pixels, box: Box, skin: Pixels) -> float | None:
    """The share of what is left, right and above of a face that has the colour of its skin.

    Args:
        frame: uint8 RGB (H, W, 3).
        box: of the face in ``frame``.
        skin: uint8 (H, W), not 0 where the frame shows the face's skin.

    Returns:
        0 to 1; None where the face leaves too little around it.
    """
    lab = cv2.cvtColor(frame, cv2.COLOR_RGB2LAB).astype(np.float32)
    own = lab[skin > 0]
    width = skin.shape[1]
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    half_w, half_h = CLEAR * (box[2] - box[0]) / 2, CLEAR * (box[3] - box[1]) / 2
    around = np.ones(skin.shape, bool)
    left, right = (int(np.clip(x + sign * half_w, 0, width)) for sign in (-1, 1))
    around[max(int(y - half_h), 0) :, left:right] = False  # neck and chest are below
    if len(own) == 0 or around.mean() < MIN_AROUND:
        return None
    middle, spread = own.mean(axis=0), own.std(axis=0) + 1.0
    off = np.abs(lab[around] - middle) / spread
    return float((off[:, 1:].max(axis=1) < LIKE_SKIN).mean())
