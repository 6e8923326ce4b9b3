"""Remote photoplethysmography: the pulse in the colour of the skin.

There are two looks at a clip. The reference's takes the POS projection (Wang et al., "Algorithmic
Principles of Remote PPG", IEEE TBME 2017) over the whole clip and the highest bin of its spectrum.
:mod:`detectors.pulse` takes it as the paper does, and says how often noise would look like that.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # its parts are loaded when they are first used: see Rppg.load
from numpy.typing import NDArray

from detectors.contracts import (
    ROIS,
    Clip,
    Detector,
    FaceBundle,
    Measurement,
    Measures,
    NoOpinion,
    Score,
    Status,
    band,
    ramp,
)
from detectors.pictures import Picture, Plot
from detectors.pulse import find_peak

BAND = (0.7, 4.0)
"""Pass band of the pulse in Hz: 42 to 240 beats a minute."""

MIN_SECONDS = 2.5
"""Shorter clips hold about two beats at 50 bpm; the reference records 3 s."""

MIN_FPS = 9.0
"""Twice the top of the band is 8; the rest is room for the edge of the filter."""

MAX_GAP = 0.25
"""Longest time between two usable frames that is filled in, in seconds: half a beat at 120 bpm."""

MIN_VISIBLE = 0.9
"""Share of frames in which a skin region must be visible to be used."""

MAX_MOTION = 1.5
"""Face widths per second beyond which blur and shading drown the pulse. Talking heads reach 0.9."""

STEP = 0.1
"""Seconds over which motion is measured, so that jitter of the box at high frame rates does not
count."""

ROUNDING = 1e-6
"""Relative variation of a float32 mean that is rounding, not colour."""

BACKGROUND = ROIS.index("background")
SKIN = [index for index in range(len(ROIS)) if index != BACKGROUND]

Trace = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RppgMapping:
    """From the measures of :class:`Rppg` to a score; the reference's values.

    The reference says "real: SNR > 5 dB, 50-120 bpm" and leaves the way between 0 and 1 open.
    Here 5 dB is the middle of the ramp: less counts against a face, more for it. A ramp already
    full at 5 dB would give pure noise the whole score: the greatest of ten noise bins stands about
    6 dB above the mean of the others.

    Attributes:
        snr_db: of noise, in which no bin stands out at all, scoring 0; and of a pulse, scoring 1.
        bpm: rates at which the plausibility is 0, 1, 1 and 0 again; an excited applicant's heart
            is faster than at rest.
        snr_weight, plausibility_weight: of the components.
        evidence: score a pulse that noise does not explain, in place of all of the above, and
            have no opinion where there is none.
        p_value: greatest ``pulse_p`` that counts as a pulse, 0..1: the share of clips without one
            that is taken for one.
        background_p: greatest ``background_pulse_p`` at which a pulse at the background's own
            rate is taken for its light; 0 looks at no background.
        seconds: lengths of a clip at which a pulse earns the first and the second ``found``.
        found: scores of a pulse.
    """

    snr_db: tuple[float, float] = (0.0, 10.0)
    bpm: tuple[float, float, float, float] = (40.0, 50.0, 120.0, 180.0)
    snr_weight: float = 0.70
    plausibility_weight: float = 0.30
    evidence: bool = False
    p_value: float = 0.01
    background_p: float = 0.05
    seconds: tuple[float, float] = (3.0, 10.0)
    found: tuple[float, float] = (0.75, 1.0)


class Rppg(Detector[RppgMapping]):
    """A heart beat in the mean colour of forehead and cheeks.

    What it is worth: the reference's rule finds a "pulse" in about 40% of windows of white noise
    and, measured on real clips, in three quarters of 3 s windows of bare wall; live, replayed and
    swapped faces pass it alike, and so do many still photographs compressed as video. The measures
    that begin with ``pulse`` are what noise explains in so many clips as they say. At 3 s it only
    supports a decision and never makes one. The absence of a pulse is no attack (compression
    removes it, and dark skin hides it), and its presence acquits nobody (a swapped face carries
    its driver's).

    The detector abstains, with the measures it has so far, when the clip is too short
    (``clip_too_short``), too slow (``frame_rate_too_low``), the skin is not seen well enough
    (``skin_not_visible``, ``gap_in_clip``), moves too much (``too_much_motion``), or does not
    change at all (``no_colour_change``), as in a frozen picture.

    Measures:
        duration_s: from the first to the last frame, in seconds.
        fps: mean frame rate, in Hz.
        missing_share: share of frames in which the skin was not seen, 0..1.
        motion: 95th percentile of the speed of the face box, its position and size, in face
            widths per second.
        snr_db: power of the highest bin in the band over the mean power of the band's other
            bins, in dB.
        bpm: rate of that bin, in beats a minute; bins are 60 / ``duration_s`` bpm apart.
        bpm_interpolated: rate of the peak between that bin's neighbours, in beats a minute.
        background_snr_db, background_bpm: the same of the background, where it is seen.
        snr_over_background_db: ``snr_db`` minus ``background_snr_db``. What both show comes
            from the light, the camera or the codec.
        pulse_p: the greater of the next two; above about 0.01 there is nothing to see.
        pulse_p_periodicity: how often noise has as clear a peak as the skin, 0..1.
        pulse_p_coherence: how often regions of skin agree as well by chance, 0..1; 1 where only
            one is seen.
        pulse_bpm: rate of that peak, in beats a minute, 42..180.
        pulse_regions: regions of skin that were looked at, 1..3.
        background_pulse_p: how often noise has as clear a peak as the background, 0..1, where that
            is seen.
        background_pulse_bpm: rate of that peak, in beats a minute.
    """

    name = "rppg"
    needs = ("clip.times", "clip.roi_rgb", "clip.boxes")
    mapping = RppgMapping

    def load(self) -> None:
        """Load scipy's filters: 40 MB that nodes which only map measures can do without."""
        importlib.import_module("scipy.signal")

    def measure(self, bundle: FaceBundle) -> Measurement:
        """Look for a pulse in the traces of the clip.

        Raises:
            ValueError: the bundle has no clip.
        """
        if bundle.clip is None:
            raise ValueError("rppg needs a clip")
        clip = bundle.clip
        skin = skin_trace(clip)
        measures, reason = _fitness(clip, skin)
        if reason:
            return Measurement(measures, Status.ABSTAINED, (reason,))
        pulse = pulse_measures(clip.times, skin)
        if pulse is None:
            return Measurement(measures, Status.ABSTAINED, ("no_colour_change",))
        return Measurement(
            measures | pulse | _background(clip, pulse["snr_db"]) | evidence_measures(clip)
        )

    def pictures(self, bundle: FaceBundle) -> Sequence[Picture]:
        """Draw the trace of the skin and its spectrum, and the spectrum of the background."""
        clip = bundle.clip
        if clip is None:
            return ()
        skin = skin_trace(clip)
        _, reason = _fitness(clip, skin)
        pulse = None if reason else Pulse.of(clip.times, skin)
        if pulse is None:
            return ()
        drawn = [
            Plot(
                "pulse",
                "Colour of the skin, filtered for a pulse: a heart beat is a regular wave",
                "time in s",
                "change of colour in %",
                np.arange(len(pulse.trace)) / pulse.rate,
                100 * pulse.trace,
            ),
            _spectrum_plot(
                "spectrum",
                "How strong each rate is in the colour of the skin: a heart beat is one clear peak",
                pulse,
            ),
        ]
        behind = _background_trace(clip)
        wall = None if behind is None else Pulse.of(clip.times, behind)
        if wall is not None:
            drawn.append(
                _spectrum_plot(
                    "background_spectrum",
                    "The same of the background: what peaks here as well comes from the light, "
                    "the camera or the compression",
                    wall,
                )
            )
        return drawn

    @staticmethod
    def score(measures: Measures, mapping: RppgMapping) -> Score:
        """Weigh the SNR and the plausibility of the rate, or a pulse as evidence.

        Raises:
            NoOpinion: a pulse is scored as evidence, and there is none.
        """
        if mapping.evidence:
            return _evidence(measures, mapping)
        snr = ramp(measures["snr_db"], *mapping.snr_db)
        plausibility = band(measures["bpm"], mapping.bpm)
        doubts = {"no_clear_pulse": snr, "odd_pulse_rate": plausibility}
        return Score.weighted(
            {
                "snr": (snr, mapping.snr_weight),
                "plausibility": (plausibility, mapping.plausibility_weight),
            },
            tuple(word for word, component in doubts.items() if component < 0.5),
        )


def _evidence(measures: Measures, mapping: RppgMapping) -> Score:
    """Score a pulse.

    Its absence is no attack, so that without one there is no score. Its presence acquits nobody,
    and the less so the shorter the clip.
    """
    if measures.get("pulse_p", 1.0) > mapping.p_value:
        raise NoOpinion({"pulse": 0.0}, ("no_clear_pulse",))
    if measures.get("background_pulse_p", 1.0) <= mapping.background_p:
        apart = abs(measures["pulse_bpm"] - measures["background_pulse_bpm"])
        if apart <= 60 / measures["duration_s"]:
            raise NoOpinion({"pulse": 0.0}, ("pulse_in_background",))
    length = ramp(measures["duration_s"], *mapping.seconds)
    low, high = mapping.found
    return Score(low + (high - low) * length, {"pulse": 1.0})


def evidence_measures(clip: Clip) -> dict[str, float]:
    """Look for a pulse in each region of skin that is seen, and in the background.

    Returns:
        The measures of :class:`Rppg` that begin with ``pulse`` and ``background_pulse``; those of
        skin or background are missing where its colour does not change or it is not seen.
    """
    regions = _skin_regions(clip)
    skin = find_peak(clip.times, regions) if regions.shape[1] else None
    behind = _background_trace(clip)
    wall = None if behind is None else find_peak(clip.times, behind[:, None])
    measures: dict[str, float] = {}
    if skin is not None:
        measures |= {
            "pulse_p": skin.p_value,
            "pulse_p_periodicity": skin.p_periodicity,
            "pulse_p_coherence": skin.p_coherence,
            "pulse_bpm": 60 * skin.hz,
            "pulse_regions": float(skin.regions),
        }
    if wall is not None:
        measures |= {
            "background_pulse_p": wall.p_periodicity,
            "background_pulse_bpm": 60 * wall.hz,
        }
    return measures


def skin_trace(clip: Clip) -> Trace:
    """Mean colour of the skin regions that are visible in nearly every frame.

    Returns:
        float64 (T, 3), RGB 0..255; NaN in frames where one of those regions is hidden, and in
        all frames if there is none.
    """
    regions = _skin_regions(clip)
    if not regions.shape[1]:
        return np.full((len(regions), 3), np.nan)
    trace: Trace = regions.mean(axis=1)
    return trace


def _skin_regions(clip: Clip) -> Trace:
    """Colours float64 (T, R, 3) of the skin regions that are visible in nearly every frame.

    A region that comes and goes is left out altogether: it would make a mean jump.
    """
    regions = clip.roi_rgb[:, SKIN].astype(np.float64)
    visible = np.isfinite(regions).all(axis=2)
    usable = visible.sum(axis=0) >= MIN_VISIBLE * max(len(regions), 1)
    return np.asarray(regions[:, usable])


@dataclass(frozen=True, slots=True, eq=False)
class Pulse:
    """What may be a pulse in the colour of one area.

    Attributes:
        trace: float64 (N,), evenly spaced, change of colour relative to its mean.
        rate: of ``trace``, in Hz.
    """

    trace: Trace
    rate: float

    @classmethod
    def of(cls, times: Trace, rgb: Trace) -> Pulse | None:
        """Project colour on a pulse; None where the colour does not change or is black.

        Args:
            times: float64 (T,), seconds, increasing.
            rgb: float64 (T, 3), mean colour, at least two rows without NaN.
        """
        rate = float((len(times) - 1) / (times[-1] - times[0]))
        even = _resampled(times, rgb)
        if even.mean(axis=0).min() <= 0:
            return None
        pulse = _pos(even / even.mean(axis=0))
        if pulse is None:
            return None
        passband = scipy.signal.butter(3, BAND, "bandpass", fs=rate, output="sos")
        return cls(scipy.signal.sosfiltfilt(passband, pulse), rate)

    def bins(self) -> tuple[Trace, Trace]:
        """Frequencies in the band, in Hz, and the power there; one over the duration apart."""
        return _spectrum(self.trace, self.rate, len(self.trace))

    def between_bins(self) -> tuple[Trace, Trace]:
        """The same, 16 times finer by zero-padding; a Hann window keeps other peaks out."""
        windowed = self.trace * scipy.signal.windows.hann(len(self.trace))
        return _spectrum(windowed, self.rate, 16 * len(self.trace))

    def refined(self, peak: float) -> float:
        """Refine a peak of :meth:`bins`, in Hz."""
        frequency, power = self.between_bins()
        near = np.abs(frequency - peak) <= self.rate / len(self.trace)
        return float(frequency[near][power[near].argmax()])


def pulse_measures(times: Trace, rgb: Trace) -> dict[str, float] | None:
    """Look for a periodic change of colour.

    Args:
        times: float64 (T,), seconds, increasing.
        rgb: float64 (T, 3), mean colour, at least two rows without NaN.

    Returns:
        ``snr_db``, ``bpm`` and ``bpm_interpolated``, see :class:`Rppg`; None where the colour
        does not change or is black.
    """
    pulse = Pulse.of(times, rgb)
    if pulse is None:
        return None
    frequency, power = pulse.bins()
    peak = int(power.argmax())
    noise = np.delete(power, peak).mean()
    return {
        "snr_db": float(10 * np.log10(power[peak] / noise)),
        "bpm": float(60 * frequency[peak]),
        "bpm_interpolated": 60 * pulse.refined(float(frequency[peak])),
    }


def _spectrum_plot(name: str, title: str, pulse: Pulse) -> Plot:
    frequency, power = pulse.bins()
    peak = 60 * pulse.refined(float(frequency[power.argmax()]))
    fine, power = pulse.between_bins()
    # A sine of amplitude a has, under a Hann window, a peak of a * N / 4.
    amplitude = 4 * np.sqrt(power) / len(pulse.trace)
    slowest, fastest = RppgMapping().bpm[1:3]
    limits = {f"{slowest:.0f} bpm": slowest, f"{fastest:.0f} bpm": fastest}
    return Plot(
        name,
        title,
        "rate in beats a minute",
        "amplitude in % of the colour",
        60 * fine,
        100 * amplitude,
        {f"peak, {peak:.0f} bpm": peak} | limits,
    )


def _resampled(times: Trace, rgb: Trace) -> Trace:
    """Bring the seen frames to as many evenly spaced ones as the clip has."""
    seen = np.isfinite(rgb).all(axis=1)
    even = np.linspace(times[0], times[-1], len(times))
    return _at(even, times[seen], rgb[seen])


def _pos(normalised: Trace) -> Trace | None:
    """Project colour on the plane orthogonal to skin: what moves the channels alike drops out."""
    red, green, blue = normalised.T
    first, second = green - blue, green + blue - 2 * red
    if min(first.std(), second.std()) < ROUNDING:
        return None
    pulse: Trace = first + first.std() / second.std() * second
    return pulse


def _spectrum(pulse: Trace, rate: float, points: int) -> tuple[Trace, Trace]:
    """Frequencies in the band, in Hz, and the power there; zero-padded to ``points``."""
    frequency = np.fft.rfftfreq(points, 1 / rate)
    power = np.square(np.abs(np.fft.rfft(pulse, points)))
    inside = (frequency >= BAND[0]) & (frequency <= BAND[1])
    return frequency[inside], power[inside]


def _background_trace(clip: Clip) -> Trace | None:
    """Mean colour of the background, as :func:`skin_trace`; None where it is not seen."""
    rgb: Trace = clip.roi_rgb[:, BACKGROUND].astype(np.float64)
    return rgb if np.isfinite(rgb).all(axis=1).mean() >= MIN_VISIBLE else None


def _background(clip: Clip, skin_snr_db: float) -> dict[str, float]:
    rgb = _background_trace(clip)
    found = None if rgb is None else pulse_measures(clip.times, rgb)
    if found is None:
        return {}
    return {
        "background_snr_db": found["snr_db"],
        "background_bpm": found["bpm"],
        "snr_over_background_db": skin_snr_db - found["snr_db"],
    }


def _fitness(clip: Clip, skin: Trace) -> tuple[dict[str, float], str | None]:
    """Measure whether the clip can be judged at all, and say why not."""
    times = clip.times
    duration = float(times[-1] - times[0]) if len(times) else 0.0
    measures = {"duration_s": duration}
    if duration < MIN_SECONDS:
        return measures, "clip_too_short"
    measures["fps"] = (len(times) - 1) / duration
    if measures["fps"] < MIN_FPS:
        return measures, "frame_rate_too_low"
    boxes = clip.boxes.astype(np.float64)
    seen = np.isfinite(skin).all(axis=1) & np.isfinite(boxes).all(axis=1)
    measures["missing_share"] = float(1 - seen.mean())
    if not seen.any():
        return measures, "skin_not_visible"
    if np.diff([times[0], *times[seen], times[-1]]).max() > MAX_GAP:
        return measures, "gap_in_clip"
    measures["motion"] = _motion(times[seen], boxes[seen])
    if measures["motion"] > MAX_MOTION:
        return measures, "too_much_motion"
    return measures, None


def _motion(times: Trace, boxes: Trace) -> float:
    starts = times[times <= times[-1] - STEP]
    moved = _at(starts + STEP, times, boxes) - _at(starts, times, boxes)
    corners = np.linalg.norm(moved.reshape(-1, 2, 2), axis=2).mean(axis=1)
    width = np.median(boxes[:, 2] - boxes[:, 0])
    return float(np.percentile(corners / width / STEP, 95))


def _at(when: Trace, times: Trace, values: Trace) -> Trace:
    """Interpolate each column of ``values``."""
    return np.stack([np.interp(when, times, column) for column in values.T], axis=1)
