"""Does the spectrum of the face fall off smoothly, or carry the marks of upsampling?

Formula: FaceVault, "Deepfake Defense", signal 3, after Durall et al. 2020 ("Watch your
Up-Convolution") and Frank et al. 2020 ("Leveraging Frequency Analysis for Deep Fake Image
Recognition"). Photographs fall off like 1/f; upsampling layers can leave periodic peaks and odd
energy at high frequencies.

A weak hint: resizing to 256 pixels and one JPEG re-encoding remove most of what modern
generators leave, and the measures then hardly tell them from photographs.

Beside the reference's formula stands a head that was fitted on spectra of generated portraits and
of photographs (models/cards/gan_texture.md), and its answer is a hint as well: what it finds
against some cameras it does not find against others, so that a policy has to cap it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors import fingerprint
from detectors.contracts import (
    Detector,
    FaceBundle,
    Measurement,
    Measures,
    Score,
    Status,
    logistic,
    ramp,
)
from detectors.interference_pictures import SHADES
from detectors.pictures import RED, Image, Picture, Plot
from detectors.pixels import grey

GRID = 256
"""Side of the square that the face is resized to."""

MIN_RADIUS = 8
"""Radii below it, four cycles across the face, are its shape, framing and lighting; and the mean
of so few coefficients is mostly chance."""

BASELINE = 3.0
"""Standard deviation, in coefficients, of the Gaussian that smooths log power to a baseline."""

PEAK = 2.25
"""Log power over the baseline from which a coefficient is a peak: 9.5 times its neighbours'
geometric mean. White noise passes it in about one face of 75."""

MIN_FACE_PX = 96
"""Side below which the face is not judged. Between it and 256 the upper frequencies are empty, so
that a generator's marks there cannot show; ``face_px`` in the record tells."""

MIN_POWER = 0.5
"""Mean log power at low frequencies below which there is no texture: one grey level of noise."""

MIN_DETAIL = 0.6
"""Root mean square, in grey levels, of the finest detail, below which a face is too blurred for the
head. All faces of every source have up to that when they are blurred by 5 pixels."""

NOT_JUDGED = "fingerprint_not_judged"
"""The policy asks for the head, and it could not look."""

RADIUS = np.hypot(*np.ogrid[:GRID, :GRID]).astype(np.intp)
"""Distance of each coefficient from the DC corner, rounded down."""

_COUNTS = np.bincount(RADIUS.ravel())[:GRID]


@dataclass(frozen=True, slots=True)
class GanTextureMapping:
    """How spectral measures become a score; the reference gives smoothness in full.

    Attributes:
        gradient: factor of the gradient's variance in smoothness = 1 / (1 + factor * variance).
        peak_energy: at which the score is 1 and 0. Noise with a 1/f spectrum has 0.0; a
            checkerboard of 2 and 4 grey levels on it 1.2 and 3.9.
        hf_ratio: at which the score is 1 and 0. Noise with 1/f amplitude has 0.61, white noise
            1.0; only a boost counts, as blur and enlargement lower the ratio of real faces.
        smoothness_weight, peaks_weight, high_frequency_weight: of the components.
        fingerprint: share of the head in the score, 0..1; the components above have the rest.
        slope, offset: log-odds of the head to a natural log-likelihood ratio.
        cap: its largest size. Where the head could not judge, the ratio is 0 and its part of the
            score 0.5.
    """

    gradient: float = 10.0
    peak_energy: tuple[float, float] = (0.25, 2.0)
    hf_ratio: tuple[float, float] = (0.65, 0.95)
    smoothness_weight: float = 0.40
    peaks_weight: float = 0.35
    high_frequency_weight: float = 0.25
    fingerprint: float = 0.0
    slope: float = 1.0
    offset: float = 0.0
    cap: float = 1.0


class GanTexture(Detector[GanTextureMapping]):
    """Log power of the face's 2-D DCT and its mean over radii.

    The face is the square about the box of its landmarks, without margin, moved to lie inside
    the crop: grey, 0..255, resized to 256 x 256 by area (cubic where it must be enlarged). Power
    is log(1 + abs(DCT)), the transform orthonormal; its radial profile is taken over radii 8 to
    255, where arcs are not cut off by the far corner. Abstains below 96
    pixels (``face_too_small_for_texture``) and on an even area (``no_texture``).

    Peaks are sought in the plane and not in the profile: a mean over an arc of hundreds hides a
    single coefficient, and a grid of pixels is made of such.

    Measures:
        face_px: side of the square before resizing, in crop pixels.
        gradient_variance: of the radial profile's slope, in log power per radius, squared.
        peak_energy: sum, over coefficients that stand out of the smoothed power by 2.25 or more,
            of what they have beyond it, in log power (natural logarithm).
        hf_ratio: mean of the profile's highest third over that of its lowest third.
        eyes_px: distance of the irises, in crop pixels.
        detail: root mean square, in grey levels, of what a 3x3 median takes away from the middle of
            the face at the head's scale; only where the eyes are 40 pixels apart or more.
        fingerprint: natural log-odds of a photograph that the head gives; only where there is a
            detail of 0.6 or more.
    """

    name: ClassVar[str] = "gan_texture"
    needs: ClassVar[tuple[str, ...]] = ("crop", "landmarks")
    mapping: ClassVar[type] = GanTextureMapping

    def measure(self, bundle: FaceBundle) -> Measurement:
        """Measure the spectrum of the face."""
        face = face_square(bundle)
        measures = {"face_px": float(len(face))}
        if len(face) < MIN_FACE_PX:
            return Measurement(measures, Status.ABSTAINED, ("face_too_small_for_texture",))

        power = log_power(face)
        profile = radial_profile(power)[MIN_RADIUS:]
        third = len(profile) // 3
        low, high = profile[:third].mean(), profile[-third:].mean()
        if low < MIN_POWER:
            return Measurement(measures, Status.ABSTAINED, ("no_texture",))

        excess = excess_power(power)[RADIUS >= MIN_RADIUS]
        measures["gradient_variance"] = float(np.gradient(profile).var())
        measures["peak_energy"] = float(excess[excess > 0].sum())
        measures["hf_ratio"] = float(high / low)
        head = fingerprint.shipped_head()
        measures |= ask(head, bundle)
        return Measurement(measures, model=head.sha256 if "fingerprint" in measures else None)

    def pictures(self, bundle: FaceBundle) -> Sequence[Picture]:
        """Draw the radial profile, and the plane of coefficients with its peaks."""
        face = face_square(bundle)
        if len(face) < MIN_FACE_PX:
            return ()
        power = log_power(face)
        radii = np.arange(MIN_RADIUS, GRID, dtype=np.float64)
        third = len(radii) // 3
        profile = Plot(
            "radial_spectrum",
            "Texture of the face from coarse to fine: a photograph falls off smoothly, without "
            "bumps and without a rise at the right",
            "detail in cycles across the face",
            "mean power, natural logarithm",
            radii / 2,  # coefficient k of a DCT is k half waves
            radial_profile(power)[MIN_RADIUS:],
            {"coarse until": radii[third - 1] / 2, "fine from": radii[-third] / 2},
        )
        plane = Image(
            "peaks",
            "The same for every direction, coarse at the upper left: a red ring is a regular "
            "pattern, such as upsampling can leave",
            _draw_peaks(power),
        )
        return profile, plane

    @staticmethod
    def score(measures: Measures, mapping: GanTextureMapping) -> Score:
        """Map the spectrum to a score."""
        clean, peaked = mapping.peak_energy
        natural, boosted = mapping.hf_ratio
        smoothness = 1 / (1 + mapping.gradient * measures["gradient_variance"])
        peaks = ramp(measures["peak_energy"], peaked, clean)
        high_frequency = ramp(measures["hf_ratio"], boosted, natural)
        score = Score.weighted(
            {
                "smoothness": (smoothness, mapping.smoothness_weight),
                "peaks": (peaks, mapping.peaks_weight),
                "high_frequency": (high_frequency, mapping.high_frequency_weight),
            }
        )
        return with_head(score, measures, mapping) if mapping.fingerprint > 0 else score


def ask(head: fingerprint.Head, bundle: FaceBundle) -> dict[str, float]:
    """Ask the head about a face; what it needs and does not get is not in the answer."""
    eyes = fingerprint.eye_distance(bundle.landmarks)
    answer = {"eyes_px": eyes}
    if eyes < fingerprint.EYES_PX[0]:
        return answer
    patch = fingerprint.face_patch(bundle.crop, bundle.landmarks)
    answer["detail"] = fingerprint.detail(patch)
    if answer["detail"] >= MIN_DETAIL:
        answer["fingerprint"] = float(head.log_odds(fingerprint.spectrum(patch)))
    return answer


def with_head(score: Score, measures: Measures, mapping: GanTextureMapping) -> Score:
    """Give the head its share of a score."""
    judged = "fingerprint" in measures
    ratio = mapping.slope * measures["fingerprint"] + mapping.offset if judged else 0.0
    said = logistic(float(np.clip(ratio, -mapping.cap, mapping.cap)))
    value = (1 - mapping.fingerprint) * score.value + mapping.fingerprint * said
    return Score(value, {**score.components, "fingerprint": said}, () if judged else (NOT_JUDGED,))


def log_power(face: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Transform a square face to log(1 + abs(DCT)), float32 (256, 256), DC first.

    Args:
        face: uint8 RGB (N, N, 3).
    """
    level = grey(face).astype(np.float32)
    how = cv2.INTER_AREA if len(face) > GRID else cv2.INTER_CUBIC
    resized = cv2.resize(level, (GRID, GRID), interpolation=how)
    power: NDArray[np.float32] = np.log1p(np.abs(cv2.dct(resized)))
    return power


def radial_profile(power: NDArray[np.float32]) -> NDArray[np.float64]:
    """Average log power over arcs about the DC corner: float64 (256,), one per whole radius."""
    sums = np.bincount(RADIUS.ravel(), weights=power.ravel())[:GRID]
    profile: NDArray[np.float64] = sums / _COUNTS
    return profile


def excess_power(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log power beyond what makes a coefficient a peak; positive at peaks."""
    baseline = cv2.GaussianBlur(power, (0, 0), BASELINE)
    return np.asarray(power - baseline - PEAK, np.float32)


def _draw_peaks(power: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Draw log power, uint8 RGB (256, 256, 3), brighter for more, with rings about the peaks."""
    top = float(power[RADIUS >= MIN_RADIUS].max())
    bright = (SHADES * np.sqrt(np.clip(power / max(top, 1.0), 0.0, 1.0))).astype(np.uint8)
    drawn = np.repeat((bright * np.uint8(255 // SHADES))[..., None], 3, axis=2)
    peaks = (excess_power(power) > 0) & (RADIUS >= MIN_RADIUS)
    for row, column in np.argwhere(peaks):
        cv2.circle(drawn, (int(column), int(row)), 4, RED, 1)
    return drawn


def face_square(bundle: FaceBundle) -> NDArray[np.uint8]:
    """Cut out the square about the box of the landmarks: uint8 RGB (N, N, 3)."""
    low, high = bundle.landmarks[:, :2].min(axis=0), bundle.landmarks[:, :2].max(axis=0)
    height, width = bundle.crop.shape[:2]
    side = min(round(float((high - low).max())), height, width)
    x, y = np.clip(np.rint((low + high - side) / 2), 0, (width - side, height - side)).astype(int)
    return bundle.crop[y : y + side, x : x + side]
