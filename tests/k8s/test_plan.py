"""Plan and apply, against a server that checks what it is asked."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from api_server import ApiServer, status

import graph
from k8s.cluster import Cluster
from k8s.errors import KubernetesError
from k8s.manifests import render
from k8s.plan import Action, apply, plan
from k8s.settings import read_settings

NAMESPACE = "namespaces/palisade"
BUDGET = f"apis/policy/v1/{NAMESPACE}/poddisruptionbudgets/palisade"
SERVICE = f"apis/ray.io/v1/{NAMESPACE}/rayservices/palisade"
HEAD_ACCOUNT = f"api/v1/{NAMESPACE}/serviceaccounts/palisade-head"


def manifests(*overrides: str) -> list[dict[str, Any]]:
    return render("cpu", read_settings(None, overrides), graph.NODES)


def writes(server: ApiServer) -> list[tuple[str, dict[str, str]]]:
    return [(path, query) for method, path, query in server.requests if method == "PATCH"]


def test_a_plan_asks_about_every_object_and_changes_nothing(
    server: ApiServer, cluster: Cluster
) -> None:
    objects = manifests()
    steps = list(plan(cluster, objects))
    assert [step.action for step in steps] == [Action.CREATE] * len(objects)
    assert len(writes(server)) == len(objects)
    assert all(query["dryRun"] == "All" for _, query in writes(server))
    assert server.objects == {}


def test_an_apply_checks_everything_first_and_then_writes(
    server: ApiServer, cluster: Cluster
) -> None:
    objects = manifests()
    told: list[tuple[int, int, str]] = []
    apply(cluster, objects, progress=lambda *now: told.append(now))
    dry = [query.get("dryRun") for _, query in writes(server)]
    assert dry == ["All"] * len(objects) + [None] * len(objects)
    assert all(query["fieldManager"] == "palisade" for _, query in writes(server))
    assert server.objects[SERVICE]["spec"] == objects[-1]["spec"]
    assert [done for done, _, _ in told] == list(range(2 * len(objects)))


def test_a_second_plan_finds_no_change(cluster: Cluster) -> None:
    apply(cluster, manifests())
    assert {step.action for step in plan(cluster, manifests())} == {Action.KEEP}


def test_a_change_is_shown_line_by_line(cluster: Cluster) -> None:
    apply(cluster, manifests())
    steps = plan(cluster, manifests("image=registry/palisade:2", "scaling={}"))
    changed = {step.title: step.diff for step in steps if step.action is Action.CHANGE}
    assert set(changed) == {"RayService/palisade"}
    diff = changed["RayService/palisade"]
    assert any(line.endswith("image: registry/palisade:2") and line[0] == "+" for line in diff)
    assert any("autoscaling_config:" in line and line[0] == "-" for line in diff)
    assert not any("resourceVersion" in line or "managedFields" in line for line in diff)


def test_what_the_server_adds_and_the_operator_reports_is_no_change(
    server: ApiServer, cluster: Cluster
) -> None:
    apply(cluster, manifests())
    live = server.objects[SERVICE]
    live["status"] = {"serviceStatus": "Running"}
    live["metadata"]["resourceVersion"] = "99"
    assert {step.action for step in plan(cluster, manifests())} == {Action.KEEP}


def conflict() -> tuple[int, dict[str, Any]]:
    return 409, status(
        409,
        "Conflict",
        'Apply failed with 1 conflict: conflict with "kubectl-edit" using policy/v1: '
        ".spec.minAvailable",
        causes=[
            {
                "reason": "FieldManagerConflict",
                "message": 'conflict with "kubectl-edit" using policy/v1',
                "field": ".spec.minAvailable",
            }
        ],
    )


def test_a_conflict_says_who_owns_what_and_nothing_is_written(
    server: ApiServer, cluster: Cluster
) -> None:
    server.refusals[BUDGET] = conflict()
    with pytest.raises(KubernetesError, match=r'"kubectl-edit".*minAvailable.*--force-conflicts'):
        apply(cluster, manifests())
    assert server.objects == {}


def test_a_conflict_can_be_forced(server: ApiServer, cluster: Cluster) -> None:
    server.refusals[BUDGET] = conflict()
    apply(cluster, manifests(), force=True)
    assert all(query["force"].lower() == "true" for _, query in writes(server))
    assert BUDGET in server.objects


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        (
            status(403, "Forbidden", 'serviceaccounts is forbidden: User "t" cannot patch'),
            "may not apply ServiceAccount/palisade-head.*cannot patch.*role",
        ),
        (status(404, "NotFound", 'namespaces "palisade" not found'), "kubectl create namespace"),
        (status(401, "Unauthorized", "Unauthorized"), "credentials"),
        (status(422, "Invalid", 'unknown field "spec.x"'), 'unknown field "spec.x"'),
        (status(500, "InternalError", "etcdserver:\n request timed out"), "etcdserver: request"),
    ],
)
def test_a_refusal_is_one_line_that_says_what_to_do(
    server: ApiServer, cluster: Cluster, refusal: dict[str, Any], says: str
) -> None:
    server.refusals[HEAD_ACCOUNT] = (refusal["code"], refusal)
    with pytest.raises(KubernetesError, match=says) as error:
        list(plan(cluster, manifests()))
    assert "\n" not in str(error.value)


def test_a_cluster_without_the_operator_is_told_apart(server: ApiServer) -> None:
    del server.kinds["apis/ray.io/v1"]
    with pytest.raises(KubernetesError, match=r"RayService/palisade.*helm install"):
        list(plan(Cluster(), manifests()))


def test_a_server_that_does_not_answer(server: ApiServer) -> None:
    with pytest.raises(KubernetesError, match=r"127\.0\.0\.1:1 cannot be reached"):
        Cluster("nowhere")


def test_a_context_that_is_not_there(server: ApiServer) -> None:
    with pytest.raises(KubernetesError, match="absent"):
        Cluster("absent")


def test_no_kubeconfig_and_no_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", "/absent/kubeconfig"
    )
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(KubernetesError, match="set KUBECONFIG"):
        Cluster()


def test_a_plan_leaves_the_manifests_as_they_were(cluster: Cluster) -> None:
    objects = manifests()
    before = copy.deepcopy(objects)
    list(plan(cluster, objects))
    assert objects == before
