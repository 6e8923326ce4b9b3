from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bundles import bundle_with
from numpy.typing import NDArray

from benchmarks.pulse import shaken as shaken_still
from benchmarks.pulse import traced
from benchmarks.sessions import windows
from detectors.clip import ClipSettings, trace_clip
from detectors.contracts import Clip, FaceBundle, Measurement, NoOpinion, Status
from detectors.landmarks import load_landmarker
from detectors.pictures import Plot
from detectors.rppg import Rppg, RppgMapping
from detectors.runner import Runner
from evaluation.intervals import proportion
from media.clips import read_clip

FAITHFUL = RppgMapping()
SKIN_COLOUR = np.array([170.0, 120.0, 100.0])
WALL_COLOUR = np.array([140.0, 145.0, 150.0])
PULSE = np.array([0.33, 0.77, 0.53])
"""How strongly a pulse shows in red, green and blue (Wang et al. 2017)."""


def times(fps: float, seconds: float, jitter: float = 0.0, seed: int = 0) -> NDArray[np.float64]:
    """Presentation times from 0, each moved by up to ``jitter`` of a frame."""
    count = round(fps * seconds)
    rng = np.random.default_rng(seed)
    moved = np.arange(count) + rng.uniform(-jitter, jitter, count)
    return np.asarray((moved - moved[:1]) / fps)


def clip(
    at: NDArray[np.float64],
    hz: float | None,
    amplitude: float = 0.004,
    noise: float = 0.001,
    seed: int = 0,
) -> Clip:
    """A still face whose skin pulses at ``hz`` in front of a wall that does not.

    ``amplitude`` and ``noise`` (standard deviation per channel of each region) are relative to
    the mean colour.
    """
    rng = np.random.default_rng(seed)
    colours = np.array([SKIN_COLOUR] * 3 + [WALL_COLOUR])
    change = noise * rng.standard_normal((len(at), 4, 3))
    if hz is not None:
        wave = np.sin(2 * np.pi * hz * at + rng.uniform(0, 2 * np.pi))
        change[:, :3] += amplitude * wave[:, None, None] * PULSE
    return Clip(
        times=at,
        roi_rgb=(colours * (1 + change)).astype(np.float32),
        boxes=np.tile(np.array([200, 100, 400, 380], np.float32), (len(at), 1)),
        landmarks=np.zeros((0, 478, 3), np.float32),
        blendshapes=None,
        tracks=(),
        frame_size=(640, 480),
    )


def bundle(of: Clip | None) -> FaceBundle:
    return bundle_with(clip=of)


def measure(of: Clip) -> Measurement:
    for array in (of.times, of.roi_rgb, of.boxes):
        array.setflags(write=False)
    return Runner(Rppg())(bundle(of).only(Rppg.needs))


def found(of: Clip) -> dict[str, float]:
    measured = measure(of)
    assert measured.status is Status.OK, measured.reasons
    return dict(measured.measures)


@pytest.mark.parametrize("fps", [15, 24, 30, 60])
@pytest.mark.parametrize("hz", [0.75, 0.9, 1.2, 1.9, 2.7, 3.6])
def test_a_pulse_is_found_at_its_rate(fps: int, hz: float) -> None:
    for seed in range(5):
        pulsing = clip(times(fps, 6, jitter=0.3, seed=seed), hz, seed=seed)
        measures = found(pulsing)
        one_bin = 60 / measures["duration_s"]
        assert measures["fps"] == pytest.approx(fps, rel=0.02)
        assert measures["bpm"] == pytest.approx(60 * hz, abs=one_bin)
        assert measures["bpm_interpolated"] == pytest.approx(60 * hz, abs=one_bin / 2)
        assert measures["snr_db"] > 8


@pytest.mark.parametrize("seconds", [3, 5, 10])
def test_the_interpolated_rate_is_finer_than_a_bin(seconds: int) -> None:
    hz = 53 / 60
    measures = found(clip(times(30, seconds), hz, noise=0.0002))
    assert measures["bpm"] == pytest.approx(53, abs=60 / seconds)
    assert measures["bpm_interpolated"] == pytest.approx(53, abs=12 / seconds)


@pytest.mark.parametrize("amplitude", [0.002, 0.004, 0.008])
@pytest.mark.parametrize("fps", [20, 30])
def test_the_snr_is_that_of_the_constructed_signal(amplitude: float, fps: int) -> None:
    """A sine on bin k and white noise: (a T/2)² over T σ², after the projection."""
    seconds, hz, noise = 10, 1.5, 0.002
    sigma2 = noise**2 / 3  # three regions are averaged
    red, green, blue = amplitude * PULSE
    first = (green - blue) ** 2 / 2 + 2 * sigma2
    second = (green + blue - 2 * red) ** 2 / 2 + 6 * sigma2
    alpha = np.sqrt(first / second)
    height = (green - blue) + alpha * (green + blue - 2 * red)
    expected = 10 * np.log10(height**2 * fps * seconds / 4 / (sigma2 * (2 + 6 * alpha**2)))
    at = times(fps, seconds)
    snr = [found(clip(at, hz, amplitude, noise, seed))["snr_db"] for seed in range(30)]
    # The ends of the band lie on the filter's flank, so the mean noise is a little lower.
    assert np.mean(snr) == pytest.approx(expected + 0.5, abs=1.0)


@pytest.mark.parametrize("fps", [15, 24, 30, 60])
def test_noise_stands_out_less_than_a_pulse(fps: int) -> None:
    at = times(fps, 5, jitter=0.2)
    noise = [found(clip(at, None, seed=seed)) for seed in range(30)]
    pulses = [found(clip(at, 1.3, seed=seed)) for seed in range(30)]
    assert np.median([m["snr_db"] for m in noise]) == pytest.approx(6, abs=1.5)
    assert max(m["snr_db"] for m in noise) < min(m["snr_db"] for m in pulses)
    assert np.ptp([m["bpm"] for m in noise]) > 60
    assert all(Rppg.score(m, FAITHFUL).value > 0.9 for m in pulses)


def test_the_references_rule_takes_noise_for_a_pulse_far_too_often() -> None:
    """Why this signal may support but never decide."""
    noise = [found(clip(times(30, 3), None, seed=seed)) for seed in range(100)]
    passed = [m["snr_db"] > 5 and 50 <= m["bpm"] <= 120 for m in noise]
    assert 0.3 < np.mean(passed) < 0.6


def test_a_clip_is_read_at_its_own_frame_rate() -> None:
    at = times(25, 6)
    true = clip(at, 1.5)
    assumed = replace(true, times=np.arange(len(at)) / 30)
    assert found(true)["bpm"] == pytest.approx(90, abs=10)
    assert found(assumed)["bpm"] == pytest.approx(90 * 30 / 25, abs=10)


def test_frames_that_come_unevenly_keep_the_pulse_sharp() -> None:
    """A camera that halves its rate when the light falls: 30 frames a second, then 15."""
    at = np.concatenate([np.arange(0, 5, 1 / 30), np.arange(5, 10, 1 / 15)])
    true = clip(at, 1.2)
    even = replace(true, times=np.linspace(0, at[-1], len(at)))
    assert found(true)["bpm_interpolated"] == pytest.approx(72, abs=1)
    assert found(true)["snr_db"] > found(even)["snr_db"] + 6


def test_light_that_flickers_on_everything_is_no_pulse() -> None:
    pulsing = clip(times(30, 5), 1.2)
    flicker = 1 + 0.1 * np.sin(2 * np.pi * 2.0 * pulsing.times)
    lit = replace(pulsing, roi_rgb=(pulsing.roi_rgb * flicker[:, None, None]).astype(np.float32))
    assert found(lit)["bpm"] == found(pulsing)["bpm"]
    assert found(lit)["snr_db"] == pytest.approx(found(pulsing)["snr_db"], abs=2)


def test_exposure_and_white_balance_do_not_matter() -> None:
    pulsing = clip(times(30, 5), 1.2)
    gains = np.array([0.6, 0.5, 0.8], np.float32)
    dimmed = replace(pulsing, roi_rgb=pulsing.roi_rgb * gains)
    assert found(dimmed) == pytest.approx(found(pulsing), rel=1e-3)


def test_the_background_tells_a_pulse_from_coloured_light() -> None:
    pulsing = clip(times(30, 5), 1.2)
    alone = found(pulsing)
    assert alone["snr_over_background_db"] > 6
    assert alone["snr_over_background_db"] == alone["snr_db"] - alone["background_snr_db"]
    change = 1 + 0.004 * np.sin(2 * np.pi * 2.0 * pulsing.times)[:, None, None] * PULSE
    still = clip(times(30, 5), None)
    shared = found(replace(still, roi_rgb=(still.roi_rgb * change).astype(np.float32)))
    assert shared["bpm"] == shared["background_bpm"] == pytest.approx(120, abs=12)
    assert abs(shared["snr_over_background_db"]) < 6


@pytest.mark.parametrize("background", [np.nan, 0.0, 255.0])
def test_a_background_that_shows_nothing_is_left_out(background: float) -> None:
    pulsing = clip(times(30, 5), 1.2)
    pulsing.roi_rgb[:, 3] = background
    measures = found(pulsing)
    assert not [name for name in measures if "background" in name]
    assert measures["bpm"] == pytest.approx(72, abs=12)


def test_a_region_that_is_hidden_for_long_is_left_out() -> None:
    pulsing = clip(times(30, 5), 1.2)
    pulsing.roi_rgb[40:, 1] = np.nan
    measures = found(pulsing)
    assert measures["missing_share"] == 0
    assert measures["bpm"] == pytest.approx(72, abs=12)


def test_short_gaps_are_filled() -> None:
    pulsing = clip(times(30, 5), 1.2)
    for start in (0, 20, 55, 90, 146):
        pulsing.roi_rgb[start : start + 3, :3] = np.nan
        pulsing.boxes[start : start + 3] = np.nan
    measures = found(pulsing)
    assert measures["missing_share"] == pytest.approx(15 / 150)
    assert measures["bpm"] == pytest.approx(72, abs=12)
    assert measures["snr_db"] > 10


def constant() -> Clip:
    return clip(times(30, 5), None, noise=0.0)


def hidden(share: float) -> Clip:
    gone = clip(times(30, 5), 1.2)
    gone.roi_rgb[np.random.default_rng(0).random(150) < share, :3] = np.nan
    return gone


def gap(start: int) -> Clip:
    cut = clip(times(30, 5), 1.2)
    cut.roi_rgb[start : start + 9, :3] = np.nan
    return cut


def paused() -> Clip:
    at = times(30, 5)
    return clip(np.where(at > 2, at + 0.4, at), 1.2)


def shaken() -> Clip:
    steady = clip(times(30, 5), 1.2)
    swing = 60 * np.sin(2 * np.pi * 1.0 * steady.times)
    boxes = steady.boxes + (swing[:, None] * [1, 0, 1, 0]).astype(np.float32)
    return replace(steady, boxes=boxes)


@pytest.mark.parametrize(
    ("unfit", "reason"),
    [
        (clip(times(30, 2.4), 1.2), "clip_too_short"),
        (clip(times(30, 0), 1.2), "clip_too_short"),
        (clip(times(30, 1 / 30), 1.2), "clip_too_short"),
        (clip(times(8, 5), 1.2), "frame_rate_too_low"),
        (hidden(0.2), "skin_not_visible"),
        (hidden(1.0), "skin_not_visible"),
        (gap(60), "gap_in_clip"),
        (gap(0), "gap_in_clip"),
        (gap(141), "gap_in_clip"),
        (paused(), "gap_in_clip"),
        (shaken(), "too_much_motion"),
        (constant(), "no_colour_change"),
    ],
)
def test_what_cannot_be_judged_is_not_judged(unfit: Clip, reason: str) -> None:
    measured = measure(unfit)
    assert (measured.status, measured.reasons) == (Status.ABSTAINED, (reason,))
    assert "snr_db" not in measured.measures


def test_a_nodding_head_can_be_judged() -> None:
    nodding = shaken()
    gentle = replace(nodding, boxes=nodding.boxes[:1] + (nodding.boxes - nodding.boxes[:1]) / 4)
    measures = found(gentle)
    # 15 px each way at 1 Hz on a face of 200 px: at most 2π 15/200 = 0.47 widths a second
    assert measures["motion"] == pytest.approx(0.45, abs=0.05)


def test_motion_is_measured_in_face_widths_whatever_the_frame_rate() -> None:
    def moving(fps: int, zoom: float) -> float:
        steady = clip(times(fps, 5), 1.2)
        rng = np.random.default_rng(0)
        boxes = (
            steady.boxes + (40 * steady.times)[:, None] + rng.uniform(-1, 1, (len(steady.times), 4))
        )
        return found(replace(steady, boxes=(zoom * boxes).astype(np.float32)))["motion"]

    assert moving(30, 1) == pytest.approx(moving(30, 2), rel=1e-4)
    assert moving(60, 1) == pytest.approx(moving(15, 1), abs=0.03)


@pytest.mark.parametrize(
    ("snr_db", "bpm", "value", "reasons"),
    [
        (12.0, 72.0, 1.0, ()),
        (5.0, 72.0, 0.70 * 0.5 + 0.30, ()),
        (0.0, 72.0, 0.30, ("no_clear_pulse",)),
        (-3.0, 72.0, 0.30, ("no_clear_pulse",)),
        (12.0, 50.0, 1.0, ()),
        (12.0, 120.0, 1.0, ()),
        (12.0, 45.0, 0.70 + 0.30 * 0.5, ()),
        (12.0, 150.0, 0.70 + 0.30 * 0.5, ()),
        (12.0, 200.0, 0.70, ("odd_pulse_rate",)),
        (2.0, 240.0, 0.14, ("no_clear_pulse", "odd_pulse_rate")),
    ],
)
def test_the_score_weighs_snr_and_rate(
    snr_db: float, bpm: float, value: float, reasons: tuple[str, ...]
) -> None:
    score = Rppg.score({"snr_db": snr_db, "bpm": bpm}, FAITHFUL)
    assert score.value == pytest.approx(value)
    assert score.reasons == reasons


HARDENED = RppgMapping(evidence=True)

SEEN = {"duration_s": 10.0, "snr_db": 12.0, "bpm": 72.0, "pulse_p": 0.004, "pulse_bpm": 71.0}


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ({}, 1.0),
        ({"duration_s": 30.0}, 1.0),
        ({"duration_s": 6.5}, 0.875),
        ({"duration_s": 3.0}, 0.75),
        ({"duration_s": 2.6}, 0.75),
        ({"pulse_p": 0.01}, 1.0),
        ({"background_pulse_p": 0.5, "background_pulse_bpm": 71.0}, 1.0),
        ({"background_pulse_p": 0.001, "background_pulse_bpm": 80.0}, 1.0),
    ],
)
def test_a_pulse_supports_the_more_the_longer_it_was_seen(
    change: dict[str, float], value: float
) -> None:
    score = Rppg.score(SEEN | change, HARDENED)
    assert score.value == pytest.approx(value)
    assert score.components == {"pulse": 1.0}
    assert score.reasons == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"pulse_p": 0.011}, "no_clear_pulse"),
        ({"pulse_p": 1.0}, "no_clear_pulse"),
        ({"background_pulse_p": 0.05, "background_pulse_bpm": 74.0}, "pulse_in_background"),
        (
            {"duration_s": 3.0, "background_pulse_p": 0.01, "background_pulse_bpm": 90.0},
            "pulse_in_background",
        ),
    ],
)
def test_without_a_pulse_there_is_no_opinion(change: dict[str, float], reason: str) -> None:
    with pytest.raises(NoOpinion) as raised:
        Rppg.score(SEEN | change, HARDENED)
    assert raised.value.reasons == (reason,)
    assert raised.value.components == {"pulse": 0.0}


def test_a_record_from_before_says_nothing_of_a_pulse() -> None:
    with pytest.raises(NoOpinion, match="no_clear_pulse"):
        Rppg.score({"duration_s": 10.0, "snr_db": 20.0, "bpm": 72.0}, HARDENED)


def test_whether_the_background_is_looked_at_is_the_policys() -> None:
    lit = SEEN | {"background_pulse_p": 0.0005, "background_pulse_bpm": 71.0}
    assert Rppg.score(lit, replace(HARDENED, background_p=0.0)).value == 1.0


def test_the_references_mapping_does_not_look_at_the_evidence() -> None:
    with_it = Rppg.score(SEEN | {"pulse_p": 0.9}, FAITHFUL)
    assert with_it == Rppg.score({"snr_db": 12.0, "bpm": 72.0}, FAITHFUL)


def test_a_pulse_and_the_lack_of_one_are_measured() -> None:
    pulsing, still = found(clip(times(30, 10), 1.2)), found(clip(times(30, 10), None))
    assert pulsing["pulse_p"] <= 0.01
    assert pulsing["pulse_p"] == max(pulsing["pulse_p_periodicity"], pulsing["pulse_p_coherence"])
    assert pulsing["pulse_bpm"] == pytest.approx(72, abs=1.5)
    assert pulsing["pulse_regions"] == 3
    assert pulsing["background_pulse_p"] > 0.05
    assert still["pulse_p"] > 0.01


def test_light_that_pulses_on_everything_is_in_the_background_too() -> None:
    still = clip(times(30, 10), None)
    wave = 1 + 0.004 * np.sin(2 * np.pi * 1.2 * still.times)[:, None, None] * PULSE
    lit = found(replace(still, roi_rgb=(still.roi_rgb * wave).astype(np.float32)))
    assert lit["pulse_p"] <= 0.01
    assert lit["background_pulse_p"] <= 0.01
    with pytest.raises(NoOpinion, match="pulse_in_background"):
        Rppg.score(lit, HARDENED)


def test_a_hidden_region_is_no_evidence() -> None:
    pulsing = clip(times(30, 10), 1.2)
    pulsing.roi_rgb[40:, 1] = np.nan
    assert found(pulsing)["pulse_regions"] == 2


@pytest.mark.parametrize("codec", ["h264", "jpeg"])
def test_a_shaken_still_is_taken_for_a_pulse_as_rarely_as_is_claimed(
    astronaut: NDArray[np.uint8], codec: str
) -> None:
    """A photograph in a hand, before a camera with noise, 300 times compressed."""
    photograph = np.ascontiguousarray(astronaut[:384, :448])
    data = shaken_still(photograph, codec, np.random.default_rng(3))
    face = traced(data, load_landmarker())["face"]
    assert len(face.times) == 300
    looked = [found(part) for seconds in (3, 5, 10) for part in windows(face, seconds)]
    taken = sum(measures["pulse_p"] <= 0.01 for measures in looked)
    share = proportion(taken, len(looked))
    assert len(looked) == 6
    assert share.low is not None
    assert share.low <= 0.01


def test_the_mapping_can_be_changed() -> None:
    strict = replace(FAITHFUL, snr_db=(8.0, 16.0))
    assert Rppg.score({"snr_db": 6.0, "bpm": 72.0}, strict).components["snr"] == 0


def test_a_bundle_without_a_clip_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="clip"):
        Rppg().measure(bundle(None))


@pytest.fixture(scope="module")
def steady_face(data_dir: Path) -> Clip:
    """A real face for 10 s, whose pulse is seen at about 53 bpm when it is magnified."""
    data = (data_dir / "videos" / "pulse" / "evm_face.mp4").read_bytes()
    traced = trace_clip(read_clip(data), load_landmarker(), ClipSettings(blendshapes_hz=0))
    assert traced is not None
    return traced


@pytest.mark.data
def test_the_pulse_of_a_real_face_is_found(steady_face: Clip) -> None:
    measures = found(steady_face)
    assert measures["fps"] == pytest.approx(30, abs=0.1)
    assert measures["bpm"] == pytest.approx(53, abs=3)
    assert measures["bpm_interpolated"] == pytest.approx(53, abs=3)
    assert measures["snr_db"] > 10
    assert Rppg.score(measures, FAITHFUL).value > 0.95


@pytest.mark.data
def test_the_pulse_of_a_real_face_is_more_than_noise(steady_face: Clip) -> None:
    measures = found(steady_face)
    assert measures["pulse_p"] <= 0.01
    assert measures["pulse_bpm"] == pytest.approx(53, abs=3)
    assert Rppg.score(measures, HARDENED).value > 0.99
    for window in windows(steady_face, 5):
        assert found(window)["pulse_bpm"] == pytest.approx(53, abs=3)


@pytest.mark.data
@pytest.mark.parametrize("start", range(8))
def test_three_seconds_of_a_real_face_misread_the_rate_by_a_bin_at_most(
    steady_face: Clip, start: int
) -> None:
    kept = (steady_face.times >= start - 0.01) & (steady_face.times < start + 2.99)
    window = replace(
        steady_face,
        times=steady_face.times[kept] - steady_face.times[kept][0],
        roi_rgb=steady_face.roi_rgb[kept],
        boxes=steady_face.boxes[kept],
    )
    measures = found(window)
    assert 48 <= measures["bpm"] <= 61
    assert 48 <= measures["bpm_interpolated"] <= 61


@pytest.mark.parametrize("bpm", [54.0, 72.0, 110.0])
def test_the_pictures_peak_where_the_measure_says(bpm: float) -> None:
    of = clip(times(30, 10), bpm / 60)
    measures = measure(of).measures
    pulse, spectrum, wall = Rppg().pictures(bundle(of))
    assert [picture.name for picture in (pulse, spectrum, wall)] == [
        "pulse",
        "spectrum",
        "background_spectrum",
    ]
    assert isinstance(spectrum, Plot)
    peak = float(spectrum.x[spectrum.y.argmax()])
    assert peak == pytest.approx(bpm, abs=1.0)
    assert spectrum.marks[f"peak, {bpm:.0f} bpm"] == measures["bpm_interpolated"] == peak
    assert {"50 bpm": 50.0, "120 bpm": 120.0}.items() <= spectrum.marks.items()
    assert isinstance(wall, Plot)
    assert wall.y.max() < 0.5 * spectrum.y.max()  # it has the noise alone


def test_the_drawn_wave_beats_at_the_pulse_and_is_as_high_as_it() -> None:
    pulse, spectrum, _ = Rppg().pictures(bundle(clip(times(30, 10), 1.2, noise=0.0001)))
    assert isinstance(pulse, Plot)
    assert isinstance(spectrum, Plot)
    assert pulse.x[-1] == pytest.approx(10, abs=0.1)
    rising = np.flatnonzero((pulse.y[:-1] < 0) & (pulse.y[1:] >= 0))
    assert len(rising) == pytest.approx(12, abs=1)
    middle = pulse.y[100:200]
    assert spectrum.y.max() == pytest.approx(np.ptp(middle) / 2, rel=0.1)


def test_the_background_is_drawn_only_where_it_is_seen() -> None:
    of = clip(times(30, 5), 1.2)
    hidden = of.roi_rgb.copy()
    hidden[:, 3] = np.nan
    drawn = Rppg().pictures(bundle(replace(of, roi_rgb=hidden)))
    assert [picture.name for picture in drawn] == ["pulse", "spectrum"]


@pytest.mark.parametrize("of", [None, clip(times(30, 1), 1.2), clip(times(30, 5), None, noise=0.0)])
def test_what_cannot_be_judged_is_not_drawn(of: Clip | None) -> None:
    assert Rppg().pictures(bundle(of)) == ()
