"""A simulated camera: what a phone makes of a document that lies on a table.

From the document to the file, in linear light: perspective, the table and the shadow on it, uneven
light, lens blur, vignetting, a Bayer mosaic with shot and read noise, demosaicing, tone curve,
JPEG with EXIF. Everything depends on the seed alone.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime, timedelta

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from specimens.rng import generator

Pixels = NDArray[np.uint8]
Light = NDArray[np.float32]

MEGAPIXELS = 2.0
"""Of a photograph, where nothing else is asked for: what capture pages upload."""

QUALITY = 92
"""Of the camera's JPEG."""

ASPECT = 4 / 3

LENS_SIGMA = 0.55
"""Standard deviation of the lens's point spread in pixels of the photograph: a sharp phone."""

FULL_WELL = 6000.0
"""Electrons at white: with it, mid grey has a deviation of about two levels of 255."""

READ_NOISE = 6.0
"""Standard deviation in electrons."""

CORNER = 0.045
"""Radius of the document's corners, as a part of its height."""

MAKE, MODEL = "Utopia Optics", "Hythlodaeus 1"
"""No such camera is sold."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Where the document stands in the photograph.

    Attributes:
        size: width and height of the photograph in pixels.
        homography: float64 (3, 3), from pixels of the document to pixels of the photograph, both
            counted from the centre of the upper left pixel.
    """

    size: tuple[int, int]
    homography: NDArray[np.float64]

    def scale(self, shape: tuple[int, ...]) -> float:
        """Give the side of a document's pixel in pixels of the photograph, at its middle.

        Args:
            shape: of the document's pixels, height first.
        """
        middle = self.homography @ (shape[1] / 2, shape[0] / 2, 1.0)
        return float(np.sqrt(abs(np.linalg.det(self.homography)) / abs(middle[2]) ** 3))

    def seen_from(self) -> tuple[Light, Light]:
        """Give, for every pixel of the photograph, the x and the y on the document: float32."""
        width, height = self.size
        back = np.linalg.inv(self.homography)
        x = np.arange(width)[None, :]
        y = np.arange(height)[:, None]
        # In double: a phase of hundreds of turns is taken from them.
        u, v, w = (row[0] * x + row[1] * y + row[2] for row in back)
        return (u / w).astype(np.float32), (v / w).astype(np.float32)

    def step(self) -> NDArray[np.float64]:
        """Give how x and y on the document change with x and y of the photograph, at its middle.

        Returns:
            float64 (2, 2), row i of the document's axis i.
        """
        back = np.linalg.inv(self.homography)
        u, v, w = back @ ((self.size[0] - 1) / 2, (self.size[1] - 1) / 2, 1.0)
        at = np.array([u, v]) / w
        return np.asarray((back[:2, :2] - np.outer(at, back[2, :2])) / w)


def view(shape: tuple[int, ...], seed: int, megapixels: float, tilt: float = 1.0) -> View:
    """Choose where a document stands, as a hand-held camera sees it from above.

    Args:
        shape: of the document's pixels, height first.
        seed: of the place.
        megapixels: of the photograph, four to three.
        tilt: 1 for a hand-held camera; less is straighter.
    """
    rng = generator("view", seed)
    width = 2 * round(np.sqrt(megapixels * 1e6 * ASPECT) / 2)
    height = 2 * round(width / ASPECT / 2)
    document_height, document_width = shape[:2]
    fill = rng.uniform(0.84, 0.90)
    scale = min(fill * width / document_width, fill * height / document_height)
    turn = np.radians(tilt * rng.uniform(-2, 2))
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float64) / 2
    corners *= (document_width * scale, document_height * scale)
    corners @= np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
    # Tilted away from the camera, one end is farther off, and so smaller.
    depth = 1 + corners @ (tilt * rng.uniform(-0.05, 0.05, 2)) / width
    corners = corners / depth[:, None] + (width / 2, height / 2)
    corners += rng.uniform(-0.015, 0.015, 2) * (width, height)
    x, y = document_width - 0.5, document_height - 0.5
    edges = np.array([(-0.5, -0.5), (x, -0.5), (x, y), (-0.5, y)], np.float32)
    homography = cv2.getPerspectiveTransform(edges, (corners - 0.5).astype(np.float32))
    return View((width, height), np.asarray(homography, np.float64))


def photograph(
    pixels: Pixels, seed: int, *, quality: int = QUALITY, megapixels: float = MEGAPIXELS
) -> bytes:
    """Photograph a document on a table.

    Args:
        pixels: uint8 RGB (H, W, 3), the document from edge to edge.
        seed: of the place, the table, the light and the noise.
        quality: of the JPEG, 1 to 95.
        megapixels: of the photograph.

    Returns:
        a JPEG with EXIF.
    """
    place = view(pixels.shape, seed, megapixels)
    return encode(develop(expose(scene(pixels, place, seed), seed), seed), seed, quality)


def scene(pixels: Pixels, place: View, seed: int) -> Light:
    """Lay a document on a table and light both.

    Returns:
        float32 RGB (h, w, 3), linear, 1.0 for white paper in full light.
    """
    return on_table(warped(linear(pixels), place), coverage(pixels.shape, place), seed)


def on_table(surface: Light, cover: Light, seed: int) -> Light:
    """Put a table under what lies on it, and light both.

    Args:
        surface: float32 RGB (h, w, 3), linear, what reflects light, in the photograph.
        cover: float32 (h, w), 0..1, how much of each pixel it covers.
        seed: of the table and the light.
    """
    rng = generator("scene", seed)
    height, width = cover.shape
    table = _table((width, height), rng)
    drop = 0.004 * width
    shift = np.array([(1, 0, drop), (0, 1, 1.6 * drop)], np.float32)
    quarter = resized(cover, (width // 4, height // 4))
    shadow = cv2.resize(cv2.GaussianBlur(quarter, (0, 0), 0.002 * width), (width, height))
    shadow = cv2.warpAffine(shadow, shift, (width, height))
    table *= 1 - 0.55 * shadow[..., None]
    lit = table + cover[..., None] * (surface - table)
    return _lighten(lit, rng)


def coverage(shape: tuple[int, ...], place: View) -> Light:
    """Say how much of each pixel of the photograph the document covers: float32 (h, w), 0..1."""
    height, width = shape[:2]
    radius = round(CORNER * height)
    mask = np.zeros((height, width), np.uint8)
    inner = np.s_[radius : height - radius], np.s_[radius : width - radius]
    mask[inner[0]] = 255
    mask[:, inner[1]] = 255
    for x in (radius, width - 1 - radius):
        for y in (radius, height - 1 - radius):
            cv2.circle(mask, (x, y), radius, (255,), -1, cv2.LINE_AA)
    return warped(mask.astype(np.float32) / 255, place, beyond=cv2.BORDER_CONSTANT)


def warped(picture: Light, place: View, *, beyond: int = cv2.BORDER_REPLICATE) -> Light:
    """Bring what lies on the document into the photograph, averaged where that makes it smaller.

    Args:
        picture: float32 (H, W) or (H, W, 3), in pixels of the document.
        place: where the document stands.
        beyond: what is taken for what lies off the document, one of OpenCV's borders.
    """
    height, width = picture.shape[:2]
    homography, scale = place.homography, place.scale((height, width))
    if scale < 1:
        small = round(width * scale), round(height * scale)
        picture = resized(picture, small)
        homography = homography @ centred(width / small[0], height / small[1])
    how = cv2.INTER_LINEAR if scale < 1 else cv2.INTER_CUBIC
    laid = cv2.warpPerspective(picture, homography, place.size, flags=how, borderMode=beyond)
    return np.asarray(np.clip(laid, 0, 1), np.float32)


def resized(picture: Light, size: tuple[int, int]) -> Light:
    """Average a picture to a smaller size, width first."""
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


def centred(x: float, y: float) -> NDArray[np.float64]:
    """Map pixel centres of a picture to those of one with ``x`` and ``y`` times as many pixels."""
    return np.array([(x, 0, x / 2 - 0.5), (0, y, y / 2 - 0.5), (0, 0, 1)])


def expose(light: Light, seed: int, *, noise: bool = True) -> Light:
    """Pass light through the lens on to the sensor, and interpolate the colours it did not see.

    Args:
        light: float32 RGB (h, w, 3), linear.
        seed: of the noise.
        noise: False for what no sensor took, such as what a forger pastes.

    Returns:
        float32 RGB (h, w, 3), linear, 1.0 at full scale.
    """
    height, width = light.shape[:2]
    seen = np.asarray(cv2.GaussianBlur(light, (0, 0), LENS_SIGMA), np.float32)
    seen *= _vignette(width, height)[..., None]
    if not noise:
        return np.clip(seen, 0, 1, out=seen)
    mosaic = np.empty((height, width), np.float32)
    mosaic[0::2, 0::2] = seen[0::2, 0::2, 0]
    mosaic[0::2, 1::2] = seen[0::2, 1::2, 1]
    mosaic[1::2, 0::2] = seen[1::2, 0::2, 1]
    mosaic[1::2, 1::2] = seen[1::2, 1::2, 2]
    rng = generator("noise", seed)
    deviation = np.sqrt(mosaic * FULL_WELL + READ_NOISE**2) / FULL_WELL
    mosaic += deviation * rng.standard_normal((height, width), dtype=np.float32)
    # An offset keeps the lower half of the noise in the dark.
    raw = np.clip(mosaic * 60000 + 2000, 0, 65535).astype(np.uint16)
    # OpenCV names the pattern by the second row's second and third pixel: BG is RGGB.
    colours = cv2.cvtColor(raw, cv2.COLOR_BayerBG2RGB).astype(np.float32)
    return np.clip((colours - 2000) / 60000, 0, 1)


def develop(light: Light, seed: int) -> Pixels:
    """Turn sensor light to sRGB with the white balance that the camera guessed: uint8 (h, w, 3)."""
    balance = 1 + generator("balance", seed).uniform(-0.04, 0.04, 3).astype(np.float32)
    levels = np.clip(light * (balance / balance[1]), 0, 1)
    # Rounded, not cut: the mean of the noise is kept.
    encoded: Pixels = _SRGB[(levels * (len(_SRGB) - 1) + 0.5).astype(np.uint16)]
    return encoded


def linear(pixels: Pixels) -> Light:
    """Undo sRGB's tone curve: float32 of the same shape, 0..1."""
    return _LINEAR[pixels]


def encode(
    pixels: Pixels, seed: int, quality: int, *, software: str | None = None, exif: bool = True
) -> bytes:
    """Save a photograph as a camera or an editor does.

    Args:
        pixels: uint8 RGB (h, w, 3).
        seed: of the time and the exposure.
        quality: of the JPEG, 1 to 95.
        software: of the editor that saves it, which also moves the time of change on; or None.
        exif: False for a file without metadata.
    """
    file = io.BytesIO()
    block = _exif(pixels.shape, seed, software).tobytes() if exif else b""
    PIL.Image.fromarray(pixels).save(
        file, "JPEG", quality=quality, subsampling="4:2:0", optimize=True, exif=block
    )
    return file.getvalue()


_STEPS = np.linspace(0, 1, 256)
_LINEAR: NDArray[np.float32] = np.where(
    _STEPS <= 0.04045, _STEPS / 12.92, ((_STEPS + 0.055) / 1.055) ** 2.4
).astype(np.float32)
"""IEC 61966-2-1, decoding, by level."""

_FINE = np.linspace(0, 1, 16384)
_SRGB: NDArray[np.uint8] = np.rint(
    255 * np.where(_FINE <= 0.0031308, _FINE * 12.92, 1.055 * _FINE ** (1 / 2.4) - 0.055)
).astype(np.uint8)
"""The same, encoding, in steps fine enough that no level is missed."""


def _table(size: tuple[int, int], rng: np.random.Generator) -> Light:
    """A table top: a colour, grain along one axis, and a fine roughness."""
    width, height = size
    base = rng.choice([(96, 68, 48), (58, 60, 64), (150, 128, 104), (120, 122, 126), (44, 52, 70)])
    grain = rng.standard_normal((height // 8, 12)).astype(np.float32)
    coarse = rng.standard_normal((9, 12)).astype(np.float32)
    # Nothing here repeats: a tiled texture would have the spectrum of a screen.
    rough = rng.standard_normal((height // 2, width // 2), dtype=np.float32)
    pattern = (
        0.10 * cv2.resize(grain, size, interpolation=cv2.INTER_CUBIC)
        + 0.10 * cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
        + 0.05 * cv2.resize(rough, size, interpolation=cv2.INTER_LINEAR)
    )
    table: Light = np.exp(pattern)[..., None] * _LINEAR[base]
    return table


def _lighten(lit: Light, rng: np.random.Generator) -> Light:
    """Light that falls off across the table, and a faint, wide reflection."""
    height, width = lit.shape[:2]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    slope = rng.uniform(-0.10, 0.10, 2)
    centre, spread = rng.uniform(-0.8, 0.8, 2), rng.uniform(0.2, 0.5)
    # Both are products or sums over the axes, which spares a plane of exponentials.
    spot = np.exp(-((x - centre[0]) ** 2) / spread**2) * np.exp(-((y - centre[1]) ** 2) / spread**2)
    lit *= (0.80 + slope[0] * x + slope[1] * y)[..., None].astype(np.float32)
    lit += (rng.uniform(0, 0.06) * spot)[..., None].astype(np.float32)
    return lit


def _vignette(width: int, height: int) -> Light:
    """Natural vignetting, the fourth power of the cosine, for a 70 degree diagonal."""
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] / ASPECT
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    radius = (x**2 + y**2) / (1 + ASPECT**-2)
    # Phones correct most of it: a fifth is left.
    falloff: Light = (1 + np.tan(np.radians(35)) ** 2 * radius) ** np.float32(-2)
    return 1 - (1 - falloff) / 5


def _exif(shape: tuple[int, ...], seed: int, software: str | None) -> PIL.Image.Exif:
    rng = generator("exif", seed)
    taken = datetime(2026, 1, 2, 8) + timedelta(seconds=int(rng.integers(0, 300 * 86400)))
    changed = taken + timedelta(minutes=int(rng.integers(20, 9000))) if software else taken
    stamp = "%Y:%m:%d %H:%M:%S"
    exif = PIL.Image.Exif()
    exif[0x010F], exif[0x0110] = MAKE, MODEL
    exif[0x0112] = 1  # upright
    exif[0x0131] = software or "1.0"
    exif[0x0132] = f"{changed:{stamp}}"
    exif.get_ifd(0x8769).update(
        {
            0x829A: 1 / int(rng.choice([30, 50, 60, 100, 125])),  # exposure time in seconds
            0x829D: 1.8,  # f-number
            0x8827: int(rng.choice([50, 64, 100, 160, 200])),  # ISO
            0x9000: b"0232",
            0x9003: f"{taken:{stamp}}",
            0x9004: f"{taken:{stamp}}",
            0x920A: 5.1,  # focal length in millimetres
            0xA001: 1,  # sRGB
            0xA002: shape[1],
            0xA003: shape[0],
        }
    )
    return exif
