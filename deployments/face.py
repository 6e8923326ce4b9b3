"""The node that turns bytes into one located face."""

from __future__ import annotations

from dataclasses import replace

import cv2

from deployments import logs
from fusion.quality import QualityPolicy
from media.capture import Capture
from media.errors import MediaError
from media.stills import Stills, read_any
from pipeline import FaceStage, Found, Limits, Looked


class Face:
    """Decodes and locates; the only node that sees encoded bytes.

    Args:
        limits: what an upload may cost.
    """

    def __init__(self, limits: Limits) -> None:
        logs.install()
        cv2.setNumThreads(1)  # replicas share the machine; Ray counts one core at most for each
        self._limits = limits
        self._stage = FaceStage(limits)

    def __call__(
        self, capture: Capture, needs: tuple[str, ...], gate: QualityPolicy | None = None
    ) -> Found | MediaError:
        """Locate the face of ``capture``.

        Args:
            capture: as it was uploaded.
            needs: what the detectors read, as :attr:`detectors.contracts.Detector.needs` names
                it; nothing else leaves this node.
            gate: refuses a selfie before its clip is decoded; None lets all of them through.

        What is wrong with the bytes is returned, not raised: it is an answer to the client, not
        a fault of this replica, and keeps its type on the way.
        """
        try:
            found = self._stage(capture, gate)
        except MediaError as refused:
            return refused
        if found.refusal is not None:  # nobody looks at it
            return replace(found, located=replace(found.located, bundle=None))
        if found.located.bundle is None:
            return found
        needed = found.located.bundle.only(needs)
        return replace(found, located=replace(found.located, bundle=needed))

    def look(self, selfie: bytes) -> Looked | MediaError:
        """Measure how good a selfie is; no pixels leave this node."""
        try:
            return self._stage.look(selfie)
        except MediaError as refused:
            return refused

    def stills(self, data: bytes, count: int) -> Stills | MediaError:
        """Decode a photograph, or ``count`` frames of a clip; nobody looks for a face in them."""
        try:
            return read_any(data, count, self._limits.image, self._limits.clip)
        except MediaError as refused:
            return refused
