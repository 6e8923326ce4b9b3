"""The graph without a cluster: Serve's local testing mode starts it in a blink."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import two_logits
from media_corpus import clip
from numpy.typing import NDArray
from PIL import Image
from ray import serve
from ray.serve import Application
from ray.serve.handle import DeploymentHandle

import graph
from deployments.face import Face
from deployments.fusion import Fusion
from deployments.settings import Settings
from detectors.contracts import Status
from detectors.deepfake import Deepfake
from detectors.eye_specular import EyeSpecular
from detectors.finders import Sighting
from detectors.registry import DETECTORS
from docfraud.registry import SENSORS
from fusion.answers import DocumentAnswer, Wanted
from fusion.deepfake import DeepfakeOpinion
from fusion.liveness import LivenessOpinion, Unfit
from fusion.policy import Policy, load_policy
from fusion.quality import QualityResult, result
from fusion.verdict import Verdict
from media.capture import Capture
from media.errors import MediaError
from models import store
from pipeline import Looked, Pipeline


@contextmanager
def local(application: Application, name: str) -> Iterator[DeploymentHandle[Any]]:
    """Run a graph in this process for a ``with`` block."""
    with pytest.MonkeyPatch.context() as patch:
        # The local mode runs the router in a loop of its own, whatever the environment says.
        patch.setattr(DeploymentHandle, "_is_router_running_in_separate_loop", lambda _: True)
        patch.setattr("deployments.logs.install", lambda: None)  # other tests run in this process
        handle = serve.run(application, name=name, _local_testing_mode=True)
        yield handle
        # Serve has no word for it: without, the ingress looks after its store for ever.
        handle._init_router()._user_callable_wrapper.call_destructor().result()


@pytest.fixture(scope="module")
def ingress() -> Iterator[DeploymentHandle[Any]]:
    with local(graph.build(Settings()), "whole") as handle:
        yield handle


@pytest.fixture(scope="module")
def selfie(astronaut: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(astronaut).save(file, "PNG")
    return file.getvalue()


def test_there_is_one_deployment_for_each_node() -> None:
    checks = {f"document_{sensor.name}" for sensor in SENSORS}
    own = {"Ingress", "Face", "Document", "Fusion"}
    assert own | checks | {d.name for d in DETECTORS} == graph.NODES


def test_a_capture_flows_to_a_verdict(ingress: DeploymentHandle[Any], selfie: bytes) -> None:
    verdict: Verdict = ingress.verify.remote(Capture(selfie), None, 30.0).result()
    assert [signal.name for signal in verdict.signals] == [d.name for d in DETECTORS]
    assert verdict.score is not None


def test_the_default_policy_is_in_force(ingress: DeploymentHandle[Any]) -> None:
    assert ingress.policy.remote().result() == load_policy(graph.POLICY)


def test_broken_bytes_are_a_problem_of_their_part(ingress: DeploymentHandle[Any]) -> None:
    with pytest.raises(Exception, match="no known image") as caught:
        ingress.verify.remote(Capture(b"not an image"), None, 30.0).result()
    assert getattr(caught.value, "details", None) is not None
    assert caught.value.details.part == "selfie"  # type: ignore[attr-defined]


def test_a_still_image_alone_is_judged_as_in_one_process(
    ingress: DeploymentHandle[Any], selfie: bytes
) -> None:
    served: LivenessOpinion = ingress.liveness.remote(selfie, False, 30.0).result()
    local = Pipeline(load_policy(graph.POLICY)).liveness(selfie, checks=False)
    assert isinstance(local, LivenessOpinion)
    assert replace(served.signal, elapsed_ms=0.0) == replace(local.signal, elapsed_ms=0.0)
    assert served.threshold == local.threshold == 0.5


def test_a_still_image_that_is_too_poor_is_seen_by_no_network(
    ingress: DeploymentHandle[Any], astronaut: NDArray[np.uint8]
) -> None:
    file = io.BytesIO()
    Image.fromarray(astronaut // 16).save(file, "PNG")
    refused: Unfit = ingress.liveness.remote(file.getvalue(), True, 30.0).result()
    assert "low_brightness" in refused.reasons
    assert all(0.0 <= score <= 0.5 for score in refused.scores.values())
    assert refused == Pipeline(load_policy(graph.POLICY)).liveness(file.getvalue())


def test_a_still_image_without_a_face(ingress: DeploymentHandle[Any]) -> None:
    file = io.BytesIO()
    Image.fromarray(np.full((200, 200, 3), 90, np.uint8)).save(file, "PNG")
    refused: Unfit = ingress.liveness.remote(file.getvalue(), True, 30.0).result()
    assert "no_face" in refused.reasons
    bare: LivenessOpinion = ingress.liveness.remote(file.getvalue(), False, 30.0).result()
    assert bare.signal.status is Status.UNAVAILABLE
    # A node without weights that was shown a face before says so of everything.
    here = store.default().entry("minifasnet_v2").state is store.State.OK
    assert bare.signal.reasons in ([("no_face",)] if here else [("no_face",), ("weights_missing",)])
    with pytest.raises(Exception, match="no known image") as caught:
        ingress.liveness.remote(b"not an image", True, 30.0).result()
    assert caught.value.details.part == "file"  # type: ignore[attr-defined]


class Looks(Face):
    began = threading.Event()

    def look(self, selfie: bytes) -> Looked | MediaError:
        self.began.set()
        return super().look(selfie)


class WaitsForTheLook(Fusion):
    async def policy(self) -> Policy:
        assert await asyncio.to_thread(Looks.began.wait, 10)
        return await super().policy()


def test_how_good_a_selfie_is_and_what_is_asked_of_it_are_found_out_at_once(
    selfie: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph, "Face", Looks)
    monkeypatch.setattr(graph, "Fusion", WaitsForTheLook)
    policy = load_policy(graph.POLICY)
    with local(graph.wire(Settings(), (), ()), "at_once") as bare:
        found: QualityResult = bare.quality.remote(selfie, 30.0).result()
    looked = Pipeline(policy).look(selfie)
    assert found == result(policy.quality, looked.quality, looked.box)


def test_a_document_is_examined_in_the_same_graph(
    ingress: DeploymentHandle[Any], selfie: bytes
) -> None:
    verdict: Verdict = ingress.verify.remote(Capture(selfie, document=selfie), None, 30.0).result()
    assert verdict.document is not None
    assert [check.name for check in verdict.document.checks] == [s.name for s in SENSORS]
    assert verdict.document.score is not None


def test_a_broken_document_is_a_problem_of_its_part(
    ingress: DeploymentHandle[Any], selfie: bytes
) -> None:
    with pytest.raises(Exception, match="no known image") as caught:
        ingress.verify.remote(Capture(selfie, document=b"%!PS"), None, 30.0).result()
    assert caught.value.details.part == "document"  # type: ignore[attr-defined]


def test_a_document_alone_is_answered_with_what_was_asked_for(
    ingress: DeploymentHandle[Any], selfie: bytes
) -> None:
    bare: DocumentAnswer = ingress.document.remote(selfie, "sdk", Wanted(), 30.0).result()
    assert (bare.sides, bare.heatmaps) == (None, None)
    full: DocumentAnswer = ingress.document.remote(selfie, "sdk", Wanted(True, True), 30.0).result()
    assert full.findings.score == bare.findings.score
    assert full.sides is not None
    assert full.heatmaps is not None
    assert full.heatmaps["moire"].startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def with_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeploymentHandle[Any]]:
    """A graph that has a deepfake network, which takes reddish faces for fakes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PALISADE_MODELS", str(tmp_path_factory.mktemp("store")))
        patch.setattr("detectors.deepfake.best_finder", Told)
        two_logits.install()
        with local(graph.wire(Settings(), (Deepfake,), ()), "deepfake") as handle:
            yield handle


class Told:
    name, digest = "told", "cd" * 32

    def find(self, pixels: NDArray[np.uint8], least: float, side: int) -> list[Sighting]:
        height, width = pixels.shape[:2]
        return [Sighting((width * 0.3, height * 0.3, width * 0.7, height * 0.7), 0.95)]


def test_a_photograph_alone_is_asked_about_deepfakes_only(
    with_network: DeploymentHandle[Any], selfie: bytes
) -> None:
    found: DeepfakeOpinion = with_network.deepfake.remote(selfie, 30.0).result()
    assert (found.moving, found.face_detector) == (False, "told")
    assert found.vote is not None
    local = Pipeline(load_policy(graph.POLICY)).deepfake(selfie)
    assert found.vote == local.vote
    verdict: Verdict = with_network.verify.remote(Capture(selfie), None, 30.0).result()
    (signal,) = verdict.signals
    assert (signal.name, signal.status) == ("deepfake", Status.OK)


def test_a_clip_alone_votes_in_the_graph(with_network: DeploymentHandle[Any]) -> None:
    film = clip(frames=40, size=(160, 120))
    found: DeepfakeOpinion = with_network.deepfake.remote(film, 30.0).result()
    assert (found.moving, len(found.signals)) == (True, 10)
    assert found.vote == Pipeline(load_policy(graph.POLICY)).deepfake(film).vote
    with pytest.raises(Exception, match="no known image") as caught:
        with_network.deepfake.remote(b"neither", 30.0).result()
    assert caught.value.details.part == "file"  # type: ignore[attr-defined]


def test_a_graph_without_the_node_says_that_there_are_no_weights(selfie: bytes) -> None:
    application = graph.wire(Settings(without=("deepfake",)), (Deepfake, EyeSpecular), ())
    with local(application, "bare") as bare:
        verdict: Verdict = bare.verify.remote(Capture(selfie), None, 30.0).result()
        found: DeepfakeOpinion = bare.deepfake.remote(selfie, 30.0).result()
    seen = {signal.name: (signal.status, signal.reasons) for signal in verdict.signals}
    assert seen["deepfake"] == (Status.UNAVAILABLE, ("weights_missing",))
    assert seen["eye_specular"][0] is not Status.UNAVAILABLE
    assert found.vote is None
    assert [signal.status for signal in found.signals] == [Status.UNAVAILABLE]
