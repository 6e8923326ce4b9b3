"""What a check saw, as one picture for people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detectors.pictures import Image, Picture, png


def heatmap(drawn: Sequence[Picture]) -> bytes | None:
    """Encode the panels of a check abreast; None where there are none."""
    panels = [picture.pixels for picture in drawn if isinstance(picture, Image)]
    return png(np.hstack(panels)) if panels else None
