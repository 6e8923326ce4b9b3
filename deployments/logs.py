"""Logs: ids, scores and timings, and of an exception its type and its place.

A replica's own log is Serve's: with ``encoding: JSON`` in the Serve configuration, a line is one
JSON object, to which Serve adds the application, the deployment, the replica and the request id.
What Palisade's modules log through :mod:`logging` is sent there too.
"""

from __future__ import annotations

import logging

from detectors.faults import whereabouts

OURS = ("deployments", "detectors", "fusion", "media", "models", "pipeline", "sessions")

_SERVE = logging.getLogger("ray.serve")


class _Relay(logging.Handler):
    """Hands a record to Serve's logger, which knows the replica and the request."""

    def emit(self, record: logging.LogRecord) -> None:
        _SERVE.handle(record)


class _Discretion(logging.Filter):
    """Takes tracebacks out of records: their last line is the message of an exception."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1] is not None:
            record.msg = f"{record.getMessage()}: {whereabouts(record.exc_info[1])}"
            record.args, record.exc_info, record.exc_text = (), None, None
        return True


_RELAY = _Relay()
_DISCRETION = _Discretion()


def install() -> None:
    """Set up logging in the process of a replica; to be called by every node as it starts.

    Serve logs an exception that leaves a replica with its message and its traceback; after this
    call it logs the type and the place only. Calling it again changes nothing.
    """
    _SERVE.addFilter(_DISCRETION)
    logging.getLogger().addHandler(_RELAY)  # libraries as well: their tracebacks quote no less
    for name in OURS:
        logging.getLogger(name).setLevel(_SERVE.getEffectiveLevel())
