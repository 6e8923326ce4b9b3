"""Every detector of the graph, in the order of the record. Adding one here puts it in the graph."""

from __future__ import annotations

from typing import Any

from detectors.blendshapes import Blendshapes
from detectors.contracts import Detector
from detectors.deepfake import Deepfake
from detectors.depth import Depth
from detectors.eye_specular import EyeSpecular
from detectors.gan_texture import GanTexture
from detectors.liveness import Liveness
from detectors.parallax import Parallax
from detectors.recapture import Recapture
from detectors.rppg import Rppg

DETECTORS: tuple[type[Detector[Any]], ...] = (
    EyeSpecular,
    Blendshapes,
    GanTexture,
    Depth,
    Rppg,
    Parallax,
    Recapture,
    Liveness,
    Deepfake,
)
