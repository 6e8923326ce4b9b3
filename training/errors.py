"""What stops a training; the message is one line and says what to do."""

from __future__ import annotations


class TrainingError(Exception):
    """A training cannot start or go on; what it has kept so far stays as it is."""
