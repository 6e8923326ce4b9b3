from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.face import FaceLocator
from detectors.fingerprint import EYES_PX, SIDE, encoded
from training.faces import BLUR, LARGEST, Source, drawn, encoded_twice, gather, read_subjects

Pixels = NDArray[np.uint8]
START = np.array([3, 5])


@pytest.fixture(scope="module")
def locator() -> FaceLocator:
    found = FaceLocator()
    found.load()
    return found


def save(path: Path, pixels: Pixels, quality: int = 95) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])


def close_up(astronaut: Pixels) -> Pixels:
    """The astronaut's face with its eyes about 115 pixels apart."""
    return cv2.resize(astronaut[20:220, 120:320], None, fx=2.5, fy=2.5).astype(np.uint8)


def test_faces_are_prepared_alike_whatever_else_is_there(
    tmp_path: Path, astronaut: Pixels, locator: FaceLocator
) -> None:
    save(tmp_path / "one/a.jpg", close_up(astronaut))
    sources = [Source("one", True, "one")]
    (alone,) = gather(tmp_path, 0, locator, sources)
    save(tmp_path / "one/b.jpg", np.full((64, 64, 3), 90, np.uint8))  # no face: left out
    (beside,) = gather(tmp_path, 0, locator, sources)
    assert (alone.patch == beside.patch).all()
    assert alone.patch.shape == alone.blurred.shape
    low, high = (round(SIDE * px) for px in EYES_PX)
    assert low <= len(alone.patch) <= high
    (other,) = gather(tmp_path, 1, locator, sources)
    assert len(other.patch) != len(alone.patch)


def test_large_faces_can_be_left_at_their_scale(
    tmp_path: Path, astronaut: Pixels, locator: FaceLocator
) -> None:
    save(tmp_path / "one/large.jpg", cv2.resize(close_up(astronaut), None, fx=1.5, fy=1.5))
    save(tmp_path / "one/small.jpg", astronaut)  # eyes 47 px apart
    (face,) = gather(tmp_path, 0, locator, [Source("one", True, "one")], native=True)
    assert face.patch.shape == (LARGEST, LARGEST, 3)


def test_a_face_that_would_have_to_be_enlarged_is_left_out(
    tmp_path: Path, astronaut: Pixels, locator: FaceLocator
) -> None:
    small = cv2.resize(astronaut, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    save(tmp_path / "one/small.jpg", small.astype(np.uint8))  # eyes 33 px apart
    assert not list(gather(tmp_path, 0, locator, [Source("one", True, "one")]))


def test_two_encodings_leave_little_of_the_quality_that_a_file_came_with(
    astronaut: Pixels,
) -> None:
    """The finest detail of two files of one picture differs by less than before."""

    def fine(pixels: Pixels) -> float:
        level = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
        return float(np.abs(level - cv2.GaussianBlur(level, (0, 0), 1.0)).mean())

    _, data = cv2.imencode(".jpg", astronaut[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 50])
    poor = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB).astype(np.uint8)
    before = fine(astronaut) / fine(poor)
    after = fine(encoded_twice(astronaut, 0.5, START)[0]) / fine(encoded_twice(poor, 0.5, START)[0])
    assert before > after > 0.9


def test_the_blurred_copy_has_lost_its_detail(astronaut: Pixels) -> None:
    plain, blurred = encoded_twice(astronaut, 1.0, START)
    assert plain.shape == blurred.shape == (512 - 3, 512 - 5, 3)
    assert cv2.Laplacian(blurred, cv2.CV_32F).std() < 0.1 * cv2.Laplacian(plain, cv2.CV_32F).std()
    wide = cv2.GaussianBlur(plain, (0, 0), 2 * BLUR).astype(float)
    assert np.abs(cv2.GaussianBlur(blurred, (0, 0), 2 * BLUR) - wide).mean() < 6


def test_encoding_keeps_the_order_of_the_channels(astronaut: Pixels) -> None:
    assert np.abs(encoded(astronaut).mean((0, 1)) - astronaut.mean((0, 1))).max() < 2


def test_what_is_drawn_depends_on_the_seed_alone(tmp_path: Path) -> None:
    for at in range(12):
        save(tmp_path / f"a/{at}.jpg", np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "a/notes.txt").write_text("no image")
    source = Source("a", True, "a", most=5)
    assert drawn(tmp_path, source, 0) == drawn(tmp_path, source, 0)
    assert len(drawn(tmp_path, source, 0)) == 5
    assert drawn(tmp_path, source, 0) != drawn(tmp_path, source, 1)
    assert drawn(tmp_path, source.limited(2), 0) == drawn(tmp_path, source, 0)[:2]
    assert len(drawn(tmp_path, Source("a", True, "a"), 0)) == 12
    assert not drawn(tmp_path, Source("a", True, "a", part="/live/"), 0)


def test_subjects_come_from_the_manifest(tmp_path: Path) -> None:
    assert read_subjects(tmp_path) == {}
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "subject"))
        writer.writerows([("a.jpg", "anna"), ("b.jpg", ""), ("c.jpg", "see csv"), ("d.jpg", "?")])
    assert read_subjects(tmp_path) == {"a.jpg": "anna"}
