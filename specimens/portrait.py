"""A portrait of nobody: a head and shoulders made of shaded ellipses."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from specimens.rng import generator

Colour = tuple[float, float, float]
Paint = NDArray[np.floating[Any]]

_SKIN: tuple[Colour, ...] = (
    (240, 205, 182),
    (224, 182, 150),
    (198, 150, 115),
    (160, 112, 80),
    (112, 76, 54),
    (84, 57, 43),
)
_HAIR: tuple[Colour, ...] = (
    (32, 26, 24),
    (62, 42, 30),
    (110, 74, 44),
    (168, 128, 78),
    (150, 146, 142),
    (120, 52, 28),
)
_CLOTH: tuple[Colour, ...] = (
    (44, 52, 78),
    (70, 70, 74),
    (96, 40, 44),
    (52, 84, 74),
    (200, 196, 188),
)
_IRIS: tuple[Colour, ...] = ((74, 52, 34), (60, 88, 110), (74, 96, 66), (48, 36, 28))

UNIT = 400
"""Width of the drawing in units, in which coordinates are given; its height is 500."""


def portrait(seed: int, sex: str, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Draw a portrait.

    Args:
        seed: of skin, hair, clothes and the shape of the head.
        sex: ``F`` has long hair more often, ``M`` a beard now and then.
        size: width and height in pixels, about 4 to 5.

    Returns:
        uint8 RGB (height, width, 3).
    """
    rng = generator("portrait", seed)
    skin, hair, cloth, iris = (
        np.array(colours[rng.integers(len(colours))], np.float32)
        for colours in (_SKIN, _HAIR, _CLOTH, _IRIS)
    )
    broad, long = rng.uniform(0.92, 1.08, 2)
    long_hair, glasses, beard = rng.random(3) < ((0.8, 0.2, 0) if sex == "F" else (0.06, 0.2, 0.35))
    width, height = 92 * float(broad), 122 * float(long)
    eyes, apart = 232 + float(rng.uniform(-4, 4)), 38 * float(broad)

    sheet = _Sheet(rng, 1.25 * size[0] / UNIT)
    if long_hair:
        sheet.ellipse((200, 290), (width + 34, 190), hair * 0.85)
    sheet.ellipse((200, 520), (176, 140), cloth)
    sheet.polygon([(152, 330), (248, 330), (262, 408), (200, 440), (138, 408)], skin * 0.82)
    sheet.polygon(
        [(138, 404), (200, 470), (262, 404), (300, 424), (200, 500), (100, 424)], cloth * 0.8
    )
    for side in (-1, 1):
        sheet.ellipse((200 + side * (width + 1), 250), (13, 27), skin * 0.88)
    sheet.ellipse((200, 228), (width + 10, height + 8), hair)
    sheet.ellipse((200, 250), (width, height), skin, shade=0.22)
    if beard:
        sheet.ellipse((200, 330), (width * 0.74, 46), 0.55 * skin + 0.45 * hair * 0.9)
    for side in (-1, 1):
        at = (200 + side * apart, eyes)
        sheet.ellipse((at[0], at[1] - 2), (26, 17), skin * 0.93)
        sheet.ellipse(at, (17, 8.5), np.array((236, 232, 228), np.float32))
        sheet.ellipse(at, (8, 8), iris)
        sheet.ellipse(at, (3.6, 3.6), np.array((16, 14, 14), np.float32))
        sheet.ellipse((at[0] - 3, at[1] - 3), (1.6, 1.6), np.array((250, 250, 250), np.float32))
        sheet.arc((at[0], at[1] + 2), (19, 13), (200, 340), skin * 0.45, 4)
        sheet.arc((at[0], at[1] - 12), (25, 13), (205, 335), hair * 0.9, 8)
    sheet.ellipse((200, 268), (11, 34), np.minimum(skin * 1.06, 255))
    sheet.arc((200, 292), (19, 12), (20, 160), skin * 0.66, 4)
    sheet.ellipse((200, 330), (29, 9), skin * np.array((0.82, 0.58, 0.58), np.float32))
    sheet.arc((200, 326), (30, 6), (15, 165), skin * 0.42, 3)
    # The fringe: the crown of the head above a line that the seed bends.
    line, parting = float(rng.uniform(158, 182)), float(rng.uniform(-40, 40))
    turn = np.linspace(np.pi, 2 * np.pi, 25)
    crown = np.stack([200 + (width + 8) * np.cos(turn), 228 + (height + 7) * np.sin(turn)], axis=1)
    hairline = [
        (200 + width * 0.9, line + 24),
        (200 + parting, line - 14),
        (200 - width * 0.9, line + 24),
    ]
    sheet.polygon([*map(tuple, crown), *hairline], hair * 1.05)
    if glasses:
        for side in (-1, 1):
            sheet.arc((200 + side * apart, eyes + 2), (29, 21), (0, 360), np.full(3, 30.0), 4)
        sheet.arc((200, eyes), (10, 6), (190, 350), np.full(3, 30.0), 4)
    return sheet.finished(size)


class _Sheet:
    """A drawing in float RGB, 400 by 500 units."""

    def __init__(self, rng: np.random.Generator, scale: float) -> None:
        self._rng = rng
        self._scale = scale
        height, width = round(500 * scale), round(400 * scale)
        y = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
        x = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
        base = rng.choice([(222, 228, 232), (214, 220, 224), (230, 228, 222)])
        light = 1.0 - 0.10 * y - 0.05 * np.abs(2 * x - 1)
        self._canvas = light * base.astype(np.float32)
        # It falls from the upper left.
        self._light = 1.06 - 0.16 * x - 0.06 * y

    def ellipse(
        self,
        centre: tuple[float, float],
        axes: tuple[float, float],
        colour: Paint,
        shade: float = 0.10,
    ) -> None:
        mask = np.zeros(self._canvas.shape[:2], np.uint8)
        cv2.ellipse(mask, self._at(centre), self._at(axes), 0, 0, 360, (255,), -1, cv2.LINE_AA, 4)
        self._lay(mask, colour, shade)

    def polygon(self, points: list[tuple[float, float]], colour: Paint) -> None:
        mask = np.zeros(self._canvas.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.array([self._at(p) for p in points])], (255,), cv2.LINE_AA, 4)
        self._lay(mask, colour, 0.10)

    def arc(
        self,
        centre: tuple[float, float],
        axes: tuple[float, float],
        angles: tuple[float, float],
        colour: Paint,
        thickness: int,
    ) -> None:
        mask = np.zeros(self._canvas.shape[:2], np.uint8)
        start, end = angles
        thick = max(round(thickness * self._scale * 0.6), 1)
        cv2.ellipse(
            mask, self._at(centre), self._at(axes), 0, start, end, (255,), thick, cv2.LINE_AA, 4
        )
        self._lay(mask, colour, 0.0)

    def _at(self, point: tuple[float, float]) -> tuple[int, int]:
        """To the fixed point of OpenCV's drawing, 4 bits after the point."""
        return round(point[0] * self._scale * 16), round(point[1] * self._scale * 16)

    def _lay(self, mask: NDArray[np.uint8], colour: Paint, shade: float) -> None:
        x, y, w, h = cv2.boundingRect(mask)
        x0, y0 = max(x - 4, 0), max(y - 4, 0)
        window = np.s_[y0 : y + h + 4, x0 : x + w + 4]
        cover = mask[window]
        edge = cv2.GaussianBlur(cover, (0, 0), 0.8 * self._scale)
        alpha = edge[..., None].astype(np.float32) / 255
        paint = colour.astype(np.float32) * self._light[window]
        if shade:
            # Round things darken towards their edge, where a wide blur of the mask falls off.
            side = 2 * (max(w, h) // 8) + 3
            soft = cv2.blur(cv2.blur(cover, (side, side)), (side, side))
            paint = paint * (1 - 2 * shade * (1 - soft[..., None].astype(np.float32) / 255))
        self._canvas[window] += alpha * (paint - self._canvas[window])

    def finished(self, size: tuple[int, int]) -> NDArray[np.uint8]:
        noise = self._rng.normal(0, 4, (500, 400)).astype(np.float32)
        texture = cv2.resize(cv2.GaussianBlur(noise, (0, 0), 0.8), size)[..., None]
        drawn = cv2.resize(self._canvas, size, interpolation=cv2.INTER_AREA) + texture
        levels: NDArray[np.uint8] = np.clip(np.rint(drawn), 0, 255).astype(np.uint8)
        return levels
