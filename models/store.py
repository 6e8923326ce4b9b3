"""Find weights on this machine."""

from __future__ import annotations


class ModelUnavailable(Exception):
    """The weights of a model are not on this machine, or may not be used.

    Attributes:
        reason: a stable snake_case word for the record.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
