"""Size, place, pose and expression of a face: what its landmarks alone give."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.landmarks import Face
from detectors.pixels import visible
from detectors.pose import yaw_pitch_roll
from detectors.topology import (
    CHIN,
    INNER_LIP_LOWER,
    INNER_LIP_UPPER,
    LEFT_EYE_ASPECT,
    LEFT_IRIS,
    RIGHT_EYE_ASPECT,
    RIGHT_IRIS,
)


def measure_geometry(
    face: Face, pose: NDArray[np.float32], frame_size: tuple[int, int]
) -> dict[str, float]:
    """Measure the geometry of a face.

    Args:
        face: landmarks in pixels of the frame at full size.
        pose: of :func:`detectors.pose.head_pose`.
        frame_size: width and height of the frame in pixels.

    Returns:
        ``face_px`` width of its box and ``interocular_px`` distance of its irises, in pixels;
        ``face_coverage`` the visible part of its box in areas of the frame, 0..1; ``margin`` from
        its box to the nearest edge of the frame in widths of the box, negative where the frame
        cuts the face; ``yaw_deg``, ``pitch_deg`` and ``roll_deg`` as
        :func:`detectors.pose.yaw_pitch_roll` has them; ``eye_open`` height by width of the
        narrower lid opening (the eye aspect ratio of Soukupová and Čech 2016), about 0.3 for an
        open eye and below 0.1 for a closed one; ``mouth_open`` gap of the lips in distances from
        the middle of the eyes to the chin (the metric of ISO/IEC 29794-5), 0 when closed.
    """
    x0, y0, x1, y1 = face.box
    width, height = frame_size
    points = face.landmarks[:, :2].astype(np.float64)
    right, left = (points[list(iris)].mean(axis=0) for iris in (RIGHT_IRIS, LEFT_IRIS))
    yaw, pitch, roll = yaw_pitch_roll(pose)
    seen = visible(face.box, frame_size)
    return {
        "face_px": x1 - x0,
        "interocular_px": _apart(right, left),
        "face_coverage": (seen[2] - seen[0]) * (seen[3] - seen[1]) / (width * height),
        "margin": min(x0, y0, width - x1, height - y1) / (x1 - x0),
        "yaw_deg": yaw,
        "pitch_deg": pitch,
        "roll_deg": roll,
        "eye_open": min(_aspect(points[list(eye)]) for eye in (RIGHT_EYE_ASPECT, LEFT_EYE_ASPECT)),
        "mouth_open": _apart(points[INNER_LIP_UPPER], points[INNER_LIP_LOWER])
        / _apart((right + left) / 2, points[CHIN]),
    }


def _aspect(eye: NDArray[np.float64]) -> float:
    """Mean height by width of six points in the order of the paper."""
    outer, upper_outer, upper_inner, inner, lower_inner, lower_outer = eye
    heights = _apart(upper_outer, lower_outer) + _apart(upper_inner, lower_inner)
    return heights / (2 * _apart(outer, inner))


def _apart(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.hypot(*(one - other)))
