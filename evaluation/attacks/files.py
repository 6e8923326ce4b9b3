"""Pictures and clips as files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

import av
import cv2
import numpy as np

from evaluation.attacks.contracts import Pixels
from media.clips import Frame

Codec = Literal["mpeg4", "libx264"]

QUALITY = 92
"""Of the JPEG of a picture."""

TICKS = 30_000
"""Of the clock in a clip, to a second; MPEG-4 counts up to 65,535."""


def jpeg(pixels: Pixels) -> bytes:
    """Encode a picture, uint8 RGB (H, W, 3)."""
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    _, file = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return file.tobytes()


def mp4(frames: Sequence[Frame], codec: Codec = "mpeg4") -> bytes:
    """Encode a clip with the times of its frames; an odd row or column is cut off.

    Args:
        frames: in order of time, of one size.
        codec: that is encoded with.
    """
    file = io.BytesIO()
    height, width = (2 * (side // 2) for side in frames[0].pixels.shape[:2])
    with av.open(file, "w", format="mp4") as container:
        options = {"qscale": "2"} if codec == "mpeg4" else {}
        stream = container.add_stream(codec, rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS)
        for frame in frames:
            even = np.ascontiguousarray(frame.pixels[:height, :width])
            picture = av.VideoFrame.from_ndarray(even, format="rgb24")
            picture.pts, picture.time_base = round(frame.time * TICKS), Fraction(1, TICKS)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return file.getvalue()
