"""The node that turns bytes into one located face."""

from __future__ import annotations

from dataclasses import replace

import cv2

from deployments import logs
from media.capture import Capture
from media.errors import MediaError
from pipeline import FaceStage, Found, Limits


class Face:
    """Decodes and locates; the only node that sees encoded bytes.

    Args:
        limits: what an upload may cost.
    """

    def __init__(self, limits: Limits) -> None:
        logs.install()
        cv2.setNumThreads(1)  # replicas share the machine; Ray counts one core at most for each
        self._stage = FaceStage(limits)

    def __call__(self, capture: Capture, needs: tuple[str, ...]) -> Found | MediaError:
        """Locate the face of ``capture``.

        Args:
            capture: as it was uploaded.
            needs: what the detectors read, as :attr:`detectors.contracts.Detector.needs` names
                it; nothing else leaves this node.

        What is wrong with the bytes is returned, not raised: it is an answer to the client, not
        a fault of this replica, and keeps its type on the way.
        """
        try:
            found = self._stage(capture)
        except MediaError as refused:
            return refused
        if found.located.bundle is None:
            return found
        needed = found.located.bundle.only(needs)
        return replace(found, located=replace(found.located, bundle=needed))
