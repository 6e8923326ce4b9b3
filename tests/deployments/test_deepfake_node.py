from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import two_logits
from bundles import bundle_with
from numpy.typing import NDArray
from ray import serve

from deployments.deepfake_node import BATCH, DeepfakeNode
from detectors.contracts import FaceBundle, Status
from detectors.deepfake import Deepfake, Network
from detectors.finders import Sighting
from media.stills import Stills


class Finder:
    name, digest = "told", "cd" * 32

    def find(self, pixels: NDArray[np.uint8], least: float, side: int) -> list[Sighting]:
        if pixels.max() < 5:
            raise RuntimeError("a frame that breaks the finder")
        return [Sighting((10.0, 10.0, 90.0, 90.0), 0.95)]


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PALISADE_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("detectors.deepfake.best_finder", Finder)
    monkeypatch.setattr("deployments.logs.install", lambda: None)
    return tmp_path


def face(level: int) -> NDArray[np.uint8]:
    return np.full((100, 100, 3), (level, 60, 60), np.uint8)


def bundle(level: int) -> FaceBundle:
    return bundle_with(crop=face(level))


LEVELS = range(10, 250, 10)


def alone() -> list[float]:
    """What the detector answers in one process."""
    detector = Deepfake()
    detector.load()
    return [detector.measure(bundle(level)).measures["log_odds"] for level in LEVELS]


async def everybody(node: DeepfakeNode) -> list[float]:
    answers = await asyncio.gather(*(node(bundle(level)) for level in LEVELS))
    return [answer.measures["log_odds"] for answer in answers]


def test_calls_are_answered_as_in_one_process() -> None:
    two_logits.install()
    node = DeepfakeNode(Deepfake)
    assert asyncio.run(everybody(node)) == pytest.approx(alone())


class OnGpu(Network):
    """A network that says it runs on a GPU, and counts how often it was asked for how many."""

    made: ClassVar[list[OnGpu]] = []

    def __init__(self, weights: Path | None = None) -> None:
        super().__init__(weights)
        self.on_gpu = True
        self.runs: list[int] = []
        self.made.append(self)

    def __call__(self, crops: NDArray[np.float32]) -> NDArray[np.float64]:
        self.runs.append(len(crops))
        return super().__call__(crops)


def test_on_a_gpu_calls_that_come_together_are_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    two_logits.install()
    expected = alone()
    monkeypatch.setattr("detectors.deepfake.Network", OnGpu)
    # Serve looks there how many calls a replica works on at once, and outside of one finds none.
    config = SimpleNamespace(_deployment_config=SimpleNamespace(max_ongoing_requests=BATCH))
    monkeypatch.setattr(serve, "get_replica_context", lambda: config)
    node = DeepfakeNode(Deepfake)
    assert asyncio.run(everybody(node)) == pytest.approx(expected), "each gets its own answer"
    (network,) = OnGpu.made
    runs = network.runs
    assert sum(runs) == len(LEVELS)
    assert max(runs) <= BATCH
    assert len(runs) < len(LEVELS) / 2


def test_each_frame_is_looked_at_and_one_that_fails_is_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    two_logits.install()
    node = DeepfakeNode(Deepfake)
    stills = Stills((face(200), np.zeros((100, 100, 3), np.uint8), face(20)), moving=True)
    watched = asyncio.run(node.watch(stills))
    assert (watched.moving, watched.face_detector) == (True, "told")
    assert [one.status for one in watched.measured] == [Status.OK, Status.ERROR, Status.OK]
    assert watched.measured[0].measures["log_odds"] < watched.measured[2].measures["log_odds"]


def test_without_weights_every_answer_says_so() -> None:
    node = DeepfakeNode(Deepfake)
    watched: Any = asyncio.run(node.watch(Stills((face(9),), moving=False)))
    (measured,) = watched.measured
    assert (measured.status, measured.reasons) == (Status.UNAVAILABLE, ("weights_missing",))
    assert measured.lasting
    assert asyncio.run(node(bundle(9))).lasting
