"""A few threads for what blocks; what hangs in them hangs alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Semaphore
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Workers:
    """Runs blocking calls in threads, for callers that wait for so long and no longer.

    Args:
        name: of the threads.
        threads: how many there are at most.
        waiting: calls that may wait for a thread; more are turned away at once, so that nothing
            piles up behind threads that hang.
    """

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._places = Semaphore(threads + waiting)

    async def run(
        self, timeout_s: float, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call ``work`` in a thread.

        A call that has begun goes on after its time is up; one that has not is dropped.

        Raises:
            TimeoutError: it took longer than ``timeout_s``, or there is no place for it.
        """
        return await asyncio.wait_for(self.start(work, *args, **kwargs), max(timeout_s, 0.0))

    def start(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Call ``work`` in a thread, and return its future.

        Raises:
            TimeoutError: there is no place for it.
        """
        if not self._places.acquire(blocking=False):
            raise TimeoutError("every thread is busy")
        future = self._pool.submit(work, *args, **kwargs)
        future.add_done_callback(self._done)
        return asyncio.wrap_future(future)

    def close(self) -> None:
        """Take no more calls, and drop those that have not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _done(self, _: Future[Any]) -> None:
        self._places.release()
