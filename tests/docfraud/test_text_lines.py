from __future__ import annotations

import math

import numpy as np
import pytest

from docfraud.text_lines import (
    Quad,
    along,
    angle,
    common_angle,
    cut,
    inside,
    turned,
    widened,
    zones,
)


def quad(x: float, y: float, length: float, height: float = 20, degrees: float = 0) -> Quad:
    """A line that begins at a corner and runs at an angle about the origin."""
    corners = np.array([[x, y], [x + length, y], [x + length, y + height], [x, y + height]])
    turn = math.radians(degrees)
    spin = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    return (corners @ spin).astype(np.float32)


@pytest.mark.parametrize("degrees", [0, 7, -30, 90, 135, 180])
def test_a_zone_among_other_lines(degrees: float) -> None:
    rows = [quad(0, 0, 900, degrees=degrees), quad(0, 45, 900, degrees=degrees)]
    others = [quad(300, -60 * k, 100 + 40 * k, degrees=degrees) for k in (2, 3, 4)]
    found = list(zones([*others, *rows]))
    assert len(found) == 1
    assert sorted(len(zone) for zone in found) == [2]
    centres = {tuple(np.rint(row.mean(axis=0))) for row in found[0]}
    assert centres == {tuple(np.rint(row.mean(axis=0))) for row in rows}


def test_a_broken_line_is_one_row_as_long_as_the_zone() -> None:
    pieces = [quad(0, 0, 500), quad(520, 0, 300), quad(0, 45, 900)]
    (zone,) = zones(pieces)
    assert [float(np.hypot(*(row[1] - row[0]))) for row in zone] == [910, 910]


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [quad(0, 0, 900)],
        [quad(0, 0, 100), quad(0, 45, 100)],  # too short for their height
        [quad(0, 0, 900), quad(0, 300, 900)],  # far apart
        [quad(0, 0, 900), quad(0, 45, 900, degrees=30)],
    ],
)
def test_what_is_no_zone(lines: list[Quad]) -> None:
    assert not list(zones(lines))


def test_wider_at_both_ends() -> None:
    (row,) = widened([quad(100, 0, 200)], 0.1)
    np.testing.assert_allclose(row, quad(80, 0, 240), atol=1e-4)


def test_upside_down() -> None:
    rows = [quad(0, 0, 900), quad(0, 45, 900)]
    assert angle(rows[0]) == 0
    assert abs(angle(turned(rows)[0])) == pytest.approx(math.pi)
    np.testing.assert_array_equal(turned(rows)[0][0], rows[1][2])


@pytest.mark.parametrize(("degrees", "expected"), [(0, 0), (10, 10), (-20, -20), (80, 80)])
def test_the_angle_of_most_text(degrees: float, expected: float) -> None:
    lines = [quad(0, 40 * k, 300, degrees=degrees) for k in range(3)]
    odd = quad(0, 500, 200, degrees=degrees + 90)
    assert math.degrees(common_angle([*lines, odd])) == pytest.approx(expected, abs=0.01)


def test_no_text_has_no_angle() -> None:
    assert common_angle([]) == 0


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_cut_line_is_upright(degrees: int) -> None:
    pixels = np.zeros((200, 400, 3), np.uint8)
    pixels[80:100, 50:150] = 255  # the left half of the line is white
    pixels[80:100, 150:250] = 100
    corners = np.array([[50, 80], [250, 80], [250, 100], [50, 100]], np.float32)
    turns = degrees // 90
    image = np.rot90(pixels, -turns)
    for _ in range(turns):  # clockwise: x' = height - y, y' = x
        corners = np.stack([200 - corners[:, 1], corners[:, 0]], axis=1)
        pixels = np.rot90(pixels, -1)
        if pixels.shape[0] != 400:
            corners[:, 0] += 200
    line = cut(np.ascontiguousarray(image), along(corners, math.radians(degrees)), 40)
    assert line.shape == (40, 400, 3)
    assert line[10:30, 20:180].mean() == pytest.approx(255, abs=2)
    assert line[10:30, 220:380].mean() == pytest.approx(100, abs=2)


def test_beyond_the_border_the_image_goes_on() -> None:
    pixels = np.full((50, 50, 3), 77, np.uint8)
    assert (cut(pixels, quad(-20, 10, 200), 48) == 77).all()
    assert not cut(pixels, quad(500, 500, 200), 48).any()


def test_inside() -> None:
    area = quad(0, 0, 100, 100)
    assert inside(quad(10, 10, 50), area)
    assert not inside(quad(200, 10, 50), area)
    assert not inside(quad(10, 10, 50), np.zeros((0, 2), np.float32))
