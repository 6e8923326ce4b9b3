"""What Ray must find in the environment before it is imported."""

from __future__ import annotations

import os


def prepare() -> None:
    """Set defaults that keep a graph on this machine to itself; what is set already stays.

    To be called before anything imports Ray, which reads the mode of authentication then.
    """
    # No word about this deployment leaves the machine.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if "RAY_ADDRESS" not in os.environ:
        # Ray's own ports listen on every interface, and whoever reaches one runs code: ask for a
        # token there. Ray makes one in the user's home if there is none.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
