"""What an operator reports, step by step, and what we make of it."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from api_server import ApiServer

import graph
from k8s.cluster import Cluster
from k8s.errors import KubernetesError
from k8s.rollout import follow, read

PATH = "apis/ray.io/v1/namespaces/palisade/rayservices/palisade"
WANTED = {
    "apiVersion": "ray.io/v1",
    "kind": "RayService",
    "metadata": {"name": "palisade", "namespace": "palisade"},
}


def on_cluster(name: str, application: str = "RUNNING", **nodes: str) -> dict[str, Any]:
    """Say what a Ray cluster runs; nodes are healthy unless said otherwise."""
    return {
        "rayClusterName": name,
        "rayClusterStatus": {"readyWorkerReplicas": 2, "desiredWorkerReplicas": 2},
        "applicationStatuses": {
            "palisade": {
                "status": application,
                "serveDeploymentStatuses": {
                    node: {"status": nodes.get(node, "HEALTHY")} for node in graph.NODES
                },
            }
        },
    }


def service(
    *,
    active: dict[str, Any] | None = None,
    pending: dict[str, Any] | None = None,
    ready: bool = False,
    upgrading: bool = False,
    generation: int = 2,
    observed: int = 2,
    reason: str = "NonZeroServeEndpoints",
    message: str = "",
) -> dict[str, Any]:
    return {
        **copy.deepcopy(WANTED),
        "metadata": {"name": "palisade", "namespace": "palisade", "generation": generation},
        "status": {
            "observedGeneration": observed,
            "serviceStatus": "Running" if ready else "",
            "numServeEndpoints": 2 if ready else 0,
            "activeServiceStatus": active or {},
            "pendingServiceStatus": pending or {},
            "conditions": [
                {"type": "Ready", "status": str(ready), "reason": reason, "message": message},
                {"type": "UpgradeInProgress", "status": str(upgrading), "reason": "r"},
            ],
        },
    }


OLD, NEW = on_cluster("palisade-a"), on_cluster("palisade-b")
STARTING = on_cluster("palisade-b", "DEPLOYING", Face="UPDATING", depth="UPDATING")


@pytest.mark.parametrize(
    ("state", "waiting_for"),
    [
        ({**WANTED, "metadata": {"generation": 1}}, "the operator to take notice"),
        (service(observed=1, ready=True, active=OLD), "the operator to take notice"),
        (service(), "a Ray cluster"),
        (service(pending=STARTING), r"Face, depth \(2 of 2 workers ready\)"),
        (service(active=OLD, pending=STARTING, ready=True, upgrading=True), "Face, depth"),
        (service(active=OLD, pending=NEW, ready=True, upgrading=True), "traffic to move"),
        (service(active=NEW, message="no endpoint yet"), "no endpoint yet"),
    ],
)
def test_what_is_still_missing_is_said(state: dict[str, Any], waiting_for: str) -> None:
    rollout = read(state, graph.NODES)
    assert not rollout.ready
    assert not rollout.failure
    assert re.search(waiting_for, rollout.waiting_for)


def test_ready_is_when_the_new_state_serves_and_nothing_else_is_under_way() -> None:
    rollout = read(service(active=NEW, ready=True), graph.NODES)
    assert rollout.ready
    assert rollout.healthy == rollout.nodes == len(graph.NODES)
    assert (rollout.workers, rollout.endpoints) == ((2, 2), 2)


def test_an_older_failure_does_not_count_against_a_new_attempt() -> None:
    failed = on_cluster("palisade-a", "DEPLOY_FAILED")
    assert not read(service(active=failed, observed=1), graph.NODES).failure


def watch(cluster: Cluster, timeout_s: float = 5.0) -> tuple[Any, list[tuple[int, int, str]]]:
    told: list[tuple[int, int, str]] = []
    rollout = follow(
        cluster,
        WANTED,
        graph.NODES,
        timeout_s=timeout_s,
        interval_s=0.01,
        progress=lambda *now: told.append(now),
    )
    return rollout, told


def test_a_rollout_is_followed_until_it_is_ready(server: ApiServer, cluster: Cluster) -> None:
    server.story[PATH] = [
        service(observed=1, active=OLD, ready=True),
        service(active=OLD, pending=STARTING, ready=True, upgrading=True),
        service(active=OLD, pending=NEW, ready=True, upgrading=True),
        service(active=NEW, ready=True),
    ]
    rollout, told = watch(cluster)
    assert rollout.ready
    nodes = len(graph.NODES)
    assert [healthy for healthy, _, _ in told] == [nodes, nodes - 2, nodes, nodes, nodes]


def test_one_look_at_the_state_before_a_change_is_not_enough(
    server: ApiServer, cluster: Cluster
) -> None:
    server.story[PATH] = [
        service(active=OLD, ready=True),  # noticed, but Serve has not been asked yet
        service(active=on_cluster("palisade-a", "DEPLOYING", Fusion="UPDATING"), ready=True),
        service(active=OLD, ready=True),
    ]
    _, told = watch(cluster)
    assert len(told) == 4


def test_a_failed_rollout_says_which_node_and_why(server: ApiServer, cluster: Cluster) -> None:
    failed = on_cluster("palisade-b", "DEPLOY_FAILED", depth="DEPLOY_FAILED")
    nodes = failed["applicationStatuses"]["palisade"]["serveDeploymentStatuses"]
    nodes["depth"]["message"] = "The deployment failed to start 3 times:\nno such file"
    server.story[PATH] = [service(active=OLD, pending=failed, ready=True, upgrading=True)]
    with pytest.raises(KubernetesError, match=r"failed: depth: The deployment.*no such file$"):
        watch(cluster)


def test_a_service_that_the_operator_has_given_up(server: ApiServer, cluster: Cluster) -> None:
    server.story[PATH] = [service(reason="InitializingTimeout", message="not up in 30m")]
    with pytest.raises(KubernetesError, match="failed: not up in 30m"):
        watch(cluster)


def test_a_rollout_that_takes_too_long_says_what_it_waits_for(
    server: ApiServer, cluster: Cluster
) -> None:
    server.story[PATH] = [service(pending=STARTING)]
    with pytest.raises(KubernetesError, match=r"not ready after 0\.1 s, waiting for Face, depth"):
        watch(cluster, timeout_s=0.1)


def test_a_service_that_is_not_there(cluster: Cluster) -> None:
    with pytest.raises(KubernetesError, match="palisade k8s apply"):
        watch(cluster)
