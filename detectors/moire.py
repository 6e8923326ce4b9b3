"""Is something a photograph of a screen? Peaks that its grid of pixels leaves in the spectrum.

Formula of the peak ratio: FaceVault, "Deepfake Defense", *Moire Pattern Detection*. On photographs
of screens and of real things by five people, sent through messengers, it hardly separates (AUC
0.66), and almost every sharp document is above its limit. The measures over patches do (AUC 0.88,
collector left out); the defaults are the reference's all the same.

What is printed with a periodic screen or woven is periodic too, and can look like a display. A
screen that was out of focus, far away or strongly reduced in size shows nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from detectors.contracts import Measurement, Measures, Score, Status, logistic
from detectors.interference import PATCH, consistency, patches, prominence, ring_ratio, texture
from detectors.pixels import Pixels, grey

MIN_TEXTURE = -2.0
"""Log power that at least one patch has; an even area has log(0.1) = -2.3."""


@dataclass(frozen=True, slots=True)
class MoireMapping:
    """How spectral measures become a score.

    ``peak_ratio`` scores 1 / (1 + (ratio / limit) ** 2), that is 0.5 at the limit, and
    ``interference`` 1 / (1 + exp(z)) with z = bias + prominence * prominence + consistency *
    consistency + texture * texture, each parameter times the measure of its name. The more
    texture, the higher a peak has to be that means something.

    The four constants are a logistic regression (classes of equal weight, small L2 penalty) on 80
    messenger photographs by five collectors, 43 of real things and 37 of screens: ``moire`` of the
    evaluation data.

    Attributes:
        limit: peak ratio above which the reference sees a screen.
        bias, prominence, consistency, texture: of the logistic.
        ratio_weight, interference_weight: of the components; the reference has only the first.
    """

    limit: float = 1.0
    bias: float = -5.60
    prominence: float = 1.01
    consistency: float = 3.06
    texture: float = -0.66
    ratio_weight: float = 1.0
    interference_weight: float = 0.0


def measure_moire(pixels: Pixels) -> Measurement:
    """Measure the grid of pixels in a picture of anything.

    Abstains below 256 pixels a side (``too_small_for_moire``) and where all is even
    (``no_texture``).

    Measures:
        side_px: shorter side of the picture.
        peak_ratio: the highest mid-frequency amplitude over the mean low-frequency amplitude.
        prominence: the peak, in log power over what surrounds it, that a tenth of the patches
            reach; white noise has 2.8.
        consistency: how far the peaks agree on one direction, or two at right angles: 0 to 1.
        texture: mean log power of the patches at the frequencies searched, in squared grey levels;
            from -2.3.
        patches: how many were looked at, over all scales.

    Args:
        pixels: uint8 RGB (H, W, 3).
    """
    measures = {"side_px": float(min(pixels.shape[:2]))}
    if measures["side_px"] < PATCH:
        return Measurement(measures, Status.ABSTAINED, ("too_small_for_moire",))
    level = grey(pixels)
    found = patches(level)
    if max(patch.texture for patch in found) < MIN_TEXTURE:
        return Measurement(measures, Status.ABSTAINED, ("no_texture",))
    measures["peak_ratio"] = ring_ratio(level)
    measures["prominence"] = prominence(found)
    measures["consistency"] = consistency(found)
    measures["texture"] = texture(found)
    measures["patches"] = float(len(found))
    return Measurement(measures)


def score_moire(measures: Measures, mapping: MoireMapping) -> Score:
    """Map what :func:`measure_moire` found to a score."""
    ratio = 1 / (1 + (measures["peak_ratio"] / mapping.limit) ** 2)
    z = (
        mapping.bias
        + mapping.prominence * measures["prominence"]
        + mapping.consistency * measures["consistency"]
        + mapping.texture * measures["texture"]
    )
    interference = logistic(-z)
    return Score.weighted(
        {
            "peak_ratio": (ratio, mapping.ratio_weight),
            "interference": (interference, mapping.interference_weight),
        }
    )
