from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.pulse import simulated
from detectors.pulse import RATE, STEP, WINDOW, Peak, find_peak, pulse_trace
from detectors.rppg import BACKGROUND, SKIN
from evaluation.intervals import proportion

COLOUR = np.array([170.0, 120.0, 100.0])
PULSE = np.array([0.33, 0.77, 0.53])
"""How strongly a pulse shows in red, green and blue (Wang et al. 2017)."""

CLAIMED = 0.01


def wave(at: NDArray[np.float64], hz: float, phases: tuple[float, ...]) -> NDArray[np.float64]:
    """Colours (T, R, 3) of regions that pulse by 0.4%, each with its phase, in noise of 0.1%."""
    rng = np.random.default_rng(0)
    waves = np.stack([np.sin(2 * np.pi * hz * at + phase) for phase in phases], axis=1)
    change = 0.004 * waves[..., None] * PULSE
    change += 0.001 * rng.standard_normal(change.shape)
    return np.asarray(COLOUR * (1 + change))


def peak(at: NDArray[np.float64], regions: NDArray[np.float64]) -> Peak:
    found = find_peak(at, regions)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("seconds", "snr_db", "least"),
    [(3, 20.0, 0.4), (5, 15.0, 0.5), (10, 9.0, 0.5), (10, 15.0, 0.8)],
)
@pytest.mark.parametrize("noise", ["white", "pink"])
def test_a_pulse_is_found_at_its_rate(
    seconds: int, snr_db: float, least: float, noise: str
) -> None:
    rng = np.random.default_rng(4)
    found = []
    for draw in range(25):
        hz = (0.8, 1.0, 1.3, 1.7, 2.2)[draw % 5]
        clip = simulated(seconds, (15, 24, 30)[draw % 3], noise, 0.3, rng, hz, snr_db)
        one = peak(clip.times, clip.roi_rgb[:, SKIN].astype(np.float64))
        if one.p_value <= CLAIMED:
            assert 60 * one.hz == pytest.approx(60 * hz, abs=45 / seconds)
            found.append(one)
    assert len(found) >= least * 25


def test_noise_of_any_colour_is_taken_for_a_pulse_as_rarely_as_is_claimed() -> None:
    """Independent, half or nearly all common to the regions; 300 clips of 3, 5 and 10 s."""
    rng = np.random.default_rng(5)
    taken: Counter[str] = Counter()
    looked: Counter[str] = Counter()
    for draw in range(300):
        noise = ("white", "pink", "brown")[draw % 3]
        seconds, shared = (3, 5, 10)[draw // 3 % 3], (0.0, 0.5, 0.9)[draw // 9 % 3]
        clip = simulated(seconds, (15, 24, 30)[draw // 27 % 3], noise, shared, rng)
        one = peak(clip.times, clip.roi_rgb[:, SKIN].astype(np.float64))
        for what in ("all", noise, f"{seconds} s"):
            looked[what] += 1
            taken[what] += one.p_value <= CLAIMED
    for what in looked:
        share = proportion(taken[what], looked[what])
        assert share.low is not None
        assert share.high is not None
        assert share.low <= CLAIMED, what
        assert share.high <= (0.03 if what == "all" else 0.08), what


def test_the_p_value_of_one_trace_is_uniform_in_noise() -> None:
    rng = np.random.default_rng(6)
    clips = [simulated(5, 30, "white", 0.0, rng) for _ in range(150)]
    values = np.array(
        [
            peak(clip.times, clip.roi_rgb[:, [BACKGROUND]].astype(np.float64)).p_periodicity
            for clip in clips
        ]
    )
    # It is the worst of three slopes, so that it may be greater than uniform, never less.
    for level in (0.05, 0.2, 0.5):
        share = proportion(int((values <= level).sum()), len(values))
        assert share.low is not None
        assert share.low <= level
    assert (values <= 0.5).mean() > 0.2


def test_noise_that_all_regions_share_is_coherent_and_not_periodic() -> None:
    clip = simulated(10, 30, "white", 0.98, np.random.default_rng(2))
    one = peak(clip.times, clip.roi_rgb[:, SKIN].astype(np.float64))
    assert one.p_coherence <= CLAIMED
    assert one.p_periodicity > 0.05


def test_regions_that_beat_apart_are_no_pulse() -> None:
    at = np.arange(0, 10, 1 / 30)
    together = peak(at, wave(at, 1.2, (0.3, 0.3, 0.3)))
    assert together.p_value <= CLAIMED
    assert together.regions == 3
    for phases in [(0.0, 2.0, 4.2), (0.0, 1.6, 3.1)]:
        assert peak(at, wave(at, 1.2, phases)).p_value > CLAIMED


def test_one_region_can_agree_with_nobody() -> None:
    at = np.arange(0, 10, 1 / 30)
    alone = peak(at, wave(at, 1.2, (0.3,)))
    assert alone.p_periodicity <= 0.001
    assert alone.p_coherence == alone.p_value == 1.0


def test_the_same_clip_gets_the_same_answer() -> None:
    at = np.arange(0, 5, 1 / 30)
    regions = wave(at, 1.5, (0.0, 0.5, 1.0))
    assert find_peak(at, regions) == find_peak(at.copy(), regions.copy())


def test_the_trace_is_that_of_the_paper() -> None:
    """Algorithm 1 of Wang et al. 2017, but for its ends, on frames that need no resampling."""
    rng = np.random.default_rng(8)
    colours = COLOUR * (1 + 0.01 * rng.standard_normal((60, 3)))
    expected, windows = np.zeros(60), np.zeros(60)
    for end in range(WINDOW, 61):
        window = colours[end - WINDOW : end].T
        normalised = window / window.mean(axis=1, keepdims=True)
        s = np.array([[0, 1, -1], [-2, 1, 1]]) @ normalised
        h = s[0] + s[0].std() / s[1].std() * s[1]
        expected[end - WINDOW : end] += h - h.mean()
        windows[end - WINDOW : end] += 1
    # Four times as many frames, so that the mean of four is a frame of the above.
    at = np.arange(240) / (4 * RATE)
    trace = pulse_trace(at, np.repeat(colours, 4, axis=0))
    assert trace is not None
    np.testing.assert_allclose(trace, expected / windows, atol=1e-12)


@pytest.mark.parametrize("fps", [12, 25, 30, 60])
def test_a_trace_is_as_long_as_its_clip(fps: int) -> None:
    for seconds in (2.6, 3.0, 4.7, 10.0):
        at = np.arange(round(seconds * fps)) / fps
        trace = pulse_trace(at, wave(at, 1.2, (0.0,))[:, 0])
        assert trace is not None
        assert len(trace) % STEP == 0
        assert seconds - 0.3 <= len(trace) / RATE <= seconds + 0.05


def test_frames_that_come_unevenly_keep_the_rate() -> None:
    """A camera that halves its rate when the light falls: 30 frames a second, then 15."""
    at = np.concatenate([np.arange(0, 5, 1 / 30), np.arange(5, 10, 1 / 15)])
    regions = wave(at, 1.2, (0.0, 0.1, 0.2))
    true = peak(at, regions)
    assert 60 * true.hz == pytest.approx(72, abs=1.5)
    assert true.p_value <= CLAIMED
    even = peak(np.linspace(0, at[-1], len(at)), regions)
    assert abs(60 * even.hz - 72) > 5


def test_frames_in_which_a_region_is_hidden_are_bridged() -> None:
    at = np.arange(0, 10, 1 / 30)
    regions = wave(at, 1.2, (0.0, 0.0, 0.0))
    regions[40:44, 0] = np.nan
    regions[120:123] = np.nan
    one = peak(at, regions)
    assert 60 * one.hz == pytest.approx(72, abs=1.5)
    assert one.p_value <= CLAIMED


def test_a_region_that_shows_nothing_is_left_out() -> None:
    at = np.arange(0, 10, 1 / 30)
    regions = wave(at, 1.2, (0.0, 0.1, 0.2))
    regions[:, 1] = 255.0
    assert peak(at, regions).regions == 2
    regions[:, 2] = np.nan
    assert peak(at, regions).regions == 1


@pytest.mark.parametrize("colour", [0.0, 90.0, 255.0, np.nan])
def test_nothing_is_found_where_nothing_changes(colour: float) -> None:
    at = np.arange(0, 3, 1 / 30)
    assert find_peak(at, np.full((len(at), 3, 3), colour)) is None


@pytest.mark.parametrize("frames", [1, 2, 40])
def test_a_clip_that_is_too_short_has_no_peak(frames: int) -> None:
    at = np.arange(frames) / 30
    assert find_peak(at, wave(at, 1.2, (0.0, 0.0, 0.0))) is None


def test_a_face_that_freezes_for_two_seconds_does_no_harm() -> None:
    at = np.arange(0, 10, 1 / 30)
    regions = wave(at, 1.2, (0.0, 0.1, 0.2))
    regions[90:150] = regions[90]
    assert 60 * peak(at, regions).hz == pytest.approx(72, abs=3)
