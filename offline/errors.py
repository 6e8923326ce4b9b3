"""What stops a whole run; what is wrong with one file is a row instead."""

from __future__ import annotations


class BatchError(Exception):
    """The run cannot start or go on; the message is one line and says what to do."""
