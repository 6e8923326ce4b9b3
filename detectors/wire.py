"""MediaPipe's landmark messages as arrays.

Point by point in Python it takes longer to read or write one than to run the network behind it.
As bytes a message is 17 for every point: what follows, its length, and three times a tag and a
float.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_POINT = np.dtype(
    {"names": ["x", "y", "z"], "formats": ["<f4"] * 3, "offsets": [3, 8, 13], "itemsize": 17}
)
_ROUND_A_POINT = b"\x0a\x0f" + b"".join(tag + bytes(4) for tag in (b"\x0d", b"\x15", b"\x1d"))


def unpacked(message: Any) -> NDArray[np.float32]:
    """Read a ``NormalizedLandmarkList`` whose points have x, y and z and nothing else.

    Returns:
        float32 (N, 3).
    """
    points = np.frombuffer(message.SerializeToString(), _POINT)
    return np.stack([points["x"], points["y"], points["z"]], axis=1)


def packed(points: NDArray[np.float32]) -> bytes:
    """Write points, float32 (N, 3), as the bytes of a ``NormalizedLandmarkList``."""
    message = np.frombuffer(bytearray(_ROUND_A_POINT * len(points)), _POINT)
    message["x"], message["y"], message["z"] = points.T
    return message.tobytes()
