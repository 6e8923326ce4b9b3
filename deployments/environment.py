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
    # gRPC between the nodes, and one event loop in each replica instead of three. Code that
    # blocks runs in threads all the same, so health checks are answered.
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    # That comes too late for the way from the proxy, which asks this.
    "RAY_SERVE_USE_GRPC_BY_DEFAULT": "1",
    # Part of that by default: replicas that listen themselves. Requests come through the proxy,
    # which answers when a replica cannot.
    "RAY_SERVE_ENABLE_DIRECT_INGRESS": "0",
    # So are logs that wait for a thousand lines.
    "RAY_SERVE_REQUEST_PATH_LOG_BUFFER_SIZE": "1",
    # A crop and the traces of a long clip are more than the 4 MB that gRPC takes by default.
    "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH": str(64 * 2**20),
    # A request that finds every replica at its max_ongoing_requests looks again after a pause. By
    # default that doubles up to half a second, and at 32 clients the cores were mostly idle.
    "RAY_SERVE_ROUTER_RETRY_INITIAL_BACKOFF_S": "0.005",
    "RAY_SERVE_ROUTER_RETRY_MAX_BACKOFF_S": "0.02",
    # Every replica exports its metrics ten times a second by default.
    "RAY_SERVE_METRICS_EXPORT_INTERVAL_MS": "2000",
    # The controller looks for changes ten times a second by default.
    "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.5",
    # A dead proxy is replaced after three looks, 10 s apart by default: half a minute closed.
    "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "2",
    # Pictures come and go. By default the C library hands each back to the kernel and gets zeroed
    # pages for the next, page by page: 4 to 6 ms of CPU for a selfie. Keep up to 128 MB instead.
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(128 * 2**20),
}
"""Wherever Ray runs: here, by :func:`prepare`; on Kubernetes, in every pod."""

SERVING = {"RAY_preload_python_modules": "deployments.preload"}
"""The same wherever Serve runs; an analyst's Ray Data has no use for it."""


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
