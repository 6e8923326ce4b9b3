"""The yardstick: the same door and the same detectors in one process, with a pool of threads.

``python -m benchmarks.one_process PORT`` serves it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property

from deployments.http import create_api
from deployments.memory import Memory
from deployments.pictures import Gallery
from deployments.settings import Settings
from fusion.answers import DocumentAnswer, Wanted
from fusion.deepfake import DeepfakeOpinion
from fusion.liveness import LivenessOpinion, Unfit
from fusion.policy import Policy, load_policy
from fusion.quality import QualityResult, result
from fusion.verdict import Verdict
from media.capture import Capture, Channel
from pipeline import DocumentPipeline, Limits, Pipeline


class OneProcess:
    """A :class:`deployments.http.Service` without Ray."""

    def __init__(self, settings: Settings) -> None:
        self._policy = load_policy(os.environ.get("PALISADE_POLICY", "faithful"))
        self._pipeline = Pipeline(self._policy, limits=Limits(settings.image, settings.clip))
        self.memory = Memory(
            settings.memory, os.environ
        )  # it records what it answers, as the graph does
        # As many as Face's replica works on at once.
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="request")

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Admit every request."""
        yield

    async def verify(
        self,
        capture: Capture,
        subject: str | None,
        deadline_s: float,
        gallery: Gallery | None = None,
    ) -> Verdict:
        """Take ``capture`` to a verdict; the deadline is not kept, and nothing is drawn."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._pipeline.verify, capture, subject)

    async def document(
        self, data: bytes, channel: Channel, wanted: Wanted, deadline_s: float
    ) -> DocumentAnswer:
        """Examine a document; the deadline is not kept."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._documents, data, channel, wanted)

    async def quality(self, selfie: bytes, deadline_s: float) -> QualityResult:
        """Measure a selfie; the deadline is not kept."""
        loop = asyncio.get_running_loop()
        looked = await loop.run_in_executor(self._pool, self._pipeline.look, selfie)
        return result(self._policy.quality, looked.quality, looked.box)

    async def liveness(
        self, image: bytes, checks: bool, deadline_s: float
    ) -> LivenessOpinion | Unfit:
        """Judge a still image; the deadline is not kept."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._pipeline.liveness, image, checks)

    async def deepfake(self, data: bytes, deadline_s: float) -> DeepfakeOpinion:
        """Judge a photograph or a clip; the deadline is not kept."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._pipeline.deepfake, data)

    @cached_property
    def _documents(self) -> DocumentPipeline:
        return DocumentPipeline(self._policy)

    async def policy(self) -> Policy:
        """Return the policy."""
        return self._policy


def main() -> None:
    """Serve on the port that the command line names."""
    import cv2
    import uvicorn

    cv2.setNumThreads(1)  # as the replicas do
    settings = Settings()
    api = create_api(OneProcess(settings), settings)
    uvicorn.run(api, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")


if __name__ == "__main__":
    main()
