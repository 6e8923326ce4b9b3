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
    assert {"Ingress", "Face", "Fusion", *(d.name for d in DETECTORS)} == graph.NODES


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
