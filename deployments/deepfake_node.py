"""The node of the deepfake network: it can be asked about a picture alone, and uses a GPU well."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ray import serve

from deployments.detector import Signal
from detectors.contracts import FaceBundle, Measurement
from detectors.deepfake import Deepfake
from detectors.pixels import Pixels
from fusion.deepfake import Watched
from media.stills import Stills

BATCH = 16
"""Faces that the network is asked about at once, at most."""

WAIT_S = 0.005
"""How long the first of them waits for others: a third of what it takes to find a face."""


class DeepfakeNode(Signal[FaceBundle]):
    """Serves the signal ``deepfake``.

    On a GPU, calls that come together are answered by one run of the network. On a CPU that gains
    nothing, and each runs alone.
    """

    def __init__(self, sensor: type[Deepfake]) -> None:
        super().__init__(sensor)
        self._network: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        detector = self._detector
        batched = not self._runner.unavailable and detector.network.on_gpu
        if batched:
            self._network, detector.ask = detector.network, self._ask_together
        # On a CPU more would only take turns, and none of them would be done soon.
        self._calls = ThreadPoolExecutor(BATCH if batched else 2, thread_name_prefix="face")
        # A thread of its own: those above wait for its answers, and would leave it none.
        self._runs = ThreadPoolExecutor(1, thread_name_prefix="network")

    @property
    def _detector(self) -> Deepfake:
        assert isinstance(self.sensor, Deepfake)
        return self.sensor

    async def __call__(  # type: ignore[override]  # Serve awaits whatever can be awaited
        self, seen: FaceBundle
    ) -> Measurement:
        """Measure ``seen``; never raises."""
        self._loop = asyncio.get_running_loop()
        return await self._loop.run_in_executor(self._calls, super().__call__, seen)

    async def watch(self, stills: Stills) -> Watched:
        """Look for a face in each frame of a photograph or a clip, and ask about it."""
        self._loop = asyncio.get_running_loop()
        looks = [self._loop.run_in_executor(self._calls, self._look, f) for f in stills.frames]
        measured = tuple(await asyncio.gather(*looks))
        name = "" if self._runner.unavailable else self._detector.finder.name
        return Watched(measured, stills.moving, name)

    def _look(self, frame: Pixels) -> Measurement:
        with self._watched():
            return self._runner.guard(lambda: self._detector.look(frame))

    def _ask_together(self, crops: NDArray[np.float32]) -> NDArray[np.float64]:
        """Ask about one face, in a thread, together with what others ask about now."""
        assert self._loop is not None
        answer = asyncio.run_coroutine_threadsafe(self._batched(crops), self._loop)
        return answer.result()

    @serve.batch(max_batch_size=BATCH, batch_wait_timeout_s=WAIT_S)
    async def _batched(self, asked: list[NDArray[np.float32]]) -> list[NDArray[np.float64]]:
        loop = asyncio.get_running_loop()
        answers = await loop.run_in_executor(self._runs, self._network, np.concatenate(asked))
        return np.split(answers, np.cumsum([len(crops) for crops in asked])[:-1])
