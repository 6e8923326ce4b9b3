"""Was a part of the page compressed otherwise than the rest?

Formula: FaceVault, "Error Level Analysis (ELA)", after Krawetz 2007 ("A Picture's Worth"): save the
JPEG again at a known quality; what changes is even over an untouched photograph, and varies from
block to block where something was pasted. The reference gives neither quality nor block: here
quality 95 as in its tutorial (FotoForensics), and the blocks of the codec, 8 x 8.

A weak sign by nature: texture changes more than paper does. So the page is also asked for two
others, of :mod:`docfraud.quantisation` and :mod:`docfraud.noise`; the policy says which count. On
39 tampered and 79 authentic photographs of CASIA 2.0 the areas under the ROC curve are 0.54, 0.76
and 0.48. There all tampered files, and hardly any other, have one quantisation table. With the
authentic ones saved again by that table they are 0.56, 0.76 and 0.48. That a page was saved twice
reaches 0.79 by itself, but 0.43 there; it has no part in any score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.contracts import Measurement, Measures, Score, Status, logistic, ramp
from detectors.pixels import grey, shrink
from docfraud.contracts import Check, Page
from docfraud.jpeg import Coding, as_stored, upright
from docfraud.noise import noise_spread
from docfraud.quantisation import WINDOWS, foreign_evidence, foreign_map, history

QUALITY = 95
"""At which the page is saved again, in libjpeg's scale."""

AMPLIFY = 20
"""Factor of the error in the picture: 13 levels are white. Fixed, so that pictures compare."""

SIDE = 768
"""Pixels, of the longer side of each half of the picture."""

CERTAIN = 100.0
"""Nats in a window of 5 x 5 blocks that are drawn in full red."""

MARK = (255, 64, 32)

MIN_SIDE = 128
"""Pixels: 16 blocks."""

MAX_MEAN_STEP = 57.7
"""Mean luma step of libjpeg's quality 50. What was before so coarse a compression is gone, and
saving at 95 changes nothing but rounding."""

MIN_COEFFICIENTS = 500
"""AC coefficients that are not zero, below which there is nothing that was compressed."""


@dataclass(frozen=True, slots=True)
class ElaMapping:
    """How tampering becomes a score; by default as in the reference, by error levels alone.

    Attributes:
        between: variance of the blocks' mean errors, in levels squared, at which the score of
            error levels is one half. 75 of 79 authentic photographs of CASIA 2.0 lie below it.
        foreign: evidence for a foreign part, in nats, at which its score is one half, and the
            further nats that take it to 0.27. None of 79 authentic photographs of CASIA 2.0
            reaches the half, as they are or saved again with the table of the tampered ones, nor
            does any of 99 other photographs of documents, things and places; 18 of 39 tampered
            ones do.
        noise: spread of the logarithm of the noise at which its score is 1 and 0. Of the 79, half
            lie below 0.8 and none above 2.
        error_levels_weight, foreign_weight, noise_weight: of the components.
    """

    between: float = 0.25
    foreign: tuple[float, float] = (40.0, 10.0)
    noise: tuple[float, float] = (0.8, 2.0)
    error_levels_weight: float = 1.0
    foreign_weight: float = 0.0
    noise_weight: float = 0.0


class Ela(Check[ElaMapping]):
    """Error levels, double quantisation and noise of a JPEG, on the grid that it was coded on.

    ``unavailable`` for other formats (``not_a_jpeg``). Abstains on components other than luma and
    chroma (``coding_unsupported``), below 128 pixels a side (``page_too_small``), below
    libjpeg's quality 50 (``quality_too_low``) and on an even page (``no_texture``). A page that
    was resized and saved afresh has no earlier compression to be seen, as one from a camera has
    none: both show no traces.

    The page is saved again with its own chroma sampling. With the encoder's default, 4:2:0, all
    pages with full chroma would show errors, spliced or not.

    Measures:
        mean_step: of the luma quantisation, in levels.
        error_mean: mean error, in levels.
        error_between: variance of the blocks' mean errors, in levels squared.
        history: evidence for an earlier compression on the same grid, nats per block; 0.0 none.
            It has no part in the score: messengers and galleries save a second time as well.
        traces: frequencies, of 63, that show it.
        foreign: evidence, in nats, that a part of the page lacks it; 0.0 where no trace was found.
        noise_spread: standard deviation of the natural logarithm of the noise of 64 x 64 tiles.
    """

    name: ClassVar[str] = "ela"
    mapping: ClassVar[type] = ElaMapping
    panels: ClassVar[tuple[tuple[str, str], ...]] = (
        (
            "error_levels",
            "What saving again would change, amplified: look for a part unlike the rest",
        ),
        ("foreign", "Red where a part lacks the compression that the rest went through before"),
    )

    def measure(self, page: Page) -> Measurement:
        """Measure what compression and noise tell."""
        if page.format != "jpeg":
            return Measurement(status=Status.UNAVAILABLE, reasons=("not_a_jpeg",))
        coding = Coding.of(page.original)
        if coding is None:
            return Measurement(status=Status.ABSTAINED, reasons=("coding_unsupported",))
        measures = {"mean_step": float(coding.table.mean())}
        if min(page.pixels.shape[:2]) < MIN_SIDE:
            return Measurement(measures, Status.ABSTAINED, ("page_too_small",))
        if measures["mean_step"] > MAX_MEAN_STEP:
            return Measurement(measures, Status.ABSTAINED, ("quality_too_low",))

        stored = as_stored(page, coding)
        luma = grey(stored)
        past = history(luma, coding.table)
        if past.coefficients < MIN_COEFFICIENTS:
            return Measurement(measures, Status.ABSTAINED, ("no_texture",))
        evidence = foreign_map(stored, coding.table, past.traces)
        means = block_means(error_levels(stored, coding))
        measures |= {
            "error_mean": float(means.mean()),
            "error_between": float(means.var()),
            "history": past.evidence,
            "traces": float(len(past.traces)),
            "foreign": foreign_evidence(evidence),
            "noise_spread": noise_spread(luma),
        }
        return Measurement(measures)

    @staticmethod
    def score(measures: Measures, mapping: ElaMapping) -> Score:
        """Map tampering to a score."""
        middle, width = mapping.foreign
        even, uneven = mapping.noise
        nats = (measures["foreign"] - middle) / width
        return Score.weighted(
            {
                "error_levels": (
                    mapping.between / (mapping.between + measures["error_between"]),
                    mapping.error_levels_weight,
                ),
                "foreign": (logistic(-nats), mapping.foreign_weight),
                "noise": (ramp(measures["noise_spread"], uneven, even), mapping.noise_weight),
            },
            ("foreign_part",) if nats > 0 and mapping.foreign_weight > 0 else (),
        )

    def picture(self, page: Page) -> NDArray[np.uint8] | None:
        """Draw the error levels, and beside them where the page lacks its earlier compression.

        Returns:
            uint8 RGB (h, 2 w, 3), both halves the whole page, reduced to at most 768 pixels a
            side: the error of every pixel, 20 times amplified, and the page in dark grey, the
            redder the more a part looks foreign. None for what cannot be measured.
        """
        coding = Coding.of(page.original) if page.format == "jpeg" else None
        if coding is None or min(page.pixels.shape[:2]) < MIN_SIDE:
            return None
        stored = as_stored(page, coding)
        errors, _ = shrink(error_levels(stored, coding), SIDE)
        halves = (cv2.convertScaleAbs(errors, alpha=AMPLIFY), _draw_foreign(stored, coding))
        return np.hstack([upright(np.asarray(half, np.uint8), coding) for half in halves])


def _draw_foreign(stored: NDArray[np.uint8], coding: Coding) -> NDArray[np.uint8]:
    luma = grey(stored)
    evidence = foreign_map(stored, coding.table, history(luma, coding.table).traces)
    rows, columns = evidence.shape
    near = cv2.boxFilter(evidence, -1, (WINDOWS[0], WINDOWS[0]), normalize=False)
    strength = np.zeros(luma.shape, np.float32)
    strength[: 8 * rows, : 8 * columns] = np.repeat(np.repeat(near, 8, axis=0), 8, axis=1)
    dark, _ = shrink(luma // np.uint8(2), SIDE)
    size = dark.shape[1], dark.shape[0]
    red = cv2.resize(strength, size, interpolation=cv2.INTER_AREA)
    share = np.clip(red / CERTAIN, 0.0, 1.0)[..., None]
    drawn: NDArray[np.uint8] = np.rint(dark[..., None] * (1 - share) + share * MARK)
    return drawn.astype(np.uint8)


def error_levels(stored: NDArray[np.uint8], coding: Coding) -> NDArray[np.uint8]:
    """What saving again changes: absolute difference of each pixel, uint8 RGB (H, W, 3).

    Args:
        stored: uint8 RGB (H, W, 3) in stored orientation.
        coding: of the original, for its chroma sampling.
    """
    how = [cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, coding.sampling]
    bgr = cv2.cvtColor(stored, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", bgr, how)
    again = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(cv2.absdiff(bgr, again), cv2.COLOR_BGR2RGB), np.uint8)


def block_means(errors: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean over the pixels and colours of every block of 8 x 8: (H // 8, W // 8), in levels."""
    rows, columns = errors.shape[0] // 8, errors.shape[1] // 8
    whole = errors[: 8 * rows, : 8 * columns].reshape(rows, 8, 24 * columns)
    sums = whole.sum(axis=1, dtype=np.uint16).reshape(rows, columns, 24).sum(axis=2)
    means: NDArray[np.float64] = sums / 192
    return means
