from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.fingerprint import EYES_PX, SIDE
from training.photographs import NAME, SQUARES, squares

Pixels = NDArray[np.uint8]


def test_squares_have_the_sizes_of_faces_and_one_subject_a_photograph(
    tmp_path: Path, astronaut: Pixels
) -> None:
    (tmp_path / "more").mkdir()
    for name in ("one.png", "more/two.png"):
        cv2.imwrite(str(tmp_path / name), astronaut)
    (tmp_path / "README").write_text("not a photograph")
    found = list(squares(tmp_path, 0))
    assert len(found) == 2 * SQUARES
    assert {face.subject for face in found} == {f"{NAME}/one.png", f"{NAME}/more/two.png"}
    low, high = (round(SIDE * px) for px in EYES_PX)
    for face in found:
        assert face.real
        assert low <= len(face.patch) <= high
        assert face.patch.shape == face.blurred.shape
    again = list(squares(tmp_path, 0))
    assert all((a.patch == b.patch).all() for a, b in zip(found, again, strict=True))


def test_an_even_photograph_gives_none(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "sky.png"), np.full((600, 600, 3), 200, np.uint8))
    assert not list(squares(tmp_path, 0))


def test_a_broken_file_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff not a JPEG")
    assert not list(squares(tmp_path, 0))
