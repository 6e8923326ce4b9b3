"""Is the face alive with small activations of its muscles?

Formula: FaceVault, "Deepfake Defense", signal 2. MediaPipe's blendshape head sees 146 landmarks
and no pixels, so a photograph of a smile activates it as a smile does: a single frame separates
a face from a dead coefficient vector, and hardly a live face from its picture. What changes over a
clip is measured beside it (:mod:`detectors.animation`), for policies that ask for it.

Where MediaPipe's model file is missing, a network that was distilled from it answers instead
(:mod:`detectors.distilled`); the digest in the record says which of the two did.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.animation import measure_animation
from detectors.contracts import (
    BLENDSHAPES,
    Detector,
    FaceBundle,
    Measurement,
    Measures,
    Score,
    band,
    ramp,
)
from detectors.expression import BLENDSHAPE_NAMES
from detectors.pictures import BLUE, Image, Picture
from detectors.pixels import Pixels

NEUTRAL = BLENDSHAPE_NAMES.index("_neutral")
BLINK_LEFT = BLENDSHAPE_NAMES.index("eyeBlinkLeft")
BLINK_RIGHT = BLENDSHAPE_NAMES.index("eyeBlinkRight")

ACTIVE = 0.01
"""A coefficient above this counts as active: the reference's limit for a blink, used for all."""

BARS = 10
"""Coefficients that are drawn."""

ROW, NAMES_PX, FULL_PX = 22, 200, 236
"""Pixels of the picture: height of a row, width of the names, and of a bar that stands for 1."""


@dataclass(frozen=True, slots=True)
class BlendshapesMapping:
    """How activations become a score.

    The reference gives the ranges of a real and of a dead face. Between them the score is linear.
    It calls activation above the real range "unnaturally high" without a limit: ours are the
    largest possible ratio, and twice the energy.

    Attributes:
        active: share of active coefficients at which the score is 0, 1, 1 and 0 again.
        energy: sum of coefficients at which the score is 0, 1, 1 and 0 again.
        blink: a blink coefficient above this scores 1, else 0.
        diversity: variance at which the score is 0 and 1. The reference names none; these are
            the variances of its own limits: energy 0.1 spread over 5% of the coefficients (a
            flat photograph) and 0.3 over 15% (the least active real face).
        dead_energy: below this energy the vector is dead and the whole score 0.
        active_weight, energy_weight, blink_weight, diversity_weight: of the components.
        over_time: what the score takes from the clip, where there is one long enough; the rest it
            takes from the single frame. The reference looks at no clip.
        motion: expression over the clip, beyond jitter and pose, at which that part is 0 and 1.
            Photographs reach 0.22 before a shaking camera and 0.27 when they are turned to and fro,
            which the network takes for expression in part; faces that speak have 0.1 to 0.35.
        closing: depth of a blink, beyond the pose, at which it is 0 and 1. In photographs lids seem
            to close by up to 0.13, and that in the dark; most blinks of live eyes have more than
            0.27. The higher of both parts counts: one blink shows life, and so does speech.
    """

    active: tuple[float, float, float, float] = (0.05, 0.15, 0.60, 1.00)
    energy: tuple[float, float, float, float] = (0.1, 0.3, 8.0, 16.0)
    blink: float = 0.01
    diversity: tuple[float, float] = (7e-5, 2e-4)
    dead_energy: float = 0.1
    active_weight: float = 0.30
    energy_weight: float = 0.30
    blink_weight: float = 0.15
    diversity_weight: float = 0.25
    over_time: float = 0.0
    motion: tuple[float, float] = (0.28, 0.40)
    closing: tuple[float, float] = (0.13, 0.27)


class Blendshapes(Detector[BlendshapesMapping]):
    """Activation of the 51 expression coefficients in one frame, and how they change over a clip.

    ``_neutral`` is left out: it stands for no expression, and is about 1e-6 in practice.

    Measures:
        active_ratio: share of coefficients above 0.01, 0..1.
        energy: sum of the coefficients, 0..51.
        blink_right, blink_left: closing of the subject's eyes, 0..1.
        variance: population variance of the coefficients, 0..0.25.

    And of a clip that is long enough those of :func:`detectors.animation.measure_animation`.
    """

    name: ClassVar[str] = "blendshapes"
    needs: ClassVar[tuple[str, ...]] = (
        "blendshapes",
        "clip.times?",
        "clip.blendshapes?",
        "clip.boxes?",
    )
    mapping: ClassVar[type] = BlendshapesMapping

    def measure(self, bundle: FaceBundle) -> Measurement:
        """Measure the coefficients.

        Raises:
            ValueError: the bundle has no coefficients, or not 52 of them.
        """
        coefficients = bundle.blendshapes
        if coefficients is None or coefficients.shape != (BLENDSHAPES,):
            found = None if coefficients is None else coefficients.shape
            raise ValueError(f"expected {BLENDSHAPES} blendshapes, got {found}")
        expression = np.delete(coefficients, NEUTRAL).astype(np.float64)
        measures = {
            "active_ratio": float(np.mean(expression > ACTIVE)),
            "energy": float(expression.sum()),
            "blink_right": float(coefficients[BLINK_RIGHT]),
            "blink_left": float(coefficients[BLINK_LEFT]),
            "variance": float(expression.var()),
        }
        clip = bundle.clip
        if clip is not None and clip.blendshapes is not None:
            measures |= measure_animation(clip.times, clip.blendshapes, clip.boxes)
        return Measurement(measures, model=bundle.blendshape_model)

    def pictures(self, bundle: FaceBundle) -> Sequence[Picture]:
        """Draw the strongest coefficients as bars."""
        if bundle.blendshapes is None:
            return ()
        title = "What the muscles of the face do, the strongest first: compare it with the selfie"
        return (Image("expression", title, _draw(bundle.blendshapes)),)

    @staticmethod
    def score(measures: Measures, mapping: BlendshapesMapping) -> Score:
        """Map activations to a score.

        A dead vector scores 0 with ``dead_blendshapes``. A face in which nothing moved by itself
        has ``still_face`` among the reasons, where the policy looks at the clip.
        """
        blink = max(measures["blink_right"], measures["blink_left"])
        scored = Score.weighted(
            {
                "active": (band(measures["active_ratio"], mapping.active), mapping.active_weight),
                "energy": (band(measures["energy"], mapping.energy), mapping.energy_weight),
                "blink": (float(blink > mapping.blink), mapping.blink_weight),
                "diversity": (
                    ramp(measures["variance"], *mapping.diversity),
                    mapping.diversity_weight,
                ),
            }
        )
        if measures["energy"] < mapping.dead_energy:
            return Score(0.0, scored.components, ("dead_blendshapes",))
        if mapping.over_time == 0.0 or "motion" not in measures:
            return scored
        alive = max(
            ramp(measures["motion"], *mapping.motion),
            ramp(measures["blink_depth"], *mapping.closing),
        )
        value = (1 - mapping.over_time) * scored.value + mapping.over_time * alive
        components = {**scored.components, "alive": alive}
        return Score(value, components, ("still_face",) if alive == 0.0 else ())


def _draw(coefficients: NDArray[np.float32]) -> Pixels:
    """Draw the :data:`BARS` strongest coefficients, uint8 RGB, a row of :data:`ROW` pixels each."""
    expression = [index for index in range(BLENDSHAPES) if index != NEUTRAL]
    strongest = sorted(expression, key=lambda index: -coefficients[index])[:BARS]
    drawn = np.full((ROW * BARS, NAMES_PX + FULL_PX + ROW, 3), 24, np.uint8)
    font = cv2.FONT_HERSHEY_SIMPLEX
    for row, index in enumerate(strongest):
        value, top = float(np.clip(coefficients[index], 0.0, 1.0)), row * ROW
        right = NAMES_PX + round(value * FULL_PX)
        base = (8, top + ROW - 7)
        cv2.putText(drawn, _words(index), base, font, 0.45, (230, 230, 230), 1, cv2.LINE_AA)
        cv2.rectangle(drawn, (NAMES_PX, top + 4), (right, top + ROW - 5), BLUE, -1)
        cv2.rectangle(
            drawn, (NAMES_PX, top + 4), (NAMES_PX + FULL_PX, top + ROW - 5), (96, 96, 96), 1
        )
    return drawn


def _words(index: int) -> str:
    """Say a name in words: ``mouthSmileLeft`` is ``mouth smile left``."""
    return re.sub(r"(?=[A-Z])", " ", BLENDSHAPE_NAMES[index]).lower()
