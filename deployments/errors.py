"""What can go wrong before the graph is up; kept apart, so that naming it does not import Ray."""

from __future__ import annotations


class ConfigError(Exception):
    """A Serve configuration cannot be used; the message says which field and why."""


class LaunchError(Exception):
    """The graph did not come up; the message says which node and why."""


def last_line(message: str) -> str:
    """Of a traceback, the line that says what happened."""
    return message.strip().splitlines()[-1] if message.strip() else "no reason given"
