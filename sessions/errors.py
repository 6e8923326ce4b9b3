"""What can go wrong with the memory of sessions; kept apart, so that naming it imports nothing."""

from __future__ import annotations


class StoreError(Exception):
    """The store cannot be used; the message says why, and never contains its password."""


class StoreUnavailable(StoreError):
    """The store is down, busy or not migrated; what was asked may succeed later."""


class RecordRefused(StoreError):
    """The store will not take this record, now or later."""


class BrokenRecord(Exception):
    """The bytes of a spooled record are damaged."""
