"""Is there a pulse in the colour of the skin, and how often would noise look like one?

The projection is POS with the overlap-add of the paper (Wang et al., "Algorithmic Principles of
Remote PPG", IEEE TBME 2017, algorithm 1), one trace for each region of the skin. Two questions are
asked of the highest peak in the spectrum of their mean:

- *periodicity*: is so much of the power in one peak? Asked against noise whose power falls with
  the frequency as 1/f^a, for the worst of a = 0, 1 and 2 (:class:`Chance`).
- *coherence*: do the regions agree on it? Asked against the same traces with random phases, those
  of each region drawn on their own, which keeps the spectrum of each of them and nothing else
  (Theiler et al., "Testing for nonlinearity in time series", Physica D 1992).

A pulse passes both. Noise of the codec and of the light is the same in all regions, and passes the
second; random phases keep every peak, so that only the first can say whether it is one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Trace = NDArray[np.float64]
Spectra = NDArray[np.complex128]

RATE = 15
"""Samples a second that every clip is brought to, whatever its camera gives: so null distributions
differ by the length of a clip only. The fastest pulse that is looked for has five to a beat."""

FINE = 4
"""Interpolated points that are averaged for a sample: no frame between two samples is lost."""

STEP = 3
"""Samples, 0.2 s, in which lengths are counted, so that few null distributions are needed."""

WINDOW = 24
"""Samples, 1.6 s, of the windows of POS, as in the paper."""

BAND = (0.7, 4.0)
"""Hz in which power is counted."""

FASTEST = 3.0
"""Hz up to which a pulse is looked for, 180 beats a minute, from the lower end of the band on."""

PADDING = 4
"""Points of the spectrum for each sample of a trace: rates lie that much closer than one over the
duration."""

SLOPES = (0.0, 1.0, 2.0)
"""Exponents of noise: white as of a sensor, pink as of flicker, brown as of a drift."""

DRAWS, AT_ONCE = 2000, 250
"""Of noise with each slope, and how many of them are in memory: 10 MB for a clip of 30 s."""

SURROGATES = 500
"""Sets of traces with random phases; the least p-value is 1 / 501."""

SEED = 7
"""Of all chance here, so that a clip gets the same answer every time."""

ROUNDING = 1e-7
"""Relative variation of colour that is rounding."""


@dataclass(frozen=True, slots=True)
class Peak:
    """The strongest candidate for a pulse.

    Attributes:
        hz: its rate.
        p_periodicity: how often noise has such a peak, 0..1.
        p_coherence: how often regions agree so well by chance, 0..1; 1 for a single region.
        regions: that were looked at.
    """

    hz: float
    p_periodicity: float
    p_coherence: float
    regions: int

    @property
    def p_value(self) -> float:
        """The greater of both."""
        return max(self.p_periodicity, self.p_coherence)


def find_peak(times: Trace, regions: Trace) -> Peak | None:
    """Look for a pulse.

    Args:
        times: float64 (T,), seconds, increasing.
        regions: float64 (T, R, 3), mean R, G, B, 0..255, of R regions; NaN where one was not seen.

    Returns:
        None where :func:`pulse_trace` finds nothing to look at in any region.
    """
    found = [pulse_trace(times, regions[:, region]) for region in range(regions.shape[1])]
    traces = [trace for trace in found if trace is not None]
    if not traces:
        return None
    pulses = np.stack(traces)
    chance = Chance.of(pulses.shape[1])
    together = chance.rates.together(pulses)
    heights = chance.heights(chance.rates.shares(together))
    at = chance.rates.stronger(together, int(heights.argmax()))
    return Peak(
        hz=chance.rates.refined(together, at),
        p_periodicity=chance.p_value(float(heights.max())),
        p_coherence=_p_coherence(pulses, chance.rates, at),
        regions=len(traces),
    )


def pulse_trace(times: Trace, rgb: Trace) -> Trace | None:
    """Project the colour of a region on a pulse, by POS.

    Args:
        times: float64 (T,), seconds, increasing.
        rgb: float64 (T, 3), mean R, G, B, 0..255; NaN where the region was not seen.

    Returns:
        float64 (N,), evenly spaced at :data:`RATE` and ending with the clip, N a multiple of
        :data:`STEP`. None where that is no longer than a window, or the colour is black or does
        not change.
    """
    seen = np.isfinite(rgb).all(axis=1)
    if seen.sum() < 2:
        return None
    even = _resampled(times, seen, rgb)
    if len(even) <= WINDOW:
        return None
    windows = np.lib.stride_tricks.sliding_window_view(even, WINDOW, axis=0)
    means = windows.mean(axis=2, keepdims=True)
    if means.min() <= 0:
        return None
    red, green, blue = (windows / means).swapaxes(0, 1)
    first, second = green - blue, green + blue - 2 * red
    spread = second.std(axis=1, keepdims=True)
    alpha = np.zeros_like(spread)
    np.divide(first.std(axis=1, keepdims=True), spread, out=alpha, where=spread > ROUNDING)
    trace = _overlap_added(first + alpha * second)
    return trace if trace.std() > ROUNDING else None


def _resampled(times: Trace, seen: NDArray[np.bool_], rgb: Trace) -> Trace:
    """Average the colour over even samples; between frames it is taken to change steadily."""
    frame = (times[-1] - times[0]) / (len(times) - 1)
    points = round((times[-1] - times[0] + frame) * RATE * FINE)
    samples = points // (FINE * STEP) * STEP
    fine = times[-1] - np.arange(samples * FINE)[::-1] / (RATE * FINE)
    channels = [np.interp(fine, times[seen], channel[seen]) for channel in rgb.T]
    even: Trace = np.stack(channels, axis=1).reshape(samples, FINE, 3).mean(axis=1)
    return even


def _overlap_added(windows: Trace) -> Trace:
    """Average windows (..., W, WINDOW), each without its mean and a sample after the one before.

    The paper adds them up, so that the ends, where fewer windows reach, fade. In a clip of 3 s that
    would be all of it.
    """
    count = windows.shape[-2]
    means = windows.mean(axis=-1)
    trace = np.zeros((*windows.shape[:-2], count + WINDOW - 1))
    for offset in range(WINDOW):
        trace[..., offset : offset + count] += windows[..., offset] - means
    return np.asarray(trace / np.convolve(np.ones(count), np.ones(WINDOW)))


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates at which traces of one length have a spectrum, ``step`` Hz apart.

    Attributes:
        samples: of a trace.
    """

    samples: int

    @property
    def step(self) -> float:
        """From one rate to the next, in Hz."""
        return RATE / (PADDING * self.samples)

    @property
    def first(self) -> int:
        """The slowest rate in the band, in steps."""
        return math.ceil(BAND[0] / self.step)

    @property
    def looked_for(self) -> Trace:
        """Rates in Hz, float64 (K,), at which a pulse is looked for."""
        return np.arange(self.first, math.floor(FASTEST / self.step) + 1) * self.step

    def spectra(self, traces: Trace) -> Spectra:
        """Spectra (..., F) in the band of traces (..., N), each with a whole power of 1."""
        last = math.floor(BAND[1] / self.step)
        found = np.fft.rfft(traces, PADDING * self.samples)[..., self.first : last + 1]
        return np.asarray(found / np.linalg.norm(found, axis=-1, keepdims=True))

    def together(self, traces: Trace) -> Spectra:
        """Mean spectrum (..., F) of regions (..., R, N), which count alike however noisy."""
        return np.asarray(self.spectra(traces).mean(axis=-2))

    def shares(self, spectra: Spectra) -> Trace:
        """Share of the power that a pulse of each rate would have, (..., K), as log-odds.

        A steady pulse has its power within one over the duration to each side of its rate, and of
        twice that: a beat is steeper on one side than on the other.

        Args:
            spectra: (..., F), of the band.
        """
        power = _power(spectra)
        lobes = _lobes(power)
        count, bins = len(self.looked_for), power.shape[-1]
        share = lobes[..., :count].copy()
        twice = self.first + 2 * np.arange(count)
        inside = twice < bins
        share[..., inside] += lobes[..., twice[inside]]
        share = np.clip(share / power.sum(axis=-1, keepdims=True), 1e-9, 1 - 1e-9)
        return np.asarray(np.log(share / (1 - share)))

    def stronger(self, spectrum: Spectra, at: int) -> int:
        """Choose between one place among the rates and that of twice its rate, by their power.

        The share of a pulse and that of half its rate are nearly the same.
        """
        lobes, twice = _lobes(_power(spectrum)), self.first + 2 * at
        return twice if twice < len(self.looked_for) and lobes[twice] > lobes[at] else at

    def refined(self, spectrum: Spectra, at: int) -> float:
        """Rate in Hz of the peak about one place, between the steps of the spectrum."""
        power = _power(spectrum)
        near = slice(max(at - PADDING, 0), at + PADDING + 1)
        top = near.start + int(power[near].argmax())
        return (self.first + top + _shift(power, top)) * self.step


def _power(spectra: Spectra) -> Trace:
    return np.asarray(spectra.real**2 + spectra.imag**2)


def _lobes(power: Trace) -> Trace:
    """Power (..., F) within one over the duration to each side of every rate of the band."""
    below = np.concatenate([np.zeros((*power.shape[:-1], 1)), power.cumsum(axis=-1)], axis=-1)
    at = np.arange(power.shape[-1])
    high, low = np.minimum(at + PADDING + 1, len(at)), np.maximum(at - PADDING, 0)
    return np.asarray(below[..., high] - below[..., low])


def _shift(power: Trace, top: int) -> float:
    """Where between its neighbours a peak is highest, in steps, by a parabola."""
    if not 0 < top < len(power) - 1:
        return 0.0
    before, peak, after = power[top - 1 : top + 2]
    bend = before - 2 * peak + after
    return float(0.5 * (before - after) / bend) if bend < 0 else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Chance:
    """What peaks noise has in traces of one length.

    White noise has like shares of its power (:meth:`Rates.shares`) at all rates, brown noise large
    ones at slow rates. So the *height* of a peak is by how many standard deviations its share is
    above that of noise at the same rate, of the slope for which that is least.

    Attributes:
        rates: of the spectra.
        centre, width: float64 (slopes, K), mean and standard deviation of the shares of noise.
        highest: float64 (slopes, DRAWS), rising: height of the highest peak of each draw.
    """

    rates: Rates
    centre: Trace
    width: Trace
    highest: Trace

    @staticmethod
    @lru_cache(maxsize=256)
    def of(samples: int) -> Chance:
        """Draw noise as long as a trace of so many samples; kept: it takes a tenth of a second."""
        rng = np.random.default_rng((SEED, samples))
        rates = Rates(samples)
        drawn = [
            np.concatenate(
                [
                    rates.shares(rates.spectra(_noise(slope, samples, rng)))
                    for _ in range(DRAWS // AT_ONCE)
                ]
            )
            for slope in SLOPES
        ]
        centre = np.stack([shares.mean(axis=0) for shares in drawn])
        width = np.stack([shares.std(axis=0) for shares in drawn])
        highest = [np.sort(_heights(shares, centre, width).max(axis=-1)) for shares in drawn]
        return Chance(rates, centre, width, np.stack(highest))

    def heights(self, shares: Trace) -> Trace:
        """Compare shares (..., K) with those of noise."""
        return _heights(shares, self.centre, self.width)

    def p_value(self, height: float) -> float:
        """How often noise has a peak as high, for the slope with which that is most often."""
        above = DRAWS - min(int(row.searchsorted(height)) for row in self.highest)
        return (1 + above) / (1 + DRAWS)


def _heights(shares: Trace, centre: Trace, width: Trace) -> Trace:
    return np.asarray(((shares[..., None, :] - centre) / width).min(axis=-2))


def _noise(slope: float, samples: int, rng: np.random.Generator) -> Trace:
    """Noise (AT_ONCE, samples) with a slope, as the overlap-add of POS leaves it.

    While noise is steady so are the weights of its projections, and POS is this filter.
    """
    longer = 2 * samples  # what is cut from it does not end as it began
    white = np.fft.rfft(rng.standard_normal((AT_ONCE, longer)))
    hz = np.fft.rfftfreq(longer, 1 / RATE)
    hz[0] = np.inf  # its mean is taken off in each window anyway
    noise = np.fft.irfft(white * hz ** (-slope / 2), longer)[:, :samples]
    return _overlap_added(np.lib.stride_tricks.sliding_window_view(noise, WINDOW, axis=1))


def _p_coherence(traces: Trace, rates: Rates, at: int) -> float:
    """How often regions with random phases agree as well as these do at one place."""
    if len(traces) < 2:
        return 1.0
    agreed = _agreement(rates.spectra(traces), at)
    rng = np.random.default_rng((SEED, *traces.shape))
    spectra = np.fft.rfft(traces)
    turned = spectra * np.exp(2j * np.pi * rng.random((SURROGATES, *spectra.shape)))
    strangers = _agreement(rates.spectra(np.fft.irfft(turned, traces.shape[-1])), at)
    return float(1 + (strangers >= agreed).sum()) / (1 + SURROGATES)


def _agreement(spectra: Spectra, at: int) -> Trace:
    """Power of the mean of regions (..., R, F) about a rate, over the mean of theirs: 0..1."""
    own = _lobes(_power(spectra))[..., at].mean(axis=-1)
    return np.asarray(_lobes(_power(spectra.mean(axis=-2)))[..., at] / own)
