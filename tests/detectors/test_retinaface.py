from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.retinaface import anchors, decoded

SIZE = (64, 48)
"""Width and height: 8 by 6, 4 by 3 and 2 by 2 cells, two anchors in each."""


def silent() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    count = len(anchors(SIZE))
    return np.zeros((count, 4), np.float32), np.zeros(count, np.float32)


def test_anchors_stand_in_the_middle_of_their_cells_row_by_row() -> None:
    made = anchors(SIZE)
    assert len(made) == 2 * (8 * 6 + 4 * 3 + 2 * 2)
    np.testing.assert_array_equal(made[:3], [[4, 4, 16, 16], [4, 4, 32, 32], [12, 4, 16, 16]])
    np.testing.assert_array_equal(made[16], [4, 12, 16, 16])  # the second row of cells
    np.testing.assert_array_equal(made[96], [8, 8, 64, 64])  # the second level
    np.testing.assert_array_equal(made[-1], [48, 48, 512, 512])


def test_an_anchor_without_offsets_is_the_box() -> None:
    offsets, confidences = silent()
    confidences[1] = 0.95
    ((box, confidence),) = decoded(offsets, confidences, SIZE, 0.9)
    assert box == pytest.approx((-12, -12, 20, 20))
    assert confidence == pytest.approx(0.95)


def test_offsets_move_the_centre_and_scale_the_sides() -> None:
    offsets, confidences = silent()
    confidences[1] = 0.95
    offsets[1] = (5.0, -2.5, np.log(2) / 0.2, 0.0)  # half a side right, a quarter up, twice as wide
    ((box, _),) = decoded(offsets, confidences, SIZE, 0.9)
    assert box == pytest.approx((20 - 32, -4 - 16, 20 + 32, -4 + 16), abs=1e-4)


def test_boxes_of_one_face_leave_the_surest_and_unsure_ones_are_none() -> None:
    offsets, confidences = silent()
    confidences[[1, 3]] = 0.93, 0.97  # 32 px wide, 8 px apart: IoU 0.6
    confidences[97] = 0.89
    confidences[1 + 2 * 7 + 16 * 5] = 0.91  # far away
    found = decoded(offsets, confidences, SIZE, 0.9)
    assert [round(confidence, 2) for _, confidence in found] == [0.97, 0.91]
    assert decoded(offsets, confidences * 0, SIZE, 0.9) == []
