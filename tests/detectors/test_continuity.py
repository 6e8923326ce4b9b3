from __future__ import annotations

import numpy as np
import pytest

from detectors.continuity import Continuity


def frames(count):
    """Frames of a grey wall, of which noise makes each one new."""
    rng = np.random.default_rng(0)
    return [rng.normal(128, 2, (48, 64, 3)).astype(np.uint8) for _ in range(count)]


def measured(pictures, times=None):
    watched = Continuity()
    for at, pixels in enumerate(pictures):
        watched.add(at / 30 if times is None else times[at], pixels)
    return watched.measures()


def test_a_camera_repeats_nothing():
    found = measured(frames(30))
    assert (found["clip_repeated"], found["clip_returned"]) == (0, 0)


def test_one_picture_again_and_again():
    found = measured(frames(1) * 30)
    assert (found["clip_repeated"], found["clip_returned"]) == (1, 0)


def test_a_slow_camera_in_a_fast_clip_repeats_but_does_not_return():
    found = measured([pixels for pixels in frames(10) for _ in range(3)])
    assert found["clip_repeated"] == pytest.approx(20 / 29)
    assert found["clip_returned"] == 0


def test_a_loop_returns():
    found = measured(frames(10) * 3)
    assert found["clip_repeated"] == 0
    assert found["clip_returned"] == pytest.approx(20 / 29)


def test_a_copy_is_no_other_array():
    first = frames(1)[0]
    assert measured([first, first.copy()])["clip_repeated"] == 1


def test_one_level_of_one_sample_makes_a_frame_new():
    first = frames(1)[0]
    other = first.copy()
    other[4, 8, 1] ^= 1
    assert measured([first, other])["clip_repeated"] == 0


def test_unevenness_of_times():
    made_up = measured(frames(20), [at / 30 for at in range(20)])
    assert made_up["clip_unevenness"] == pytest.approx(0, abs=1e-9)
    rng = np.random.default_rng(1)
    jittered = np.arange(200) / 30 + rng.normal(0, 0.002, 200)
    # Both ends of an interval jitter.
    expected = 0.002 * np.sqrt(2) * 30
    assert measured(frames(200), jittered)["clip_unevenness"] == pytest.approx(expected, rel=0.15)


def test_one_frame_says_nothing():
    assert measured(frames(1)) == {}
    assert measured([]) == {}
