"""How a fault goes on record: what it was and where, never what it said."""

from __future__ import annotations

import traceback
from pathlib import PurePath

INNERMOST = 5
"""Frames that are named: enough to find the line, few enough to read."""


def whereabouts(error: BaseException) -> str:
    """Name the type of ``error`` and the places it came through, innermost first.

    The message is left out: it may quote whatever the code was working on, such as the
    coordinates of landmarks, a name or the path of a file.
    """
    frames = [
        f"{PurePath(frame.f_code.co_filename).name}:{line} {frame.f_code.co_name}"
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    return " < ".join([type(error).__name__, *reversed(frames[-INNERMOST:])])
