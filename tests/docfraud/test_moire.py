"""The page is measured as a face's crop is; what is its own is the picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from detectors.contracts import Status
from detectors.interference_pictures import SIDE
from detectors.moire import MoireMapping, measure_moire, score_moire
from detectors.pictures import RED, Image
from detectors.pixels import Pixels
from docfraud.contracts import Page
from docfraud.moire import Moire

PATCHWISE = MoireMapping(ratio_weight=0.0, interference_weight=1.0)


def page(pixels: Pixels) -> Page:
    return Page(pixels, "png", b"")


def striped(fx: float, fy: float) -> Pixels:
    y, x = np.mgrid[:300, :400]
    noise = np.random.default_rng(0).normal(0, 4, (300, 400))
    grey = 128 + noise + 20 * np.cos(2 * np.pi * (fx * x + fy * y))
    return np.repeat(np.rint(grey).astype(np.uint8)[..., None], 3, axis=2)


def marked(picture: Pixels) -> Pixels:
    return np.asarray((picture == np.array(RED, np.uint8)).all(axis=2))


def test_a_page_is_measured_as_any_picture(astronaut: Pixels) -> None:
    measured = Moire().measure(page(astronaut))
    assert measured == measure_moire(astronaut)
    mapping = MoireMapping()
    assert Moire.score(measured.measures, mapping) == score_moire(measured.measures, mapping)


def test_the_picture_marks_the_peak() -> None:
    """And its mirror image: 0.25 cycles per pixel to the right, 0.15 up."""
    picture = Moire().picture(page(striped(0.25, -0.15)))
    assert picture is not None
    assert picture.shape == (SIDE, 2 * SIDE, 3)
    assert picture.dtype == np.uint8
    rows, columns = np.nonzero(marked(picture)[:, SIDE:])
    right, left = columns > SIDE // 2, columns < SIDE // 2
    for half, sign in ((right, 1), (left, -1)):
        assert columns[half].mean() == pytest.approx(SIDE * (0.5 + sign * 0.25), abs=2)
        assert rows[half].mean() == pytest.approx(SIDE * (0.5 - sign * 0.15), abs=2)


def test_the_spectrum_is_brightest_where_the_peak_is_marked() -> None:
    picture = Moire().picture(page(striped(0.25, -0.15)))
    assert picture is not None
    grey = picture[:, SIDE:, 1]
    for sign in (1, -1):
        x, y = round(SIDE * (0.5 + sign * 0.25)), round(SIDE * (0.5 - sign * 0.15))
        inside = grey[y - 5 : y + 6, x - 5 : x + 6]
        assert inside.max() > 200
        assert inside.max() > np.quantile(grey, 0.99)


def test_the_map_is_red_where_the_grid_is() -> None:
    pixels = striped(0.25, -0.15)
    plain = striped(0.0, 0.0)
    both = np.hstack((plain, pixels))
    picture = Moire().picture(page(both))
    assert picture is not None
    reddish = picture[:, :SIDE].astype(int)
    strength = reddish[..., 0] - reddish[..., 2]
    assert strength[:, SIDE // 2 + 8 :].max() > strength[:, : SIDE // 4].max() + 60


@pytest.mark.parametrize("size", [(20, 30), (255, 2000), (1, 1)])
def test_a_small_page_has_no_picture(size: tuple[int, int]) -> None:
    small = page(np.zeros((*size, 3), np.uint8))
    assert Moire().picture(small) is None
    assert Moire().measure(small).status is Status.ABSTAINED


def test_an_even_page_can_be_drawn() -> None:
    assert Moire().picture(page(np.full((300, 400, 3), 255, np.uint8))) is not None


def test_a_page_is_left_as_it_was(astronaut: Pixels) -> None:
    before = astronaut.copy()
    Moire().picture(page(astronaut))  # read-only, as a decoded page is
    assert (astronaut == before).all()


@pytest.mark.data
def test_guilloche_and_halftone_are_no_screens(data_dir: Path) -> None:
    """Specimens, many of them scans of print; too many would be stopped by the reference's rule."""
    folder = data_dir / "documents" / "mrz_docs" / "passporteye"
    judged, alarms = 0, 0
    for file in sorted(folder.iterdir()):
        measured = Moire().measure(page(np.asarray(cv2.imread(str(file))[..., ::-1], np.uint8)))
        if measured.status is Status.OK:
            judged += 1
            alarms += Moire.score(measured.measures, PATCHWISE).value < 0.5
    assert judged >= 20
    assert alarms <= 0.1 * judged


def test_the_pictures_are_the_halves_of_the_picture(astronaut: Pixels) -> None:
    whole = Moire().picture(page(astronaut))
    where, spectrum = Moire().pictures(page(astronaut))
    assert whole is not None
    assert isinstance(where, Image)
    assert isinstance(spectrum, Image)
    assert (where.name, spectrum.name) == ("map", "spectrum")
    assert (np.hstack((where.pixels, spectrum.pixels)) == whole).all()
    assert Moire().pictures(page(astronaut[:100])) == ()
