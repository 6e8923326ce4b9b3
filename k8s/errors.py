"""What stands between an operator and a running service; kept apart, so that naming it is cheap."""

from __future__ import annotations


class KubernetesError(Exception):
    """A manifest or a cluster is not as it must be; the message says what to do, in one line."""
