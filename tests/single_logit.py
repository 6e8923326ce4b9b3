"""A network with the interface of the eKYC reference's: one logit, that of a spoof.

The logit is a weighted sum of the means of the three channels, over all pictures where it looks at
several together, so that its answer is known.
"""

from __future__ import annotations

from pathlib import Path

import channel_means
import numpy as np


def write(
    path: Path,
    weights: tuple[float, float, float],
    side: int = 224,
    logits: int = 1,
    images: int = 1,
) -> Path:
    """Write a network whose logit is the sum of ``weights`` times the means of R, G and B.

    Args:
        path: of the file.
        weights: of the channels.
        side: of its input, in pixels.
        logits: how many it has, all of them the same.
        images: how many pictures it looks at together.
    """
    columns = np.repeat(np.array(weights, np.float32)[:, None], logits, axis=1)
    return channel_means.write(path, ("input", "logit"), side, columns, images)
