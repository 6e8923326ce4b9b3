from __future__ import annotations

import cv2
import numpy as np
import pytest

from detectors.quality.frame import measure_frame


def test_brightness_and_blur_are_those_of_the_reference(astronaut):
    """As its OpenCV calls give them: mean of the grey image, variance of its Laplacian."""
    grey = cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY)
    measures = measure_frame(astronaut)
    assert measures["brightness"] == pytest.approx(grey.mean(), abs=1e-9)
    assert measures["blur_variance"] == pytest.approx(cv2.Laplacian(grey, cv2.CV_64F).var())


@pytest.mark.parametrize("level", [0, 77, 255])
def test_an_even_frame_has_its_level_and_no_edges(level):
    measures = measure_frame(np.full((40, 60, 3), level, np.uint8))
    assert measures == pytest.approx({"brightness": level, "blur_variance": 0.0})


def test_the_sharpest_edges_there_are_do_not_overflow():
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    measures = measure_frame(np.repeat(board[..., None], 3, axis=2).astype(np.uint8))
    # Each pixel differs by 255 from all four neighbours: ±1020.
    assert measures["blur_variance"] == pytest.approx(1020**2, rel=0.01)
