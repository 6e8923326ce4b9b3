"""Faces are made of coefficients: of what jitters, blinks, speaks and turns in a known way."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.animation import measure_animation
from detectors.blendshapes import Blendshapes
from detectors.contracts import BLENDSHAPES
from detectors.expression import BLENDSHAPE_NAMES
from fusion.policy import load_policy

RATE = 10.0
HARDENED = load_policy("hardened").signal("blendshapes").mapping
LIDS = [BLENDSHAPE_NAMES.index(f"eyeBlink{side}") for side in ("Left", "Right")]
JAW = BLENDSHAPE_NAMES.index("jawOpen")


class Face:
    """Thirty rows of a smile, with what is added to them.

    Args:
        jitter: standard deviation of the noise of each coefficient.
        seconds: of the clip.
    """

    def __init__(self, jitter=0.015, seconds=3.0, rate=RATE, seed=0):
        rng = np.random.default_rng(seed)
        count = round(seconds * rate)
        self.times = np.arange(count) / rate
        smile = rng.beta(0.3, 3.0, BLENDSHAPES)
        self.rows = smile + rng.normal(0, jitter, (count, BLENDSHAPES))
        box = np.array([200.0, 120.0, 400.0, 380.0])
        self.boxes = box + rng.normal(0, 0.3, (count, 4))

    def blinking(self, at, depth=0.5, length=0.25, lids=LIDS):
        """Add a blink that takes ``length`` seconds at half its depth, shaped like a bell."""
        width = length / 2.355
        bell = depth * np.exp(-(((self.times - at) / width) ** 2) / 2)
        self.rows[:, lids] += bell[:, None]
        return self

    def speaking(self, size=0.3, hertz=1.3):
        self.rows[:, JAW] += size * np.sin(2 * np.pi * hertz * self.times)
        return self

    def nearing(self, size=0.3):
        """Come nearer, which the network mistakes for an expression."""
        near = np.linspace(-0.2, 0.2, len(self.times))
        self.boxes *= np.exp(near)[:, None]
        self.rows += size * near[:, None]
        return self

    def measured(self):
        return measure_animation(
            self.times, self.rows.astype(np.float32), self.boxes.astype(np.float32)
        )

    def alive(self):
        whole = {"active_ratio": 0.3, "energy": 3.0, "blink_right": 0.1, "blink_left": 0.1}
        score = Blendshapes.score(whole | {"variance": 1e-3} | self.measured(), HARDENED)
        assert score.value == pytest.approx(score.components["alive"])
        return score


@pytest.mark.parametrize("jitter", [0.0, 0.01, 0.03])
def test_jitter_of_landmarks_is_no_life(jitter):
    """In real clips the coefficients jitter by 0.01 to 0.03."""
    worst = max((Face(jitter, seed=seed) for seed in range(20)), key=lambda f: f.alive().value)
    assert worst.alive().value == 0.0
    assert worst.alive().reasons == ("still_face",)
    assert worst.measured()["blinks"] == 0
    assert worst.measured()["motion"] < 0.1


def test_jitter_is_measured_as_it_is():
    found = [Face(0.02, seconds=10, seed=seed).measured()["jitter"] for seed in range(5)]
    muscles = 43  # neither _neutral nor where the eyes look
    assert np.mean(found) == pytest.approx(0.02 * np.sqrt(muscles), rel=0.1)


def test_one_blink_is_life():
    face = Face().blinking(1.52)
    assert face.measured()["blinks"] == 1
    assert face.measured()["blink_depth"] == pytest.approx(0.45, abs=0.1)
    assert face.measured()["blink_s"] == pytest.approx(0.25, abs=0.1)
    assert face.alive().value == 1.0
    assert face.alive().reasons == ()


def test_blinks_are_counted():
    assert Face(seconds=6).blinking(1).blinking(2.5).blinking(4.2).measured()["blinks"] == 3


def test_a_mouth_that_opens_and_closes_is_life_without_a_blink():
    face = Face().speaking(size=0.7, hertz=0.7)
    assert face.measured()["blinks"] == 0
    assert face.measured()["motion"] == pytest.approx(0.7 / np.sqrt(2), rel=0.1)
    assert face.alive().value == 1.0


def test_of_what_is_nearly_as_fast_as_the_rows_a_part_counts_as_jitter():
    slow, fast = (Face().speaking(size=0.7, hertz=hertz).measured() for hertz in (0.7, 1.3))
    assert fast["motion"] < 0.8 * slow["motion"]
    assert fast["jitter"] > slow["jitter"]


def test_one_lid_is_no_blink():
    assert Face().blinking(1.5, lids=LIDS[:1]).measured()["blinks"] == 0


def test_eyes_that_stay_closed_are_no_blink():
    assert Face(seconds=5).blinking(2.5, length=1.2).measured()["blinks"] == 0


@pytest.mark.parametrize("at", [0.0, 2.9])
def test_a_clip_that_begins_or_ends_with_closed_eyes_shows_no_blink(at):
    assert Face().blinking(at, length=0.4).measured()["blinks"] == 0


def test_lids_that_fall_faster_than_they_rise():
    face = Face(jitter=0.0, rate=30.0)
    falls = np.clip((face.times - 1.4) / 0.1, 0, 1) * (face.times < 1.5)
    rises = np.clip(1 - (face.times - 1.5) / 0.3, 0, 1) * (face.times >= 1.5)
    face.rows[:, LIDS] += 0.6 * (falls + rises)[:, None]
    # 0.1 s down and 0.3 s up: (3 - 1) / (3 + 1), were the box to follow nothing of it.
    assert 0.3 < face.measured()["blink_haste"] < 0.55
    assert face.measured()["blink_s"] == pytest.approx(0.2, abs=0.05)


def test_what_follows_the_place_of_the_face_is_no_expression():
    assert Face().nearing().measured()["motion"] < 0.1
    assert Face().nearing().blinking(1.5).measured()["blink_depth"] > 0.3


def test_asymmetry_is_that_of_the_muscles():
    face = Face(jitter=0.0)
    names = [name for name in BLENDSHAPE_NAMES if name.endswith("Left")]
    left, right = (
        [BLENDSHAPE_NAMES.index(name.replace("Left", side)) for name in names]
        for side in ("Left", "Right")
    )
    face.rows[:, right] = face.rows[:, left]
    assert face.measured()["asymmetry"] == pytest.approx(0, abs=1e-6)
    face.rows[:, right] += 0.2
    assert face.measured()["asymmetry"] == pytest.approx(0.2, abs=1e-6)


def test_rows_without_a_face_are_left_out():
    face = Face(seconds=6).blinking(1.5)
    expected = face.measured()
    gaps = Face(seconds=6).blinking(1.5)
    gaps.rows = np.insert(gaps.rows, range(1, 60), np.nan, axis=0)
    gaps.boxes = np.insert(gaps.boxes, range(1, 60), np.nan, axis=0)
    gaps.times = np.sort(np.concatenate([gaps.times, gaps.times[:-1] + 0.05]))
    assert gaps.measured() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("seconds", "rate"), [(1.4, 20.0), (3.0, 4.0)])
def test_too_few_rows_or_too_short_says_nothing(seconds, rate):
    assert Face(seconds=seconds, rate=rate).measured() == {}
    assert measure_animation(np.zeros(0), np.zeros((0, 52), np.float32), np.zeros((0, 4))) == {}
