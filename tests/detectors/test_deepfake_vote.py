from __future__ import annotations

import numpy as np
import pytest

from detectors.deepfake_vote import HIGH_VARIANCE, vote


def test_one_frame_is_its_own_answer() -> None:
    alone = vote([0.3])
    assert (alone.real, alone.faces, alone.variance) == (pytest.approx(0.3), 1, 0.0)


def test_a_sure_frame_counts_for_more() -> None:
    voted = vote([0.98, 0.40, 0.40])
    weights = [0.98, 0.60, 0.60]
    assert voted.real == pytest.approx(np.average([0.98, 0.40, 0.40], weights=weights))
    assert voted.real > np.mean([0.98, 0.40, 0.40])


def test_the_vote_is_as_fair_to_a_fake() -> None:
    assert vote([0.02, 0.60, 0.60]).real == pytest.approx(1 - vote([0.98, 0.40, 0.40]).real)


def test_frames_that_disagree_are_flagged() -> None:
    assert not vote([0.9, 0.95, 0.92]).high_variance
    torn = vote([0.95, 0.05, 0.95, 0.05])
    assert torn.variance == pytest.approx(0.45**2)
    assert torn.high_variance
    assert vote([0.95] * 5 + [0.5] * 5).variance > HIGH_VARIANCE
