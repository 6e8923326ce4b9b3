"""What stops an evaluation; what is wrong with one file is counted instead."""

from __future__ import annotations


class EvaluationError(Exception):
    """The evaluation cannot start or go on; the message is one line and says what to do."""
