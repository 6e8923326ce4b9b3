"""The graph without a cluster: Serve's local testing mode starts it in a blink."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from ray import serve
from ray.serve.handle import DeploymentHandle

import graph
from deployments.settings import Settings
from detectors.registry import DETECTORS
from docfraud.registry import SENSORS
from fusion.answers import DocumentAnswer, Wanted
from fusion.policy import load_policy
from fusion.verdict import Verdict
from media.capture import Capture


@pytest.fixture(scope="module")
def ingress() -> Iterator[DeploymentHandle[Any]]:
    with pytest.MonkeyPatch.context() as patch:
        # The local mode runs the router in a loop of its own, whatever the environment says.
        patch.setattr(DeploymentHandle, "_is_router_running_in_separate_loop", lambda _: True)
        patch.setattr("deployments.logs.install", lambda: None)  # other tests run in this process
        yield serve.run(graph.build(Settings()), _local_testing_mode=True)


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
