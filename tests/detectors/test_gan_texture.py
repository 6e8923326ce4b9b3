"""Faces are squares of known spectrum; landmarks only say where the square is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.contracts import LANDMARKS, FaceBundle, Measurement, Measures, Score, Status
from detectors.fingerprint import LEFT_IRIS, RIGHT_IRIS, shipped_head
from detectors.gan_texture import (
    GRID,
    MIN_DETAIL,
    MIN_RADIUS,
    RADIUS,
    GanTexture,
    GanTextureMapping,
    log_power,
    radial_profile,
)
from detectors.pictures import RED, Image, Plot

Pixels = NDArray[np.uint8]
Grey = NDArray[np.float64]
Box = tuple[float, float, float, float]


def bundle(pixels: Pixels, box: Box | None = None) -> FaceBundle:
    """A face whose landmarks span ``box`` (x0, y0, x1, y1), or all of ``pixels``."""
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = box or (0.0, 0.0, float(width), float(height))
    points = np.full((LANDMARKS, 3), ((x0 + x1) / 2, (y0 + y1) / 2, 0.0), np.float32)
    points[0, :2], points[1, :2] = (x0, y0), (x1, y1)
    pixels = pixels.copy()
    pixels.setflags(write=False)
    points.setflags(write=False)
    return FaceBundle(
        crop=pixels,
        frame=pixels[:0],
        box=(x0, y0, x1, y1),
        crop_origin=(0.0, 0.0),
        crop_scale=1.0,
        frame_size=(width, height),
        landmarks=points,
    )


def rgb(grey: Grey) -> Pixels:
    return np.repeat(np.clip(np.rint(grey), 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def noise(exponent: float, size: int = GRID, seed: int = 0) -> Grey:
    """Noise whose amplitude falls off as 1 / f ** exponent, mean 128, deviation 40."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    frequency[0, 0] = np.inf
    white = np.fft.rfft2(np.random.default_rng(seed).normal(size=(size, size)))
    field = np.fft.irfft2(white * frequency**-exponent, (size, size))
    return np.asarray(128 + 40 * field / field.std())


def checkerboard(amplitude: float) -> Grey:
    y, x = np.mgrid[:GRID, :GRID]
    return np.asarray(amplitude * (-1.0) ** (x + y))


def grid(period: int, amplitude: float) -> Grey:
    y, x = np.mgrid[:GRID, :GRID]
    return np.asarray(amplitude * ((x % period == 0) * 1.0 + (y % period == 0)))


def upsampled(grey: Grey, kernel: float) -> Grey:
    """Half the pixels back to full size as a transposed convolution does it: zeros between the
    samples, then a Gaussian too narrow to remove the copies of the spectrum."""
    half = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    stretched = np.zeros_like(grey)
    stretched[::2, ::2] = 4 * half
    return np.asarray(cv2.GaussianBlur(stretched, (0, 0), kernel))


def measure(pixels: Pixels, box: Box | None = None) -> Measurement:
    return GanTexture().measure(bundle(pixels, box))


def measures(grey: Grey) -> Measures:
    measured = measure(rgb(grey))
    assert measured.status is Status.OK
    return measured.measures


def score(grey: Grey) -> Score:
    return GanTexture.score(measures(grey), GanTextureMapping())


@pytest.mark.parametrize("step", [16, 100, 255])
def test_power_of_one_cosine(step: int) -> None:
    """A basis function of amplitude 50 has the one coefficient 50 * 256 / sqrt(2)."""
    wave = np.cos(np.pi * (2 * np.arange(GRID) + 1) * step / (2 * GRID))
    power = log_power(rgb(np.tile(128 + 50 * wave, (GRID, 1)).astype(np.float64)))
    assert power[:, 1:].argmax() == step - 1  # in the first row
    assert power[0, step] == pytest.approx(np.log1p(50 * GRID / np.sqrt(2)), abs=0.01)
    assert power[0, 0] == pytest.approx(np.log1p(128 * GRID), abs=0.01)


def test_a_large_face_is_averaged_and_not_sampled() -> None:
    blocks = 4 * np.rint(noise(0.0, 2 * GRID) / 4).clip(0, 63)
    means = blocks.reshape(GRID, 2, GRID, 2).mean(axis=(1, 3))
    assert log_power(rgb(blocks)) == pytest.approx(log_power(rgb(means)), abs=1e-3)


def test_profile_is_the_mean_over_whole_radii() -> None:
    assert radial_profile(RADIUS.astype(np.float32)) == pytest.approx(np.arange(GRID))
    assert (RADIUS[0, 0], RADIUS[3, 4], RADIUS[1, 1], RADIUS[255, 0]) == (0, 5, 1, 255)


def test_a_score_worked_by_hand() -> None:
    found = {"gradient_variance": 0.005, "peak_energy": 0.25 + 0.7, "hf_ratio": 0.65 + 0.15}
    scored = GanTexture.score(found, GanTextureMapping())
    assert scored.components == pytest.approx(
        {"smoothness": 1 / 1.05, "peaks": 0.6, "high_frequency": 0.5}
    )
    assert scored.value == pytest.approx(0.40 / 1.05 + 0.35 * 0.6 + 0.25 * 0.5)


@pytest.mark.parametrize("fingerprint", [-5.0, 0.0, 5.0])
def test_the_reference_does_not_hear_the_head(fingerprint: float) -> None:
    found = {"gradient_variance": 0.005, "peak_energy": 0.95, "hf_ratio": 0.80}
    alone = GanTexture.score(found, GanTextureMapping())
    beside = GanTexture.score({**found, "fingerprint": fingerprint}, GanTextureMapping())
    assert beside == alone


@pytest.mark.parametrize(
    ("fingerprint", "ratio"), [(0.5, 0.4), (-1.0, -1.1), (9.0, 2.0), (-9.0, -2.0)]
)
def test_the_heads_share_of_a_score_worked_by_hand(fingerprint: float, ratio: float) -> None:
    found = {"gradient_variance": 0.0, "peak_energy": 0.0, "hf_ratio": 0.0}
    mapping = GanTextureMapping(fingerprint=0.75, slope=1.0, offset=-0.1, cap=2.0)
    scored = GanTexture.score({**found, "fingerprint": fingerprint}, mapping)
    assert scored.components["fingerprint"] == pytest.approx(1 / (1 + np.exp(-ratio)))
    assert scored.value == pytest.approx(0.25 + 0.75 / (1 + np.exp(-ratio)))
    assert scored.reasons == ()


def test_a_head_that_could_not_judge_says_nothing_either_way() -> None:
    found = {"gradient_variance": 0.0, "peak_energy": 0.0, "hf_ratio": 0.0}
    scored = GanTexture.score(found, GanTextureMapping(fingerprint=0.75, offset=1.5))
    assert scored.components["fingerprint"] == 0.5
    assert scored.value == pytest.approx(0.25 + 0.75 * 0.5)
    assert scored.reasons == ("fingerprint_not_judged",)


def with_irises(
    pixels: Pixels, right: tuple[float, float], left: tuple[float, float]
) -> FaceBundle:
    face = bundle(pixels)
    points = face.landmarks.copy()
    points[RIGHT_IRIS, :2], points[LEFT_IRIS, :2] = right, left
    return replace(face, landmarks=points)


@pytest.mark.parametrize(("apart", "looked"), [(39.0, False), (41.0, True)])
def test_the_head_looks_at_faces_that_are_large_enough(apart: float, looked: bool) -> None:
    face = with_irises(rgb(noise(1.0)), (100.0, 100.0), (100.0 + apart, 100.0))
    measured = GanTexture().measure(face)
    assert measured.status is Status.OK
    assert measured.measures["eyes_px"] == apart
    assert ("fingerprint" in measured.measures) is looked
    assert measured.model == (shipped_head().sha256 if looked else None)


def test_the_head_does_not_look_at_a_blurred_face() -> None:
    blurred = cv2.GaussianBlur(noise(1.0), (0, 0), 5.0)
    for grey, looked in ((noise(1.0), True), (blurred, False)):
        face = with_irises(rgb(grey), (90.0, 100.0), (160.0, 100.0))
        measured = GanTexture().measure(face).measures
        assert (measured["detail"] >= MIN_DETAIL) is looked
        assert ("fingerprint" in measured) is looked


@pytest.mark.parametrize("exponent", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_smooth_fall_off_is_genuine(exponent: float, seed: int) -> None:
    scored = score(noise(exponent, seed=seed))
    assert scored.components["peaks"] == 1.0
    assert scored.components["high_frequency"] == 1.0
    assert scored.value > 0.95


def test_the_ratio_of_high_to_low_frequencies_follows_the_slope() -> None:
    ratios = [measures(noise(exponent))["hf_ratio"] for exponent in (2.0, 1.5, 1.0, 0.5, 0.0)]
    assert ratios == sorted(ratios)
    assert ratios[2] == pytest.approx(0.61, abs=0.02)
    assert ratios[-1] == pytest.approx(1.0, abs=0.02)


def test_white_noise_has_too_much_at_high_frequencies() -> None:
    scored = score(noise(0.0))
    assert scored.components["high_frequency"] == 0.0
    assert scored.value < 0.76


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_noise_has_no_peaks(exponent: float) -> None:
    energies = [measures(noise(exponent, seed=seed))["peak_energy"] for seed in range(8)]
    assert max(energies) < 0.25


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param(lambda face: face + checkerboard(4), id="checkerboard"),
        pytest.param(lambda face: face + grid(4, 6), id="grid of period 4"),
        pytest.param(lambda face: face + grid(8, 8), id="grid of period 8"),
        pytest.param(lambda face: upsampled(face, 0.6), id="zero insertion, narrow kernel"),
        pytest.param(lambda face: upsampled(face, 0.8), id="zero insertion, wider kernel"),
    ],
)
@pytest.mark.parametrize("exponent", [1.0, 1.5])
def test_planted_periodic_peaks_lower_the_score(
    planted: Callable[[Grey], Grey], exponent: float
) -> None:
    face = noise(exponent)
    clean, marked = face, planted(face)
    assert measures(marked)["peak_energy"] > measures(clean)["peak_energy"] + 1.0
    assert score(marked).components["peaks"] < 0.5
    assert score(marked).value < score(clean).value - 0.15


def test_peak_energy_grows_with_the_artefact() -> None:
    face = noise(1.0)
    energies = [measures(face + checkerboard(a))["peak_energy"] for a in (0, 1, 2, 4, 8)]
    assert energies == sorted(energies)
    assert energies[2] == pytest.approx(1.2, abs=0.4)
    assert energies[3] == pytest.approx(3.9, abs=0.4)


def test_a_jagged_spectrum_is_not_smooth() -> None:
    """Rings of energy, every 16th radius, as the profile would show ringing filters."""
    spectrum = cv2.dct(noise(1.0).astype(np.float32))
    gain = np.where((RADIUS % 16 < 2) & (RADIUS > 0), 8, 1).astype(np.float32)
    rings = cv2.idct(spectrum * gain).astype(np.float64)
    rings = 128 + 40 * (rings - rings.mean()) / rings.std()
    smooth, jagged = measures(noise(1.0)), measures(rings)
    assert jagged["gradient_variance"] > 5 * smooth["gradient_variance"]
    assert score(rings).components["smoothness"] < score(noise(1.0)).components["smoothness"] - 0.2


@pytest.mark.parametrize("level", [0, 17, 128, 255])
def test_an_even_area_is_not_judged(level: int) -> None:
    measured = measure(rgb(np.full((GRID, GRID), float(level))))
    assert measured.status is Status.ABSTAINED
    assert measured.reasons == ("no_texture",)


def test_a_smooth_ramp_is_not_judged() -> None:
    assert measure(rgb(np.tile(np.linspace(90, 110, GRID), (GRID, 1)))).reasons == ("no_texture",)


@pytest.mark.parametrize(("size", "status"), [(95, Status.ABSTAINED), (96, Status.OK)])
def test_a_small_face_is_not_judged(size: int, status: Status) -> None:
    measured = measure(rgb(noise(1.0, size)))
    assert measured.status is status
    assert measured.measures["face_px"] == size
    if status is Status.ABSTAINED:
        assert measured.reasons == ("face_too_small_for_texture",)


def test_only_the_face_counts() -> None:
    face = noise(1.0)
    scene = np.random.default_rng(5).uniform(0, 255, (400, 500))
    scene[80:336, 150:406] = face
    assert measure(rgb(scene), (150, 80, 406, 336)) == measure(rgb(face))


def test_a_narrow_box_grows_to_a_square() -> None:
    scene = noise(1.0, 512)
    tall = measure(rgb(scene), (200, 100, 300, 356)).measures
    assert tall == measure(rgb(scene), (122, 100, 378, 356)).measures
    assert tall["face_px"] == 256


@pytest.mark.parametrize("box", [(-80.0, -40.0, 220.0, 260.0), (300.0, 250.0, 600.0, 550.0)])
def test_a_face_over_the_edge_is_moved_inside(box: Box) -> None:
    scene = noise(1.0, 512)
    x = 0 if box[0] < 0 else 212
    inside = measure(rgb(scene), (x, x, x + 300, x + 300))
    assert measure(rgb(scene), box) == inside


def test_a_face_larger_than_its_crop() -> None:
    scene = rgb(noise(1.0)[:200])
    square = np.ascontiguousarray(scene[:, 56:])
    assert measure(scene, (-50, -50, 400, 400)) == measure(square)


def test_a_mirrored_face_measures_the_same() -> None:
    scene = noise(1.0, 512) + np.linspace(0, 40, 512)
    original = measure(rgb(scene), (100, 120, 400, 420)).measures
    flipped = measure(rgb(scene[:, ::-1]), (112, 120, 412, 420)).measures
    assert flipped == pytest.approx(original, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("scale", [0.75, 0.9, 1.25])
def test_a_rescaled_face_scores_much_the_same(astronaut: Pixels, scale: float) -> None:
    scaled = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    mapping = GanTextureMapping()
    original = GanTexture.score(measure(astronaut).measures, mapping)
    found = GanTexture.score(measure(scaled.astype(np.uint8)).measures, mapping)
    assert found.value == pytest.approx(original.value, abs=0.03)


FACE: Box = (170.0, 65.0, 276.0, 171.0)
"""The astronaut's face."""


def test_a_real_face_is_not_called_synthetic(astronaut: Pixels) -> None:
    measured = measure(astronaut, FACE)
    assert GanTexture.score(measured.measures, GanTextureMapping()).value > 0.9


def test_marks_planted_in_a_real_picture(astronaut: Pixels) -> None:
    grey = cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY)[:GRID, 96 : 96 + GRID].astype(np.float64)
    clean = score(grey).value
    assert clean > 0.95
    assert score(grey + checkerboard(4)).value < clean - 0.3
    assert score(upsampled(grey, 0.7)).value < clean - 0.15


@pytest.mark.data
def test_photographs_are_not_called_synthetic(data_dir: Path) -> None:
    """At one JPEG quality; 512 pixel centres of portraits, most of them face."""
    files = sorted((data_dir / "synthetic" / "ffhq_real").glob("*.jpg"))[:20]
    assert len(files) == 20
    values = []
    for file in files:
        _, encoded = cv2.imencode(".jpg", cv2.imread(str(file)), [cv2.IMWRITE_JPEG_QUALITY, 75])
        pixels = cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        found = measure(pixels.astype(np.uint8)).measures
        values.append(GanTexture.score(found, GanTextureMapping()).value)
    assert np.median(values) > 0.95
    assert min(values) > 0.8


def test_the_profile_that_is_measured_is_drawn() -> None:
    face = rgb(noise(1.0))
    profile, _ = GanTexture().pictures(bundle(face))
    assert isinstance(profile, Plot)
    assert (profile.y == radial_profile(log_power(face))[MIN_RADIUS:]).all()
    assert (profile.x[0], profile.x[-1]) == (MIN_RADIUS / 2, (GRID - 1) / 2)
    low = profile.y[profile.x <= profile.marks["coarse until"]].mean()
    high = profile.y[profile.x >= profile.marks["fine from"]].mean()
    measured = GanTexture().measure(bundle(face)).measures
    assert high / low == pytest.approx(measured["hf_ratio"])


def test_a_planted_pattern_is_ringed_and_nothing_else() -> None:
    y, x = np.mgrid[:GRID, :GRID] + 0.5
    wave = 12 * np.cos(np.pi * 90 * x / GRID) * np.cos(np.pi * 60 * y / GRID)
    for added, ringed in ((0.0, False), (wave, True)):
        _, plane = GanTexture().pictures(bundle(rgb(noise(1.0) + added)))
        assert isinstance(plane, Image)
        rows, columns = np.nonzero((plane.pixels == np.array(RED)).all(axis=2))
        assert bool(len(rows)) is ringed
        if ringed:
            assert (columns.mean(), rows.mean()) == pytest.approx((90, 60), abs=1)


def test_a_small_face_is_not_drawn() -> None:
    assert GanTexture().pictures(bundle(rgb(noise(1.0, size=64)))) == ()
