"""Everything that is applied to a cluster, as plain objects and as YAML."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from k8s import Profile, network, pods
from k8s.serving import port, serve_config
from k8s.settings import Settings


def render(profile: Profile, settings: Settings, known: frozenset[str]) -> list[dict[str, Any]]:
    """Return the objects of a service, in the order in which they should be applied.

    Args:
        profile: ``cpu``, or ``gpu`` with a second group of workers.
        settings: of the service.
        known: names of the graph's deployments.

    Raises:
        ConfigError: the Serve configuration is wrong.
        PolicyError: the policy of the settings cannot be used.
        KubernetesError: the workers cannot hold the graph.
    """
    config = serve_config(profile, settings, known)
    return [
        _account(settings, pods.head_account(settings)),
        _account(settings, pods.worker_account(settings)),
        *network.policies(settings, port(config)),
        _disruption_budget(settings),
        _ray_service(profile, settings, config),
    ]


def to_yaml(objects: Sequence[Mapping[str, Any]]) -> str:
    """Write objects as one YAML stream; texts of several lines stay readable."""
    return yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False, width=100)


def secrets(settings: Settings) -> list[str]:
    """Return the commands that create the Secrets that the manifests refer to."""
    redis, store, canary = settings.redis.password, settings.store.url, settings.canary
    values = {
        (settings.auth, "auth_token"): "$(openssl rand -hex 32)",
        (canary.name, canary.key): "$(openssl rand -hex 32)",
        (redis.name, redis.key): "$REDIS_PASSWORD",
        (store.name, store.key): "$PALISADE_STORE",
    }
    return [
        f"kubectl --namespace {settings.namespace} create secret generic {name} "
        f'--from-literal={key}="{value}"'
        for (name, key), value in values.items()
    ]


def _account(settings: Settings, name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _metadata(settings, name),
        "automountServiceAccountToken": False,
    }


def _disruption_budget(settings: Settings) -> dict[str, Any]:
    """Keep workers standing while machines are drained.

    A count of pods that stay: Kubernetes takes no share and no ``maxUnavailable`` for pods whose
    owner has no scale. Not for the head: it is alone, and none could ever be drained.
    """
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _metadata(settings, settings.name),
        "spec": {
            "minAvailable": settings.available,
            "selector": {"matchLabels": {**pods.labels(settings), "ray.io/group": "cpu"}},
        },
    }


def _ray_service(profile: Profile, settings: Settings, config: Mapping[str, Any]) -> dict[str, Any]:
    image = settings.image or f"palisade:{importlib.metadata.version('palisade')}-{profile}"
    groups = {"cpu": settings.cpu} | ({"gpu": settings.gpu} if profile == "gpu" else {})
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayService",
        "metadata": _metadata(settings, settings.name),
        "spec": {
            "upgradeStrategy": _upgrade(settings),
            # The head decides; requests go to the workers, each of which has a proxy.
            "excludeHeadPodFromServeSvc": True,
            "serveConfigV2": to_yaml([config]),
            "rayClusterConfig": {
                "rayVersion": importlib.metadata.version("ray"),
                "authOptions": {"mode": "token", "secretName": settings.auth},
                "gcsFaultToleranceOptions": {
                    "redisAddress": settings.redis.address,
                    "redisPassword": pods.secret(settings.redis.password),
                },
                "enableInTreeAutoscaling": True,
                "autoscalerOptions": pods.autoscaler(),
                "headGroupSpec": pods.head(settings, image),
                "workerGroupSpecs": [
                    pods.workers(settings, group, name, image, port(config))
                    for name, group in groups.items()
                ],
            },
        },
    }


def _upgrade(settings: Settings) -> dict[str, Any]:
    if settings.incremental is None:
        return {"type": "NewCluster"}
    return {
        "type": "NewClusterWithIncrementalUpgrade",
        "clusterUpgradeOptions": {
            "gatewayClassName": settings.incremental.gateway_class,
            "stepSizePercent": settings.incremental.step_percent,
            "intervalSeconds": settings.incremental.interval_s,
            "maxSurgePercent": settings.incremental.surge_percent,
        },
    }


def _metadata(settings: Settings, name: str) -> dict[str, Any]:
    return {"name": name, "namespace": settings.namespace, "labels": pods.labels(settings)}


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and nothing by reference."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
