"""Changes to a picture after it was taken: the feed is attacked, not the camera."""

from __future__ import annotations

import cv2
import numpy as np

from detectors.topology import FACE_OVAL
from evaluation.attacks import bona_fide
from evaluation.attacks.contracts import Pixels, Portrait
from specimens.rng import generator

SMALLER = (0.20, 0.35)
"""Size that a picture is brought to and back from, as from a thumbnail of a profile."""

QUALITY = (6, 14)
"""Of a JPEG from which much was taken."""


def resampled(portrait: Portrait, seed: int) -> Pixels:
    """Enlarge a small copy of the picture."""
    pixels = bona_fide.taken(portrait, seed)
    scale = generator("resampled", seed).uniform(*SMALLER)
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    size = pixels.shape[1], pixels.shape[0]
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def compressed(portrait: Portrait, seed: int) -> Pixels:
    """Save the picture as a small JPEG."""
    pixels = bona_fide.taken(portrait, seed)
    quality = int(generator("compressed", seed).integers(*QUALITY))
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    _, file = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(file, cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


def swapped(portrait: Portrait, seed: int) -> Pixels:
    """Blend another rendering of the face into the picture, as face swaps do.

    A self-blended image (Shiohara and Yamasaki, CVPR 2022): the face that is pasted is the same
    one, softer, shifted, of another colour and scale, so that only what blending leaves is new.
    """
    rng = generator("swapped", seed)
    pixels = bona_fide.taken(portrait, seed).astype(np.float32)
    height, width = pixels.shape[:2]
    hull = cv2.convexHull(portrait.points[list(FACE_OVAL)])[:, 0]
    side = float(np.ptp(hull[:, 0]))
    centre = hull.mean(axis=0)
    # Networks that swap faces work at a fixed and small size.
    small = cv2.resize(pixels, None, fx=112 / side, fy=112 / side, interpolation=cv2.INTER_AREA)
    other = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    scale, (right, down) = rng.uniform(0.97, 1.03), rng.uniform(-0.015, 0.015, 2) * side
    moved = np.array(
        [
            (scale, 0, (1 - scale) * centre[0] + right),
            (0, scale, (1 - scale) * centre[1] + down),
        ]
    )
    other = cv2.warpAffine(other, moved, (width, height), borderMode=cv2.BORDER_REPLICATE)
    other = other * rng.uniform(0.93, 1.07, 3) + rng.uniform(-6, 6, 3)
    mask = np.zeros((height, width), np.uint8)
    inner = centre + 0.9 * (hull - centre)
    cv2.fillConvexPoly(mask, np.rint(inner).astype(np.int32), (255,))
    soft = (cv2.GaussianBlur(mask, (0, 0), 0.03 * side) / np.float32(255))[..., None]
    return np.asarray(np.clip(np.rint(pixels + soft * (other - pixels)), 0, 255), np.uint8)
