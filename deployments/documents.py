"""The document branch as the ingress sees it: one page, a call per check, a deadline for all."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ray.serve.handle import DeploymentHandle, DeploymentResponse

from deployments.absences import Absences
from deployments.fanout import gather, one, settle
from deployments.pictures import draw
from deployments.problems import Problem
from deployments.transport import share
from detectors.contracts import Measurement, Status
from docfraud.contracts import node_of
from docfraud.examination import Evidence, Examined, conclude
from fusion.pictures import Shown
from media.capture import Channel
from media.errors import MediaError


@dataclass(frozen=True, slots=True)
class Looked:
    """An examined document.

    Attributes:
        examined: what was found.
        page: the answer of the node that decoded it, to be passed on; None where it has none.
    """

    examined: Examined
    page: DeploymentResponse[Any] | None


class Documents:
    """The nodes of the branch.

    Args:
        pages: decodes.
        checks: one handle for each check and reader, by its name.
    """

    def __init__(
        self, pages: DeploymentHandle[Any], checks: Mapping[str, DeploymentHandle[Any]]
    ) -> None:
        self._pages = pages
        self._checks = checks
        self._absences = Absences()

    async def examine(self, data: bytes, channel: Channel, timeout_s: float) -> Looked:
        """Examine the photograph of a document within ``timeout_s`` seconds.

        Raises:
            Problem: it cannot be decoded.
        """
        started = time.monotonic()
        page = share(self._pages, data, channel)  # tens of megabytes, for every check
        opened = await one("Document", page, timeout_s)
        if isinstance(opened, MediaError):
            raise Problem.of_media(opened)
        if isinstance(opened, Status):
            return Looked(Examined(Evidence.none(opened)), None)
        absent = self._absences.among(self._checks.keys())
        calls = {
            name: share(check, page) for name, check in self._checks.items() if name not in absent
        }
        answers = await settle(calls, timeout_s - (time.monotonic() - started))
        self._absences.learn(answers)
        measured: dict[str, Measurement] = absent | answers
        return Looked(conclude(measured, (time.monotonic() - started) * 1e3), page)

    async def heatmaps(self, page: DeploymentResponse[Any], timeout_s: float) -> dict[str, bytes]:
        """Let every check draw what it saw, as PNG, where it has something to show."""
        calls = {name: share(check.heatmap, page) for name, check in self._checks.items()}
        drawn = await gather(calls, timeout_s)
        return {name: picture for name, picture in drawn.items() if isinstance(picture, bytes)}

    async def pictures(
        self, page: DeploymentResponse[Any], names: Collection[str], timeout_s: float
    ) -> tuple[Shown, ...]:
        """Let those of ``names`` draw what they saw, small enough to go with a verdict."""
        calls = {name: share(self._checks[name].pictures, page, node_of(name)) for name in names}
        return await draw(calls, timeout_s)
