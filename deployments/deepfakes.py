"""The way of a photograph or clip through the graph that is only asked about deepfakes."""

from __future__ import annotations

import time
from typing import Any

from ray.serve.handle import DeploymentHandle

from deployments.absences import Absences
from deployments.fanout import one
from deployments.problems import Problem
from deployments.transport import share
from detectors.contracts import Measurement, Status
from detectors.deepfake import Deepfake
from detectors.deepfake_vote import FRAMES
from fusion.deepfake import Watched
from media.errors import MediaError
from media.stills import Stills


class Deepfakes:
    """The nodes that it takes.

    Args:
        face: decodes.
        node: of the signal ``deepfake``; None where the graph goes without.
        absences: what is known to have no weights.
    """

    def __init__(
        self, face: DeploymentHandle[Any], node: DeploymentHandle[Any] | None, absences: Absences
    ) -> None:
        self._face = face
        self._node = node
        self._absences = absences

    async def watch(self, data: bytes, timeout_s: float) -> Watched | Status:
        """Measure a photograph or a clip within ``timeout_s`` seconds.

        Returns:
            What was measured; or a status, where it could not be decoded in time.

        Raises:
            Problem: it cannot be decoded at all.
        """
        started = time.monotonic()
        absent = self._absences.among([Deepfake.name])
        if absent or self._node is None:  # then the file need not be decoded
            return Watched(tuple(absent.values()), False, "")
        decoding = share(self._face.stills, data, FRAMES)  # tens of megabytes
        decoded: Stills | MediaError | Status = await one("Face", decoding, timeout_s)
        if isinstance(decoded, MediaError):
            decoded.part = "file"
            raise Problem.of_media(decoded)
        if isinstance(decoded, Status):
            return decoded
        call = share(self._node.watch, decoding)
        left = timeout_s - (time.monotonic() - started)
        watched: Watched | Status = await one(Deepfake.name, call, left)
        if isinstance(watched, Status):
            return Watched((Measurement(status=watched),), decoded.moving, "")
        self._absences.learn({Deepfake.name: watched.measured[0]})
        return watched
