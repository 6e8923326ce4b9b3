"""What stops a calibration; what is wrong with one file is said and skipped instead."""

from __future__ import annotations


class CalibrationError(Exception):
    """The calibration cannot start or go on; the message is one line and says what to do."""
