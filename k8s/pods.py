"""The pods of a cluster: what runs in them, and what they may not do."""

from __future__ import annotations

from typing import Any

from deployments.environment import DEFAULTS, SERVING
from fusion.enforcement import CANARY_KEY
from k8s.settings import GpuGroup, Group, Pod, SecretKey, Settings

AGENT_PORT = 52365
"""Ray's agent in every pod; its ``/api/healthz`` needs no token and answers for the raylet, and on
the head for the cluster state as well."""
METRICS_PORT = 8080
HOME = "/home/palisade"
STORE = "PALISADE_STORE"
SPOOL = "PALISADE_SPOOL"
SPOOL_FOLDER = "/spool"
TOKEN_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"
LOCKED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}


def labels(settings: Settings) -> dict[str, str]:
    """Return the labels of everything that belongs to the service."""
    return {"app.kubernetes.io/instance": settings.name, "app.kubernetes.io/part-of": "palisade"}


def head_account(settings: Settings) -> str:
    """Return the account of the head, to which KubeRay gives the autoscaler's rights."""
    return f"{settings.name}-head"


def worker_account(settings: Settings) -> str:
    """Return the account of the workers, which has no rights."""
    return f"{settings.name}-worker"


def autoscaler() -> dict[str, Any]:
    """Describe the autoscaler, a container that KubeRay puts beside the head.

    It alone gets the account's token; the head itself, where Ray runs, cannot read it.
    """
    return {
        "version": "v2",
        "upscalingMode": "Default",
        "imagePullPolicy": "IfNotPresent",
        "securityContext": LOCKED,
        "resources": _resources({"cpu": "500m", "memory": "1Gi"}),
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},
            {"name": "home", "mountPath": HOME},
            {"name": "kubernetes", "mountPath": TOKEN_FOLDER, "readOnly": True},
        ],
    }


def secret(key: SecretKey) -> dict[str, Any]:
    """Refer to a value of a Secret."""
    return {"valueFrom": {"secretKeyRef": {"name": key.name, "key": key.key}}}


def head(settings: Settings, image: str) -> dict[str, Any]:
    """Describe the head's group: it controls the cluster and runs no replica."""
    pod = settings.head
    container = {
        **_container(settings, pod, "ray-head", image),
        "ports": _ports({"gcs-server": 6379, "dashboard": 8265, "metrics": METRICS_PORT}),
        "env": _environment(settings),
        "readinessProbe": _probe(AGENT_PORT, "/api/healthz", failures=3),
    }
    template = _template(settings, pod, head_account(settings), container)
    template["spec"]["volumes"].append({"name": "kubernetes", "projected": _account_token()})
    return {
        # No Ingress, and a Service inside the cluster only: the dashboard's job API is code
        # execution for whoever reaches it.
        "enableIngress": False,
        "serviceType": "ClusterIP",
        "rayStartParams": {"num-cpus": "0", **_object_store(pod)},
        "template": template,
    }


def workers(settings: Settings, group: Group, name: str, image: str, port: int) -> dict[str, Any]:
    """Describe a group of workers.

    Args:
        settings: of the service.
        group: of these workers.
        name: of the group.
        image: of the container.
        port: where Serve's proxy listens.
    """
    container = {
        **_container(settings, group, "ray-worker", image),
        "ports": _ports({"serve": port, "metrics": METRICS_PORT}),
        "env": [
            *_environment(settings),
            {"name": SPOOL, "value": SPOOL_FOLDER},
            {"name": STORE, **secret(settings.store.url)},
            {"name": CANARY_KEY, **secret(settings.canary)},
        ],
        # Ready while its proxy answers: a worker without a replica has none and gets no requests.
        "readinessProbe": _probe(port, "/-/healthz", failures=1),
        # An evicted pod leaves the Service before its proxy stops.
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", "10"]}}},
    }
    container["volumeMounts"].append({"name": "spool", "mountPath": SPOOL_FOLDER})
    template = _template(settings, group, worker_account(settings), container)
    template["spec"]["volumes"].append({"name": "spool", **_spool(settings)})
    template["spec"]["topologySpreadConstraints"] = [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {**labels(settings), "ray.io/group": name}},
            # During an upgrade two clusters stand side by side; each is spread on its own.
            "matchLabelKeys": ["ray.io/cluster"],
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
    return {
        "groupName": name,
        "replicas": group.min,
        "minReplicas": group.min,
        "maxReplicas": group.max,
        "idleTimeoutSeconds": group.idle_s,
        "rayStartParams": {"num-cpus": str(group.cpus), **_object_store(group)},
        "template": template,
    }


def _template(
    settings: Settings, pod: Pod, account: str, container: dict[str, Any]
) -> dict[str, Any]:
    user = settings.user
    spec: dict[str, Any] = {
        "serviceAccountName": account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 60,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": user,
            "fsGroup": user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [
            {"name": "tmp", "emptyDir": {}},
            {"name": "home", "emptyDir": {}},
            # A quarter more than the object store, which is not alone in it.
            {
                "name": "shm",
                "emptyDir": {"medium": "Memory", "sizeLimit": f"{pod.object_store_gib * 1280}Mi"},
            },
        ],
    }
    if settings.models.claim is not None:
        claim = {"claimName": settings.models.claim, "readOnly": True}
        spec["volumes"].append({"name": "models", "persistentVolumeClaim": claim})
    if settings.pull_secret is not None:
        spec["imagePullSecrets"] = [{"name": settings.pull_secret}]
    if pod.node_selector:
        spec["nodeSelector"] = pod.node_selector
    if pod.tolerations:
        spec["tolerations"] = list(pod.tolerations)
    return {"metadata": {"labels": labels(settings)}, "spec": spec}


def _container(settings: Settings, pod: Pod, name: str, image: str) -> dict[str, Any]:
    mounts: list[dict[str, Any]] = [
        {"name": "tmp", "mountPath": "/tmp"},
        {"name": "home", "mountPath": HOME},
        {"name": "shm", "mountPath": "/dev/shm"},
    ]
    if settings.models.claim is not None:
        mounts.append({"name": "models", "mountPath": settings.models.path, "readOnly": True})
    gpus = {pod.resource: str(pod.gpus)} if isinstance(pod, GpuGroup) else {}
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "securityContext": LOCKED,
        "resources": _resources(
            {
                "cpu": str(pod.cpus),
                "memory": f"{pod.memory_gib}Gi",
                "ephemeral-storage": f"{pod.disk_gib}Gi",
                **gpus,
            }
        ),
        "volumeMounts": mounts,
        # Ray has five minutes to come up; after that, a minute without an answer is a restart.
        "startupProbe": _probe(AGENT_PORT, "/api/healthz", failures=60),
        "livenessProbe": _probe(AGENT_PORT, "/api/healthz", failures=12),
    }


def _spool(settings: Settings) -> dict[str, Any]:
    if settings.spool is None:
        return {"emptyDir": {}}
    return {"persistentVolumeClaim": {"claimName": settings.spool}}


def _environment(settings: Settings) -> list[dict[str, Any]]:
    values = {
        **DEFAULTS,
        **SERVING,
        "PALISADE_MODELS": settings.models.path,
        **settings.environment,
    }
    return [{"name": name, "value": value} for name, value in values.items()]


def _account_token() -> dict[str, Any]:
    """Project what a Kubernetes client looks for in a pod, as the kubelet would mount it."""
    namespace = {"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}
    authority = {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    return {
        "sources": [
            {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
            {"configMap": authority},
            {"downwardAPI": {"items": [namespace]}},
        ]
    }


def _object_store(pod: Pod) -> dict[str, str]:
    return {"object-store-memory": str(pod.object_store_gib * 2**30)}


def _resources(amounts: dict[str, str]) -> dict[str, Any]:
    return {"requests": dict(amounts), "limits": dict(amounts)}


def _ports(ports: dict[str, int]) -> list[dict[str, Any]]:
    return [{"name": name, "containerPort": port} for name, port in ports.items()]


def _probe(port: int, path: str, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": port},
        "periodSeconds": 5,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }
