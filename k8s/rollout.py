"""Follow a RayService until it serves what was applied."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from k8s.cluster import Cluster, Object
from k8s.errors import KubernetesError

Progress = Callable[[int, int, str], None]
"""Called with the nodes that are healthy, the nodes in all, and what is waited for."""


NEVER = "InitializingTimeout"
"""The operator's word for a service that it has given up."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """How far a RayService has come.

    Attributes:
        healthy: nodes of the graph that are up, on the newest cluster.
        nodes: nodes of the graph in all.
        waiting_for: what is not there yet, in words; empty once it serves.
        failure: why it will not get there by itself; empty while it may.
        workers: of the newest cluster: ready and wanted.
        endpoints: pods that answer requests.
    """

    healthy: int
    nodes: int
    waiting_for: str
    failure: str
    workers: tuple[int, int]
    endpoints: int

    @property
    def ready(self) -> bool:
        """Whether it serves what was applied, and nothing else is under way."""
        return not self.waiting_for and not self.failure


def read(service: Mapping[str, Any], known: frozenset[str]) -> Rollout:
    """Read the status of a RayService as the operator wrote it.

    Args:
        service: the object.
        known: names of the graph's deployments.
    """
    status = service.get("status") or {}
    conditions = {condition["type"]: condition for condition in status.get("conditions", ())}
    pending = status.get("pendingServiceStatus") or {}
    newest = pending if pending.get("rayClusterName") else status.get("activeServiceStatus") or {}
    applications = list((newest.get("applicationStatuses") or {}).values())
    nodes: dict[str, Any] = {}
    for application in applications:
        nodes |= application.get("serveDeploymentStatuses") or {}
    missing = sorted(name for name in known if nodes.get(name, {}).get("status") != "HEALTHY")
    cluster = newest.get("rayClusterStatus") or {}
    workers = (cluster.get("readyWorkerReplicas", 0), cluster.get("desiredWorkerReplicas", 0))
    failure = waiting_for = ""
    ready = conditions.get("Ready", {})
    # Until the operator has seen this generation, its status speaks of an older one.
    if status.get("observedGeneration", 0) < service["metadata"].get("generation", 0):
        waiting_for = "the operator to take notice"
    elif ready.get("reason") == NEVER:
        failure = ready.get("message") or NEVER
    elif any(application.get("status") == "DEPLOY_FAILED" for application in applications):
        failure = _reason(applications, nodes)
    elif not newest.get("rayClusterName"):
        waiting_for = "a Ray cluster"
    elif missing:
        waiting_for = f"{', '.join(missing)} ({workers[0]} of {workers[1]} workers ready)"
    elif conditions.get("UpgradeInProgress", {}).get("status") == "True":
        waiting_for = "the traffic to move to the new cluster"
    elif ready.get("status") != "True":
        waiting_for = ready.get("message") or "the service to become ready"
    return Rollout(
        healthy=len(known) - len(missing),
        nodes=len(known),
        waiting_for=_line(waiting_for),
        failure=_line(failure),
        workers=workers,
        endpoints=status.get("numServeEndpoints", 0),
    )


def follow(
    cluster: Cluster,
    wanted: Object,
    known: frozenset[str],
    *,
    timeout_s: float,
    progress: Progress = lambda healthy, nodes, waiting_for: None,
    interval_s: float = 2.0,
) -> Rollout:
    """Wait until a RayService serves, in two looks in a row.

    One look is not enough: between taking notice of a change and hearing from Serve about it, the
    operator still reports the state before.

    Args:
        cluster: where it is.
        wanted: kind, name and namespace.
        known: names of the graph's deployments.
        timeout_s: how long to wait at most.
        progress: told after each look.
        interval_s: between two looks.

    Raises:
        KubernetesError: there is none, it failed, or it is not ready in time.
    """
    name, namespace = wanted["metadata"]["name"], wanted["metadata"]["namespace"]
    give_up = time.monotonic() + timeout_s
    was_ready = False
    while True:
        service = cluster.get(wanted)
        if service is None:
            raise KubernetesError(
                f"there is no RayService {name} in the namespace {namespace}; "
                "`palisade k8s apply` makes it"
            )
        rollout = read(service, known)
        progress(rollout.healthy, rollout.nodes, rollout.waiting_for)
        if rollout.failure:
            raise KubernetesError(f"the rollout failed: {rollout.failure}")
        if rollout.ready and was_ready:
            return rollout
        if time.monotonic() + interval_s > give_up:
            raise KubernetesError(
                f"not ready after {timeout_s:g} s, waiting for "
                f"{rollout.waiting_for or 'a second look'}; "
                f"`kubectl --namespace {namespace} get pods,events` says more"
            )
        was_ready = rollout.ready
        time.sleep(interval_s)


def _reason(applications: Sequence[Mapping[str, Any]], nodes: Mapping[str, Any]) -> str:
    """Say what Serve says of the nodes that are broken, or else of the application."""
    broken = [
        f"{name}: {node['message']}"
        for name, node in nodes.items()
        if node.get("status") != "HEALTHY" and node.get("message")
    ]
    told = broken or [a["message"] for a in applications if a.get("message")]
    return "; ".join(told) or "Serve does not say why"


def _line(text: str) -> str:
    return " ".join(text.split())
