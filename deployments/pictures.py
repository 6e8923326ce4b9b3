"""What was measured, as pictures beside a verdict: asked for, drawn, sent, and kept nowhere."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Protocol, Self

from fastapi import Query, Response
from ray.serve.handle import DeploymentResponse

from deployments.fanout import gather
from deployments.memory import Memory
from deployments.watch import stage
from detectors.contracts import Status
from detectors.faults import whereabouts
from fusion.pictures import Shown, illustrate
from fusion.verdict import Verdict
from media.capture import Capture

log = logging.getLogger(__name__)

PICTURES: bool = Query(
    default=False,
    description="Also return what was measured, as pictures for a reviewer. They may show the "
    "face and are kept nowhere: a replay of an `Idempotency-Key` has none.",
)


FACE, DOCUMENT = 0, 1
"""Whose pictures come first."""


class Gallery:
    """The pictures of one request: drawn while its verdict is fused and recorded.

    Whatever is still being drawn when it is left is given up.
    """

    def __init__(self) -> None:
        self._drawing: dict[int, asyncio.Task[tuple[Shown, ...]]] = {}

    def begin(self, place: int, drawing: Coroutine[Any, Any, tuple[Shown, ...]]) -> None:
        """Begin to draw what comes at ``place``; ``drawing`` knows how long it may take."""
        self._drawing[place] = asyncio.create_task(drawing)

    async def finish(self) -> tuple[Shown, ...]:
        """Wait for everything that was begun; what failed is left out."""
        drawing = [self._drawing[place] for place in sorted(self._drawing)]
        drawn: list[Shown] = []
        for pictures in await asyncio.gather(*drawing, return_exceptions=True):
            if isinstance(pictures, BaseException):
                log.error("pictures were lost: %s", whereabouts(pictures))
            else:
                drawn += pictures
        return tuple(drawn)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._drawing.values():
            task.cancel()


class Draws(Protocol):
    """What stands behind the door, as far as pictures go."""

    @property
    def memory(self) -> Memory:
        """What remembers its verdicts."""

    async def verify(
        self,
        capture: Capture,
        subject: str | None,
        deadline_s: float,
        gallery: Gallery | None = None,
    ) -> Verdict:
        """Take a capture to a verdict, and begin to draw what was measured."""


async def verify_with_pictures(
    service: Draws,
    capture: Capture,
    subject: str | None,
    key: str | None,
    deadline_s: float,
    holder: str | None,
) -> Response:
    """Answer with the verdict as it is on record, and the pictures beside it.

    The arguments are those of :meth:`deployments.memory.Memory.answer`.
    """
    with Gallery() as gallery:
        decide = partial(service.verify, gallery=gallery)
        answer = await service.memory.answer(decide, capture, subject, key, deadline_s, holder)
        with stage("pictures"):
            pictures = await gallery.finish()
    headers = {**answer.headers, "Cache-Control": "no-store"}
    body = illustrate(answer.body, pictures)
    return Response(body, headers=headers, media_type="application/json")


async def draw(calls: Mapping[str, DeploymentResponse[Any]], timeout_s: float) -> tuple[Shown, ...]:
    """Collect what each node draws, for at most ``timeout_s`` seconds; late ones are left out."""
    drawn = await gather(calls, timeout_s)
    return tuple(
        picture
        for pictures in drawn.values()
        if not isinstance(pictures, Status)
        for picture in pictures
    )
