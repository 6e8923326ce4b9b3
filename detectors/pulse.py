"""Is there a pulse in the colour of the skin, and how often would noise look like one?

The projection is POS with the overlap-add of the paper (Wang et al., "Algorithmic Principles of
Remote PPG", IEEE TBME 2017, algorithm 1), one trace for each region of the skin. Two questions are
asked of the highest peak in the spectrum of their mean:

- *periodicity*: is so much of the power in one peak? Asked against noise whose power falls with the
  frequency as 1/f^a, for the worst of a = 0, 1 and 2 (:class:`Chance`).
- *coherence*: do the regions agree on it? Asked against the same traces with random phases, those of
  each region drawn on their own, which keeps the spectrum of each of them and nothing else (Theiler
  et al., "Testing for nonlinearity in time series", Physica D 1992).

A pulse passes both. Noise of the codec and of the light is the same in all regions, and passes the
second; random phases keep every peak, so that only the first can say whether it is one.
"""

from __future__ import annotations

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

DRAWS = 2000
"""Of noise with each slope."""

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
    together = _together(pulses)
    own = chance.heights(_shares(together, whole=None))
    at = int(own.argmax())
    return Peak(
        hz=_between(chance.hz, own, at),
        p_periodicity=chance.p_value(float(own[at])),
        p_coherence=_p_coherence(pulses, chance, at),
        regions=len(traces),
    )


def pulse_trace(times: Trace, rgb: Trace) -> Trace | None:
    """Project the colour of a region on a pulse, by POS.

    Args:
        times: float64 (T,), seconds, increasing.
        rgb: float64 (T, 3), mean R, G, B, 0..255; NaN where the region was not seen.

    Returns:
        float64 (N,), evenly spaced at :data:`RATE` and ending with the clip, N a multiple of
        :data:`STEP`; the ends fade, since fewer windows reach there, which suits a spectrum. None
        where that is no longer than a window, or the colour is black or does not change.
    """
    seen = np.isfinite(rgb).all(axis=1)
    if seen.sum() < 2:
        return None
    even = _resampled(times, seen, rgb)
    if len(even) <= WINDOW or even.min() <= 0:
        return None
    windows = np.lib.stride_tricks.sliding_window_view(even, WINDOW, axis=0)
    red, green, blue = (windows / windows.mean(axis=2, keepdims=True)).swapaxes(0, 1)
    first, second = green - blue, green + blue - 2 * red
    spread = second.std(axis=1, keepdims=True)
    alpha = np.zeros_like(spread)
    np.divide(first.std(axis=1, keepdims=True), spread, out=alpha, where=spread > ROUNDING)
    trace = _overlap_added(first + alpha * second)
    return trace if trace.std() > ROUNDING * WINDOW else None


def _resampled(times: Trace, seen: NDArray[np.bool_], rgb: Trace) -> Trace:
    """Average the colour over even samples; between frames it is taken to change steadily."""
    frame = (times[-1] - times[0]) / (len(times) - 1)
    points = round((times[-1] - times[0] + frame) * RATE * FINE)
    samples = points // (FINE * STEP) * STEP
    fine = times[-1] - np.arange(samples * FINE)[::-1] / (RATE * FINE)
    channels = [np.interp(fine, times[seen], channel[seen]) for channel in rgb.T]
    return np.stack(channels, axis=1).reshape(samples, FINE, len(channels)).mean(axis=1)


def _overlap_added(windows: Trace) -> Trace:
    """Add up windows (..., W, WINDOW), each without its mean and one sample after the one before."""
    count = windows.shape[-2]
    means = windows.mean(axis=-1)
    trace = np.zeros((*windows.shape[:-2], count + WINDOW - 1))
    for offset in range(WINDOW):
        trace[..., offset : offset + count] += windows[..., offset] - means
    return trace


def _rates(samples: int) -> Trace:
    """Rates in the band, in Hz, of the spectra of traces with so many samples."""
    hz = np.fft.rfftfreq(PADDING * samples, 1 / RATE)
    return hz[(hz >= BAND[0]) & (hz <= BAND[1])]


def _spectra(traces: Trace) -> Spectra:
    """Spectra in the band of traces (..., N), each with a whole power of 1."""
    samples = traces.shape[-1]
    hz = np.fft.rfftfreq(PADDING * samples, 1 / RATE)
    found = np.fft.rfft(traces, PADDING * samples)[..., (hz >= BAND[0]) & (hz <= BAND[1])]
    return np.asarray(found / np.linalg.norm(found, axis=-1, keepdims=True))


def _together(traces: Trace) -> Spectra:
    """Mean spectrum of regions (..., R, N), which count alike however noisy they are."""
    return np.asarray(_spectra(traces).mean(axis=-2))


def _shares(spectra: Spectra, whole: float | None) -> Trace:
    """Share of the power that lies about each rate at which a pulse may be, as log-odds.

    Args:
        spectra: (..., F), of the band.
        whole: what it is a share of; None for the spectrum's own power.
    """
    power = spectra.real**2 + spectra.imag**2
    below = np.concatenate([np.zeros((*power.shape[:-1], 1)), power.cumsum(axis=-1)], axis=-1)
    at = np.arange(power.shape[-1])
    # A steady pulse has its power within one over the duration to each side.
    low, high = np.maximum(at - PADDING, 0), np.minimum(at + PADDING + 1, len(at))
    share = (below[..., high] - below[..., low]) / (whole or below[..., -1:])
    share = np.clip(share, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(share / (1 - share)))


@dataclass(frozen=True, slots=True, eq=False)
class Chance:
    """What peaks noise has in traces of one length.

    White noise has like shares of its power (see :func:`_shares`) at all rates, brown noise large
    ones at slow rates. So the *height* of a peak is by how many standard deviations its share is
    above that of noise at the same rate, of the slope for which that is least.

    Attributes:
        hz: float64 (K,), rates at which a pulse is looked for, rising.
        centre, width: float64 (slopes, K), mean and standard deviation of the shares of noise.
        highest: float64 (slopes, DRAWS), rising: height of the highest peak of each draw.
    """

    hz: Trace
    centre: Trace
    width: Trace
    highest: Trace

    @staticmethod
    @lru_cache(maxsize=256)
    def of(samples: int) -> Chance:
        """Draw noise as long as a trace of so many samples; kept, for it takes a tenth of a second."""
        rng = np.random.default_rng((SEED, samples))
        hz = _rates(samples)
        hz = hz[hz <= FASTEST]
        drawn = [_shares(_noise(slope, samples, rng), whole=None)[:, : len(hz)] for slope in SLOPES]
        centre = np.stack([shares.mean(axis=0) for shares in drawn])
        width = np.stack([shares.std(axis=0) for shares in drawn])
        highest = [np.sort(_heights(shares, centre, width).max(axis=-1)) for shares in drawn]
        return Chance(hz, centre, width, np.stack(highest))

    def heights(self, shares: Trace) -> Trace:
        """Compare shares (..., F) with those of noise, (..., K)."""
        return _heights(shares[..., : len(self.hz)], self.centre, self.width)

    def p_value(self, height: float) -> float:
        """How often noise has a peak as high, for the slope with which that is most often."""
        above = DRAWS - min(int(row.searchsorted(height)) for row in self.highest)
        return (1 + above) / (1 + DRAWS)


def _heights(shares: Trace, centre: Trace, width: Trace) -> Trace:
    return np.asarray(((shares[..., None, :] - centre) / width).min(axis=-2))


def _noise(slope: float, samples: int, rng: np.random.Generator) -> Spectra:
    """Spectra (DRAWS, F) of noise with a slope, after the overlap-add of POS.

    With steady noise POS weighs its two projections steadily, and is this filter.
    """
    longer = 2 * samples  # it does not end as it began
    white = np.fft.rfft(rng.standard_normal((DRAWS, longer)))
    hz = np.fft.rfftfreq(longer, 1 / RATE)
    hz[0] = np.inf  # its mean is taken off in each window anyway
    noise = np.fft.irfft(white * hz ** (-slope / 2), longer)[:, :samples]
    return _spectra(_overlap_added(np.lib.stride_tricks.sliding_window_view(noise, WINDOW, axis=1)))


def _p_coherence(traces: Trace, chance: Chance, at: int) -> float:
    """How often regions with random phases agree anywhere as well as these do at one rate."""
    if len(traces) < 2:
        return 1.0
    agreed = chance.heights(_shares(_together(traces), whole=1.0))[at]
    rng = np.random.default_rng((SEED, *traces.shape))
    spectra = np.fft.rfft(traces)
    turned = spectra * np.exp(2j * np.pi * rng.random((SURROGATES, *spectra.shape)))
    strangers = _together(np.fft.irfft(turned, traces.shape[-1]))
    highest = chance.heights(_shares(strangers, whole=1.0)).max(axis=-1)
    return float(1 + (highest >= agreed).sum()) / (1 + SURROGATES)


def _between(hz: Trace, heights: Trace, at: int) -> float:
    """Rate of a peak between the rates at which it was computed, by a parabola."""
    if not 0 < at < len(hz) - 1:
        return float(hz[at])
    before, top, after = heights[at - 1 : at + 2]
    bend = before - 2 * top + after
    shift = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return float(hz[at] + shift * (hz[1] - hz[0]))
