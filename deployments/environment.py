"""What Ray and Serve must find in the environment before they are imported."""

from __future__ import annotations

import os

DEFAULTS = {
    # No word about this deployment leaves the machine.
    "RAY_USAGE_STATS_ENABLED": "0",
    # By default Serve kills its HTTP proxy when that is not up in 5 s: too soon for a first start
    # from a cold disk, or for a busy machine.
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
    # What the proxy answers when no replica can is a problem document too.
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "deployments.proxy:middlewares",
}
"""Wherever the graph runs: here, by :func:`prepare`; on Kubernetes, in every pod."""


def prepare() -> None:
    """Set defaults for a graph on this machine; what is set already stays.

    To be called before anything imports Ray.
    """
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    if "RAY_ADDRESS" not in os.environ:
        # Ray's own ports listen on every interface, and whoever reaches one runs code: ask for a
        # token there. Ray makes one in the user's home if there is none.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
