"""Does a face move by itself? Expressions over a clip, beyond what its landmarks jitter.

A photograph before a camera has an expression and keeps it. What changes in its blendshapes comes
from the noise of the landmarks, new in every row, and from the pose, which the network mistakes in
part for expression: both are taken away. What is left is muscles. A face that holds still for the
length of the clip is not told from a photograph, and a recording or a face swap moves as its victim
or its driver does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.expression import BLENDSHAPE_NAMES

Array = NDArray[np.float64]

MIN_ROWS, MIN_S = 15, 1.5
"""Rows, and seconds from the first to the last, below which nothing can be said."""

NOT_MUSCLES = ("_neutral", "eyeLook")
"""What is left out: looking about is a motion of the eyes, in which landmarks are worst."""

MUSCLES = [i for i, n in enumerate(BLENDSHAPE_NAMES) if not n.startswith(NOT_MUSCLES)]
BLINKS = [BLENDSHAPE_NAMES.index(f"eyeBlink{side}") for side in ("Left", "Right")]
# A jaw and a mouth that move to one side have no twin.
PAIRS = [
    (i, BLENDSHAPE_NAMES.index(name.removesuffix("Left") + "Right"))
    for i, name in enumerate(BLENDSHAPE_NAMES)
    if name.endswith("Left") and not name.startswith((*NOT_MUSCLES, "jaw", "mouthLeft"))
]

BLINK = 0.10
"""How far both eyes must close together to count; in photographs they seem to, by up to 0.13."""

BLINK_S = 0.6
"""Longest blink, at half its depth. One takes 0.1 to 0.4 s; the rows are 0.1 s apart."""

TWITCH = 0.01
"""Standard deviation of the box, in widths of the face, of which half is taken for a motion."""

_WHITE = 0.954
"""Median size of the difference of two draws of white noise, in its standard deviations."""


def measure_animation(
    times: Array, blendshapes: NDArray[np.float32], boxes: NDArray[np.float32]
) -> dict[str, float]:
    """Measure a clip.

    Args:
        times: float64 (T,), seconds.
        blendshapes: float32 (T, 52), NaN in rows that were not computed.
        boxes: float32 (T, 4), face boxes, NaN where there is none.

    Returns:
        Nothing where there are too few rows, else:

        ``clip_s``: from the first row to the last, in seconds.
        ``jitter``: noise of the coefficients from row to row: the root of the summed variances.
        ``motion``: the same of what they change beyond that and beyond what follows the face's
        place, size and proportions in the frame.
        ``blinks``: how often both eyes closed and opened again.
        ``blink_depth``: of the deepest blink, 0..1; 0 without one.
        ``blink_s``: median length of a blink at half its depth, in seconds; absent without one.
        ``blink_haste``: median of (closing − opening) / (closing + opening) speed, −1..1, positive
        where lids fall faster than they rise, as they do; absent without one.
        ``asymmetry``: median difference between left and right muscles, mean over them, 0..1.
    """
    known = np.isfinite(blendshapes).all(axis=1) & np.isfinite(boxes).all(axis=1)
    at = times[known]
    if len(at) < MIN_ROWS or at[-1] - at[0] < MIN_S:
        return {}
    rows = blendshapes[known].astype(np.float64)
    free, degrees = _without_pose(rows, boxes[known].astype(np.float64))
    muscles = free[:, MUSCLES]
    variance = (muscles**2).sum(axis=0) / degrees
    # What the fit took away of the noise is given back, as to the variance.
    noise = (np.median(np.abs(np.diff(muscles, axis=0)), axis=0) / _WHITE) ** 2
    noise *= len(muscles) / degrees
    # Summed first: by chance some coefficients are quieter than their noise.
    beyond = max(float((variance - noise).sum()), 0.0)
    left, right = (rows[:, [pair[side] for pair in PAIRS]] for side in (0, 1))
    return {
        "clip_s": float(at[-1] - at[0]),
        "jitter": float(np.sqrt(noise.sum())),
        "motion": float(np.sqrt(beyond)),
        "asymmetry": float(np.median(np.abs(left - right).mean(axis=1))),
        **_blinks(at, free[:, BLINKS].min(axis=1)),
    }


def _without_pose(rows: Array, boxes: Array) -> tuple[Array, int]:
    """Take away what follows the box linearly; also returns the degrees of freedom left."""
    x0, y0, x1, y1 = boxes.T
    width, height = x1 - x0, y1 - y0
    side = width.mean()
    pose = [(x0 + x1) / 2 / side, (y0 + y1) / 2 / side, np.log(width), np.log(height)]
    known = np.column_stack([part - part.mean() for part in pose])
    free = rows - rows.mean(axis=0)
    # Ridge regression: a box that hardly moves explains nothing, though it twitches with the lids.
    penalty = len(rows) * TWITCH**2 * np.eye(known.shape[1])
    fitted = known @ np.linalg.solve(known.T @ known + penalty, known.T @ free)
    return free - fitted, len(rows) - known.shape[1] - 1


def _blinks(times: Array, closing: Array) -> dict[str, float]:
    """Find the blinks in how far the wider eye is closed, (n,), at times (n,)."""
    closing = closing - np.median(closing)
    depths, lengths, haste = [], [], []
    for peak in np.flatnonzero(closing >= BLINK):
        half = closing[peak] / 2
        start, end = peak, peak
        while start > 0 and closing[start] > half:
            start -= 1
        while end < len(closing) - 1 and closing[end] > half:
            end += 1
        highest = start + closing[start : end + 1].argmax()
        if peak != highest or max(closing[start], closing[end]) > half:
            continue  # another row is the peak, or the clip begins or ends with closed eyes
        falls = _crossing(times, closing, start, half)
        rises = _crossing(times, closing, end - 1, half)
        if rises - falls > BLINK_S:
            continue
        steps = np.diff(closing[start : end + 1]) / np.diff(times[start : end + 1])
        down, up = steps.max(), -steps.min()
        depths.append(float(closing[peak]))
        lengths.append(float(rises - falls))
        haste.append(float((down - up) / (down + up)))
    found = {"blinks": float(len(depths)), "blink_depth": max(depths, default=0.0)}
    if depths:
        found |= {"blink_s": float(np.median(lengths)), "blink_haste": float(np.median(haste))}
    return found


def _crossing(times: Array, values: Array, at: int, level: float) -> float:
    """When the line from row ``at`` to the next one passes ``level``."""
    part = (level - values[at]) / (values[at + 1] - values[at])
    return float(times[at] + part * (times[at + 1] - times[at]))
