"""Was the page compressed before it was compressed as it is, and everywhere alike?

A coefficient quantised by ``q1`` and later by ``q2`` takes some values too often and others
hardly ever, with a period that the two steps set (Popescu and Farid 2004, "Statistical tools for
digital forensics"). What was pasted in between bears no such marks, because it was not on the
same grid of blocks or not compressed by the same steps (Lin et al. 2009; Bianchi, De Rosa and Piva
2011, "Improved DCT coefficient analysis for forgery localization in JPEG images").

For each frequency a histogram is explained twice: by one quantisation and by two. What the
coefficients were before is estimated, as those authors do, from the same picture cut off the grid
by four pixels. Only coefficients that are not zero count, and both explanations are given the same
envelope, so that an odd distribution of the scene is no evidence for either.

The earlier steps are sought in two ways. Most encoders scale one table (ITU-T T.81, Annex K) by
a quality, as libjpeg does; all frequencies then judge a quality together, and traces count that
would be too faint in one of them. For other encoders each low frequency is judged by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.special import ndtr

from detectors.pixels import grey

Floats = NDArray[np.float64]

FREQUENCIES = tuple((u, v) for u in range(8) for v in range(8) if u + v > 0)
"""The AC frequencies, vertical and horizontal index."""

LOW = frozenset((*((u, v) for u, v in FREQUENCIES if u + v <= 4), (0, 5)))
"""The 15 frequencies that are judged by themselves; higher ones are mostly zero."""

QUALITIES = range(50, 99)
"""Of libjpeg, tried as earlier ones. Above, hardly any step is larger than one level."""

STEPS = range(2, 32)
"""Earlier steps tried where a frequency is judged by itself."""

REACH = 256
"""Coefficients are followed to this magnitude, in grey levels of an orthonormal transform."""

MAX_BINS = 40
"""Multiples of the step that are followed; beyond them hardly any coefficient lies."""

ROUNDING = 0.6
"""Standard deviation, in levels, that rounding and clipping of the pixels between the two
compressions give a coefficient: 0.29 for one rounding of luma, more for three colours and back."""

SAMPLE = 16_384
"""Blocks, spread over the page, from which the steps are estimated."""

MIN_COEFFICIENTS = 100
"""Coefficients that are not zero, below which a frequency is not judged."""

MIN_NATS = 25.0
"""Log-likelihood that two quantisations must gain over one, for a frequency to count by itself, or
for a quality. On 316 pages that were compressed once (79 photographs of CASIA 2.0, reduced by a
fifth, at four qualities) the best of all steps gains 14 at most, but for one page with 31, and the
best of all qualities 17."""

MIN_RATE, MIN_RATE_OF_QUALITY = 0.02, 0.01
"""The same per coefficient, for one frequency and for a quality: what the model misses grows with
the page, and a trace does as well."""

CHOICE = np.log(len(STEPS))
"""Nats that each frequency gains for being free to choose its step."""

NEWTON = 8
"""Iterations at most."""

OUTLIERS = 0.05
"""Share of coefficients that may follow the other explanation for reasons of their own."""

SHARES = (0.0, 0.2, 0.5)
"""Shares of the page, tried in turn, that may have been compressed once only."""

CLIPPED = 2
"""Levels from 0 and 255 within which a pixel may have been cut off when it was decoded."""

WINDOWS = (5, 9, 15, 27)
"""Sides, in blocks, of the windows in which a foreign part is sought."""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """The mark of an earlier compression on one frequency.

    Attributes:
        frequency: vertical and horizontal index.
        step: of the earlier compression, in levels.
        gain: log-likelihood of two quantisations over one, in nats.
        evidence: float64 (bins,), the same for one coefficient by its magnitude in present steps;
            0.0 for zero.
    """

    frequency: tuple[int, int]
    step: int
    gain: float
    evidence: Floats


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What the coefficients of a page tell of earlier compressions.

    Attributes:
        coefficients: those of the sample that are not zero, over all frequencies.
        blocks: of the sample.
        traces: frequencies with the marks of an earlier compression.
    """

    coefficients: int
    blocks: int
    traces: tuple[Trace, ...]

    @property
    def evidence(self) -> float:
        """Log-likelihood of an earlier compression, in nats per block."""
        return sum(trace.gain for trace in self.traces) / self.blocks


@dataclass(frozen=True, slots=True, eq=False)
class _Histogram:
    """How well each earlier step explains one frequency; ``traces`` by that step."""

    frequency: tuple[int, int]
    count: int
    traces: dict[int, Trace]


def history(luma: NDArray[np.uint8], table: NDArray[np.int64]) -> History:
    """Look for an earlier compression on the present grid.

    Args:
        luma: uint8 (H, W) in stored orientation, at least 16 pixels a side.
        table: int64 (8, 8), the present steps.
    """
    present = coefficients(_sample(luma), FREQUENCIES)
    before = coefficients(_sample(luma[4:, 4:]), FREQUENCIES)
    histograms: list[_Histogram] = []
    count = 0
    for i, frequency in enumerate(FREQUENCIES):
        step = int(table[frequency])
        bins = _magnitudes(present[:, i], step)
        observed = np.bincount(bins, minlength=_last(step) + 1)[1:].astype(np.float64)
        count += int(observed.sum())
        if observed.sum() >= MIN_COEFFICIENTS:
            histograms.append(_explain(frequency, step, observed, _density(before[:, i])))
    alone, together = _best_steps(histograms), _best_quality(histograms)
    lead = sum(trace.gain - CHOICE for trace in alone) - sum(trace.gain for trace in together)
    return History(count, len(present), alone if lead > 0 else together)


def foreign_map(
    stored: NDArray[np.uint8], table: NDArray[np.int64], traces: tuple[Trace, ...]
) -> NDArray[np.float32]:
    """Log-likelihood, block by block, that it lacks the earlier compression of the page.

    Blocks with a pixel that is black or full in one of its colours say nothing: what was cut off
    there between the two compressions moved all coefficients.

    Args:
        stored: uint8 RGB (H, W, 3) in stored orientation.
        table: int64 (8, 8), the present steps.
        traces: of the earlier compression.

    Returns:
        float32 (H // 8, W // 8), nats; positive where the block looks compressed once only, 0
        everywhere without a trace.
    """
    rows, columns = stored.shape[0] // 8, stored.shape[1] // 8
    if not traces:
        return np.zeros((rows, columns), np.float32)
    present = coefficients(grey(stored), tuple(trace.frequency for trace in traces))
    total = np.zeros(rows * columns, np.float32)
    for i, trace in enumerate(traces):
        bins = _magnitudes(present[:, i], int(table[trace.frequency]))
        total -= trace.evidence.astype(np.float32)[bins]
    low, high = np.full(3, CLIPPED + 1), np.full(3, 254 - CLIPPED)
    inside = cv2.inRange(stored[: 8 * rows, : 8 * columns], low, high)
    whole = cv2.resize(inside, (columns, rows), interpolation=cv2.INTER_AREA) == 255
    return np.where(whole, total.reshape(rows, columns), np.float32(0))


def foreign_evidence(evidence: NDArray[np.float32]) -> float:
    """How sure it is that one part of a :func:`foreign_map` is foreign and the rest is not.

    Of a window, the smaller of two: what its blocks say for one quantisation, and what all others
    say for two. Where the model fits a page badly, most blocks look foreign, and none then counts.
    The strongest window is taken, less the logarithm of the number of blocks: by chance one window
    in n exceeds ln(n). Windows wider than half the page are left out.

    Returns:
        Nats, from 0.0.
    """
    total = float(evidence.sum())
    best = 0.0
    for side in WINDOWS:
        if 2 * side <= min(evidence.shape):
            inside = cv2.boxFilter(
                evidence, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT
            )
            best = max(best, float(np.minimum(inside, inside - total).max()))
    return max(0.0, best - float(np.log(evidence.size)))


def libjpeg_table(quality: int) -> NDArray[np.int64]:
    """Luma steps of libjpeg's ``quality``, 50 to 100: int64 (8, 8), vertical frequency first."""
    return np.clip((_ANNEX_K * (200 - 2 * quality) + 50) // 100, 1, 255)


_ANNEX_K = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.int64,
)
"""Luminance table of ITU-T T.81, Annex K: libjpeg's quality 50."""

_TABLES = np.stack([libjpeg_table(quality) for quality in QUALITIES])


def coefficients(
    luma: NDArray[np.uint8], frequencies: tuple[tuple[int, int], ...]
) -> NDArray[np.float32]:
    """Transform every block of 8 x 8: orthonormal DCT, float32 (blocks, frequencies).

    Blocks come row by row; pixels beyond the last whole block are dropped.
    """
    rows, columns = luma.shape[0] // 8, luma.shape[1] // 8
    waves = np.stack([np.outer(_DCT[u], _DCT[v]).ravel() for u, v in frequencies], axis=1)
    waves = waves.astype(np.float32)
    found = np.empty((rows * columns, len(frequencies)), np.float32)
    # A row of blocks at a time stays in the cache.
    for row in range(rows):
        band = luma[8 * row : 8 * row + 8, : 8 * columns].reshape(8, columns, 8)
        flat = band.transpose(1, 0, 2).astype(np.float32).reshape(columns, 64)
        np.matmul(flat, waves, out=found[row * columns : (row + 1) * columns])
    return found


_K = np.arange(8)
_DCT = np.cos((2 * _K[None] + 1) * _K[:, None] * np.pi / 16)
_DCT *= np.where(_K == 0, np.sqrt(1 / 8), 1 / 2)[:, None]


# Magnitudes, by half levels, from the middle of their cells: half a step then falls between two
# of them, and rounding has no ties, which would fill every other multiple of an even step.
_LEVELS = (np.arange(2 * REACH) + 0.5) / 2


def _sample(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Whole rows of blocks, evenly spread, that hold about :data:`SAMPLE` blocks."""
    rows, columns = luma.shape[0] // 8, luma.shape[1] // 8
    take = min(rows, max(1, SAMPLE // columns))
    chosen = np.linspace(0, rows - 1, take).astype(np.intp)
    return luma[: 8 * rows].reshape(rows, 8, -1)[chosen].reshape(8 * take, -1)


def _last(step: int) -> int:
    return min(REACH // step, MAX_BINS)


def _magnitudes(values: NDArray[np.float32], step: int) -> NDArray[np.intp]:
    """Magnitudes in whole steps; those out of reach become 0, which says nothing."""
    bins: NDArray[np.intp] = np.abs(np.rint(values / step)).astype(np.intp)
    bins[bins > _last(step)] = 0
    return bins


def _density(values: NDArray[np.float32]) -> Floats:
    """Smooth distribution of unquantised magnitudes at :data:`_LEVELS`, sum 1."""
    last = 2 * REACH - 1
    cells = np.minimum(2 * np.abs(values), last).astype(np.intp)
    observed = np.bincount(cells, minlength=last + 1).astype(np.float64)
    # Reflected at zero, where the distribution is even.
    smooth = gaussian_filter1d(observed, 4.0, mode="reflect") + 5e-3
    density: Floats = smooth / smooth.sum()
    return density


def _tilted(density: Floats, step: int, observed: Floats) -> Floats:
    """Bend ``density`` so that, quantised by ``step``, it comes closest to ``observed``, sum 1.

    Off the grid the neighbours of a coefficient, quantised to zero for the most part, leak into
    it, and the estimate is too narrow or too wide. It is multiplied by the exponential of a
    combination of log(1 + x), x and x squared, found by Newton's method: enough for the width and
    the tails, too smooth for a period.
    """
    bins = _multiples(step) - 1
    inside = (bins >= 0) & (bins < len(observed))
    steps = _LEVELS / step
    bend = np.stack([np.log1p(steps), steps, steps * steps], axis=1)
    bend /= bend[inside].max(axis=0)
    here, cells, start = bend[inside], bins[inside], density[inside]
    total = observed.sum()
    ridge = 1e-3 * np.sqrt(total) * np.eye(3)
    factors = np.zeros(3)
    for _ in range(NEWTON):
        weights = start * np.exp(here @ factors)
        weights /= weights.sum()
        mass = np.bincount(cells, weights=weights, minlength=len(observed))
        sums = [np.bincount(cells, weights=weights * wave) for wave in here.T]
        means = np.stack(sums, axis=1) / mass[:, None]
        about = means - mass @ means
        curvature = total * (about.T * mass) @ about + ridge
        move = np.linalg.solve(curvature, means.T @ (observed - total * mass))
        largest = float(np.abs(move).max())
        factors += move * min(1.0, 3.0 / max(largest, 1.0))
        if largest < 1e-3:
            break
    exponent = bend @ factors
    bent = density * np.exp(np.clip(exponent - exponent[0], -30.0, 30.0))
    tilted: Floats = bent / bent.sum()
    return tilted


def _explain(
    frequency: tuple[int, int], step: int, observed: Floats, density: Floats
) -> _Histogram:
    """Compare one quantisation with two, for every earlier step that is tried."""
    density = _tilted(density, step, observed)
    once = _like(observed, _quantised(density, step)[1 : len(observed) + 1])
    tried = set(_TABLES[:, *frequency].tolist())
    if frequency in LOW:
        tried |= set(STEPS)
    # Every value of a grid whose step divides the present one is on the present grid.
    earlier = sorted(other for other in tried if step % other)
    expected = [_quantised(density, other) @ _requantised(other, step) for other in earlier]
    twice = OUTLIERS * once + (1 - OUTLIERS) * _like(
        observed, np.reshape(expected, (-1, len(once)))
    )
    gains = [np.log((share * once + (1 - share) * twice) / once) @ observed for share in SHARES]
    evidence = np.pad(np.log(twice / once), ((0, 0), (1, 0)))
    traces = {
        other: Trace(frequency, other, float(gain), row)
        for other, gain, row in zip(earlier, np.max(gains, axis=0), evidence, strict=True)
    }
    return _Histogram(frequency, int(observed.sum()), traces)


def _best_steps(histograms: list[_Histogram]) -> tuple[Trace, ...]:
    """The best earlier step of each low frequency by itself, where there is one."""
    found = []
    for histogram in histograms:
        if histogram.frequency in LOW and histogram.traces:
            best = max(histogram.traces.values(), key=lambda trace: trace.gain)
            if best.gain >= max(MIN_NATS, MIN_RATE * histogram.count):
                found.append(best)
    return tuple(found)


def _best_quality(histograms: list[_Histogram]) -> tuple[Trace, ...]:
    """The steps of the best earlier quality of libjpeg, if there is one."""
    best: tuple[Trace, ...] = ()
    most = MIN_NATS
    for table in _TABLES:
        marked = [h for h in histograms if int(table[h.frequency]) in h.traces]
        traces = tuple(h.traces[int(table[h.frequency])] for h in marked)
        gain = sum(trace.gain for trace in traces)
        if gain > max(most, MIN_RATE_OF_QUALITY * sum(h.count for h in marked)):
            best, most = traces, gain
    return best


def _quantised(density: Floats, step: int) -> Floats:
    """Probability of each multiple of ``step``, from 0 to ``REACH // step``."""
    bins = np.minimum(_multiples(step), REACH // step)
    return np.bincount(bins, weights=density, minlength=REACH // step + 1).astype(np.float64)


@lru_cache(maxsize=256)
def _multiples(step: int) -> NDArray[np.intp]:
    """The multiple of ``step`` nearest to each of :data:`_LEVELS`."""
    nearest: NDArray[np.intp] = np.rint(_LEVELS / step).astype(np.intp)
    nearest.setflags(write=False)
    return nearest


def _like(observed: Floats, expected: Floats) -> Floats:
    """Give each row of ``expected`` the envelope of ``observed``, sum 1."""
    expected = expected + 1e-12
    expected = observed.sum() * expected / expected.sum(axis=-1, keepdims=True)
    have = gaussian_filter1d(observed, 2.0, mode="reflect") + 0.5
    want = gaussian_filter1d(expected, 2.0, mode="reflect") + 0.5
    scaled = expected * have / want
    alike: Floats = scaled / scaled.sum(axis=-1, keepdims=True)
    return alike


@lru_cache(maxsize=8192)
def _requantised(earlier: int, step: int) -> Floats:
    """Probability of the present magnitudes 1, 2, ... in steps, given each earlier one."""
    values = np.arange(REACH // earlier + 1)[:, None] * earlier
    edges = (np.arange(_last(step) + 1) + 0.5) * step
    above = np.diff(ndtr((edges - values) / ROUNDING), axis=1)
    below = np.diff(ndtr((-edges - values) / ROUNDING), axis=1)
    matrix: Floats = above - below
    matrix.setflags(write=False)
    return matrix
