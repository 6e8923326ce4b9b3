"""Where Serve listens, and whether a request came from this machine."""

from __future__ import annotations

import ipaddress
import logging
from urllib.parse import urlsplit

from starlette.requests import Request

from detectors.faults import whereabouts

log = logging.getLogger(__name__)

PASSED_ON = (
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
)
"""Headers by which a proxy says that the request is somebody else's."""


def bound_host() -> str | None:
    """Ask Serve which address its HTTP proxy listens on; to be called in a replica.

    Returns:
        The host; None where that cannot be found out, or everybody is let in by other ways.
    """
    # Serve has no public way to say so. What is imported here is what `serve.status()` uses.
    import ray
    from ray.serve._private.constants import RAY_SERVE_ENABLE_HA_PROXY
    from ray.serve.context import _get_global_client

    if RAY_SERVE_ENABLE_HA_PROXY:  # which listens on every interface, whatever it was told
        return None
    if not ray.is_initialized():  # no replica of a cluster: asking would start a Ray here
        return None
    try:
        client = _get_global_client()
        return None if client is None else client.http_config.host
    except Exception as error:
        log.error("where Serve listens is not known: %s", whereabouts(error))
        return None


def is_loopback(host: str | None) -> bool:
    """Whether a host can be reached from its own machine only."""
    if host is None:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_local(request: Request) -> bool:
    """Whether a request was made on this machine, by a program or a page of its own.

    Where Serve listens on loopback a request may still be a stranger's: passed on by a proxy, made
    by a page of another site, or by one whose name was turned to 127.0.0.1 after it had loaded.
    """
    if any(name in request.headers for name in PASSED_ON):
        return False
    origins = request.headers.getlist("origin")
    hosts = [f"//{host}" for host in request.headers.getlist("host")]
    return len(hosts) == 1 and all(is_loopback(_host_of(url)) for url in (*hosts, *origins))


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
