"""What can go wrong when a model is made, in one line for whoever made it."""

from __future__ import annotations


class ExportError(Exception):
    """A checkpoint cannot be exported; nothing was written."""
