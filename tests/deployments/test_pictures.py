from __future__ import annotations

import asyncio
from typing import Any

import pytest

from deployments.pictures import DOCUMENT, FACE, Gallery, draw
from fusion.pictures import Shown, ShownImage


def image(signal: str) -> ShownImage:
    return ShownImage(signal, "seen", "What was seen", b"")


class Call:
    """Stands for the call of a node, which answers after some seconds."""

    def __init__(self, answer: Any, after_s: float = 0.0) -> None:
        self._answer, self._after_s = answer, after_s
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True

    def __await__(self) -> Any:
        yield from asyncio.sleep(self._after_s).__await__()
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def test_what_is_late_or_lost_is_left_out_and_the_order_kept() -> None:
    calls: dict[str, Any] = {
        "slow": Call((image("slow"),), 0.05),
        "late": Call((image("late"),), 60),
        "dead": Call(RuntimeError("the replica died")),
        "quick": Call((image("quick"), image("quick"))),
    }

    async def drawn() -> tuple[Shown, ...]:
        return await draw(calls, 0.5)

    assert [p.signal for p in asyncio.run(drawn())] == ["slow", "quick", "quick"]
    assert calls["late"].cancelled


@pytest.mark.parametrize("fails", [False, True])
def test_what_is_still_drawn_when_a_request_ends_is_given_up(fails: bool) -> None:
    ended: list[str] = []

    async def endless() -> tuple[Shown, ...]:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("drawing")
        return ()

    async def request() -> None:
        with Gallery() as gallery:
            gallery.begin(FACE, endless())
            await asyncio.sleep(0)
            if fails:
                raise LookupError
        await asyncio.sleep(0)

    try:
        asyncio.run(request())
    except LookupError:
        assert fails
    assert ended == ["drawing"]


def test_the_face_comes_first() -> None:
    async def drawing(signal: str) -> tuple[Shown, ...]:
        return (image(signal),)

    async def request() -> tuple[Shown, ...]:
        with Gallery() as gallery:
            gallery.begin(DOCUMENT, drawing("document_moire"))
            gallery.begin(FACE, drawing("rppg"))
            return await gallery.finish()

    assert [p.signal for p in asyncio.run(request())] == ["rppg", "document_moire"]
