from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import pytest
from ray.serve.exceptions import BackPressureError

from deployments.fanout import settle
from detectors.contracts import Measurement, Status


class Call:
    """Stands for Serve's response to one call: done after a while, failed, or never done."""

    def __init__(self, after: float = 0.0, error: Exception | None = None) -> None:
        self.after, self.error, self.cancelled = after, error, False

    def __await__(self) -> Generator[Any, None, Measurement]:
        yield from asyncio.sleep(self.after).__await__()
        if self.error:
            raise self.error
        return Measurement({"value": 1.0})

    def cancel(self) -> None:
        self.cancelled = True


def settled(timeout_s: float = 0.2, **calls: Call) -> dict[str, Measurement]:
    return asyncio.run(settle(calls, timeout_s))  # type: ignore[arg-type]


def test_every_call_gives_its_measurement() -> None:
    measured = settled(a=Call(), b=Call(0.01))
    assert {name: m.status for name, m in measured.items()} == {"a": "ok", "b": "ok"}
    assert measured["a"].measures == {"value": 1.0}


def test_a_late_call_is_cancelled_and_the_others_count() -> None:
    slow = Call(after=60)
    measured = settled(slow=slow, quick=Call())
    assert measured["slow"].status is Status.LATE
    assert slow.cancelled
    assert measured["quick"].status is Status.OK


def test_a_full_queue_is_overload() -> None:
    full = Call(error=BackPressureError(num_queued_requests=9, max_queued_requests=8))
    assert settled(full=full)["full"].status is Status.OVERLOADED


@pytest.mark.parametrize("error", [RuntimeError("replica died"), ValueError("x"), TimeoutError()])
def test_any_failure_is_an_error_without_its_message(error: Exception) -> None:
    measured = settled(broken=Call(error=error), fine=Call())
    assert measured["broken"].status is Status.ERROR
    assert measured["broken"].reasons == ("replica_failed",)
    assert measured["fine"].status is Status.OK


def test_no_time_left_makes_everything_late() -> None:
    assert settled(timeout_s=-1.0, a=Call(after=60))["a"].status is Status.LATE


def test_no_calls_at_all() -> None:
    assert settled() == {}


def test_a_client_that_goes_away_cancels_what_it_started() -> None:
    slow = Call(after=60)

    async def abandoned() -> None:
        waiting = asyncio.ensure_future(settle({"slow": slow}, 60))  # type: ignore[dict-item]
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(abandoned())
    assert slow.cancelled
