"""Rectangles of text lines: which of them may be a machine-readable zone, and how to cut them out.

Positions are in pixels, x to the right and y down.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.pixels import Pixels

Quad = NDArray[np.float32]
"""float32 (4, 2): corners of a text line, clockwise from the upper left one of its text."""

Vector = NDArray[np.float64]
"""float64 (2,)."""

MIN_ASPECT = 8.0
"""Length by height from which a line may belong to a zone: 30 characters on TD1 have 17, and a
detector's box is higher than its characters and may miss a few of them."""

ROW_PITCH = 2.6
"""Distance of a zone's rows in heights of a detected line, at most: TD1 has 1.6, TD3 2.2."""


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """A detected line: its centre, the unit vector along it, its length and height in pixels."""

    centre: Vector
    along: Vector
    length: float
    height: float

    @classmethod
    def of(cls, quad: Quad) -> Box:
        """Measure a rectangle; which end of its text comes first is not known yet."""
        points = quad.astype(np.float64)
        edge, side = points[1] - points[0], points[3] - points[0]
        length = float(np.hypot(*edge))
        along = edge / length
        if along[0] < 0 or (abs(along[0]) < 1e-6 and along[1] < 0):
            along = -along
        return cls(points.mean(axis=0), along, length, float(np.hypot(*side)))


Row = list[Box]
"""Boxes of one line, which the detector may have broken."""


def zones(quads: Sequence[Quad]) -> Iterator[list[Quad]]:
    """Yield what may be a machine-readable zone, the longest first: its rows from top to bottom.

    Rows are parallel, of about one length and height, and follow each other closely.
    """
    boxes = [Box.of(quad) for quad in quads]
    seeds = [box for box in boxes if box.length >= MIN_ASPECT * box.height]
    used: set[Box] = set()
    for seed in sorted(seeds, key=lambda box: -box.length):
        if seed in used:
            continue
        rows = _stack(_rows([box for box in boxes if _beside(box, seed)], seed), seed)
        used |= {box for row in rows for box in row}
        if len(rows) >= 2:
            yield _spans(rows, seed.along)


def _across(vector: Vector) -> Vector:
    """Turn a unit vector clockwise by 90 degrees: what runs right then runs down."""
    return np.array([-vector[1], vector[0]])


def _beside(box: Box, seed: Box) -> bool:
    """Whether a box may belong to the zone of the longest one, ``seed``."""
    down, apart = _across(seed.along), box.centre - seed.centre
    return (
        abs(float(box.along @ down)) < 0.15
        and 0.5 < box.height / seed.height < 2.0
        and box.length > 2 * box.height
        and abs(float(apart @ down)) < 2 * ROW_PITCH * seed.height
        and abs(float(apart @ seed.along)) + box.length / 2 < 0.62 * seed.length
    )


def _rows(boxes: Sequence[Box], seed: Box) -> list[Row]:
    """Sort boxes into rows from top to bottom."""
    down = _across(seed.along)
    rows: list[Row] = []
    for box in sorted(boxes, key=lambda box: float(box.centre @ down)):
        if rows and float((box.centre - rows[-1][-1].centre) @ down) < 0.45 * seed.height:
            rows[-1].append(box)
        else:
            rows.append([box])
    return rows


def _stack(rows: list[Row], seed: Box) -> list[Row]:
    """Keep the rows about the seed's that follow without a gap and are about as long."""
    down = _across(seed.along)

    def follows(row: Row, other: Row) -> bool:
        long = sum(box.length for box in row) > 0.6 * seed.length
        apart = abs(float((row[0].centre - other[0].centre) @ down))
        return long and apart < ROW_PITCH * seed.height

    first = last = next(i for i, row in enumerate(rows) if seed in row)
    while first > 0 and follows(rows[first - 1], rows[first]):
        first -= 1
    while last + 1 < len(rows) and follows(rows[last + 1], rows[last]):
        last += 1
    return rows[first : last + 1]


def _spans(rows: Sequence[Row], along: Vector) -> list[Quad]:
    """Return a rectangle for each row, all as long as the zone: ends of fillers are often missed.

    The longest box of a row gives its place and direction, which follow the perspective.
    """
    every = [box for row in rows for box in row]
    centres = np.array([box.centre @ along for box in every])
    halves = np.array([box.length / 2 for box in every])
    left, right = float((centres - halves).min()), float((centres + halves).max())
    height = float(np.median([max(box.height for box in row) for row in rows]))
    quads = []
    for row in rows:
        box = max(row, key=lambda box: box.length)
        direction = box.along if box.along @ along > 0 else -box.along
        middle = box.centre + direction * ((left + right) / 2 - float(box.centre @ along))
        half = direction * ((right - left) / 2 + 0.25 * height)
        edge = _across(direction) * height / 2
        corners = (-half - edge, half - edge, half + edge, edge - half)
        quads.append(np.array([middle + corner for corner in corners], np.float32))
    return quads


def turned(rows: Sequence[Quad]) -> list[Quad]:
    """Give the rows that a reader sees who turns the page upside down."""
    return [np.roll(row, 2, axis=0) for row in reversed(rows)]


def widened(rows: Sequence[Quad], by: float) -> list[Quad]:
    """Give rows that are longer at both ends by a part of their length."""
    return [row + by * (row - row[[1, 0, 3, 2]]) for row in rows]


def angle(quad: Quad) -> float:
    """Angle of a line's text, radians clockwise, -pi..pi."""
    x, y = quad[1] - quad[0]
    return math.atan2(float(y), float(x))


def common_angle(quads: Sequence[Quad]) -> float:
    """Angle of most of the lines' length, radians clockwise; upright or upside down is not known.

    Returns:
        -pi/2..pi/2.
    """
    flat: list[Box] = []
    steep: list[Box] = []
    for box in map(Box.of, quads):
        (flat if abs(box.along[0]) > abs(box.along[1]) else steep).append(box)
    most = max(flat, steep, key=lambda boxes: sum(box.length for box in boxes))
    angles = [math.atan2(box.along[1], box.along[0]) for box in most]
    return float(np.median(angles)) if angles else 0.0


def along(quad: Quad, turn: float) -> Quad:
    """Order corners so that the first edge runs as nearly as possible at an angle, in radians."""
    wanted = np.array([math.cos(turn), math.sin(turn)])
    edges = np.roll(quad, -1, axis=0) - quad
    first = int(np.argmax(edges @ wanted / np.maximum(np.hypot(*edges.T), 1e-6)))
    return np.roll(quad, -first, axis=0)


def cut(pixels: Pixels, quad: Quad, height: int) -> Pixels:
    """Cut out a line and turn it upright.

    Args:
        pixels: uint8 RGB (H, W, 3).
        quad: its corners; beyond the border of the image its last pixels are repeated.
        height: of the result in pixels.
    """
    length, high = (float(np.hypot(*(quad[k] - quad[0]))) for k in (1, 3))
    scale = height / max(high, 1.0)
    width = max(round(length * scale), 8)
    x0, y0 = np.maximum(np.floor(quad.min(axis=0)).astype(int) - 2, 0)
    x1, y1 = np.maximum(np.ceil(quad.max(axis=0)).astype(int) + 2, 0)
    part = pixels[y0:y1, x0:x1]
    if not part.size:
        return np.zeros((height, width, 3), np.uint8)
    corners = quad - np.array([x0, y0], np.float32)
    if scale < 0.75:  # the warp takes four neighbours and would skip the others
        size = [max(round(side * scale), 1) for side in (part.shape[1], part.shape[0])]
        corners = corners * (np.array(size) / (part.shape[1], part.shape[0])).astype(np.float32)
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    to = np.array([[0, 0], [width, 0], [width, height]], np.float32)
    warp = cv2.getAffineTransform(np.ascontiguousarray(corners[:3], np.float32), to)
    upright = cv2.warpAffine(
        part, warp, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(upright, np.uint8)


def inside(quad: Quad, area: Quad) -> bool:
    """Whether the middle of a line lies in a quadrangle; none does in an empty one."""
    if not len(area):
        return False
    x, y = quad.mean(axis=0)
    return cv2.pointPolygonTest(area, (float(x), float(y)), False) >= 0
