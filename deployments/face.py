"""The node that turns bytes into one located face."""

from __future__ import annotations

from deployments import logs
from media.capture import Capture
from media.errors import MediaError
from pipeline import FaceStage, Found, Limits


class Face:
    """Decodes and locates; the only node that sees encoded bytes."""

    def __init__(self, limits: Limits) -> None:
        logs.install()
        self._stage = FaceStage(limits)

    def __call__(self, capture: Capture) -> Found | MediaError:
        """Locate the face of ``capture``.

        What is wrong with the bytes is returned, not raised: it is an answer to the client, not
        a fault of this replica, and keeps its type on the way.
        """
        try:
            return self._stage(capture)
        except MediaError as refused:
            return refused
