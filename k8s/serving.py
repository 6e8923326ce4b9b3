"""The Serve configuration of a cluster, from the same file that ``palisade serve`` reads."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ray.serve.config import AutoscalingConfig

from deployments.config import check_config, read_config, with_policy
from fusion.policy import load_policy
from k8s import Profile
from k8s.errors import KubernetesError
from k8s.settings import Settings


def serve_config(profile: Profile, settings: Settings, known: frozenset[str]) -> dict[str, Any]:
    """Adapt a profile's Serve configuration to pods.

    Args:
        profile: whose configuration.
        settings: replicas, scaling and what the workers offer.
        known: names of the graph's deployments.

    Raises:
        ConfigError: the configuration is wrong in itself.
        PolicyError: the policy of the settings cannot be used.
        KubernetesError: it does not name every node of the graph, or the workers cannot hold it.
    """
    raw = read_config(settings.serve or profile)
    if settings.policy is not None:
        raw = with_policy(raw, load_policy(settings.policy))
    applications = raw.get("applications", [])
    named = {node.get("name") for app in applications for node in app.get("deployments", [])}
    for wrong, what in (
        (known - named, "leaves out"),
        (settings.scaling.keys() - known, "cannot scale, for the graph has it not:"),
    ):
        if wrong:
            raise KubernetesError(f"the Serve config {what} {', '.join(sorted(wrong))}")
    adapted = {
        **raw,
        # A proxy beside the replicas of every worker: each pod answers for itself.
        "proxy_location": "EveryNode",
        # All interfaces of the pod; the NetworkPolicy says who reaches them.
        "http_options": {**raw.get("http_options", {}), "host": "0.0.0.0"},
        "applications": [
            {**app, "deployments": [_placed(node, settings) for node in app["deployments"]]}
            for app in applications
        ],
    }
    check_config(adapted, known)
    _check_room(adapted, profile, settings)
    return adapted


def port(config: Mapping[str, Any]) -> int:
    """Return the HTTP port of a Serve configuration."""
    return int(config["http_options"].get("port", 8000))


def _placed(node: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Give a node its replicas, and keep them from crowding on one worker."""
    placed = dict(node)
    scaling = settings.scaling.get(node["name"])
    if scaling is not None:
        placed.pop("num_replicas", None)
        placed["autoscaling_config"] = {
            "min_replicas": scaling.min,
            "max_replicas": scaling.max,
            "target_ongoing_requests": scaling.target,
        }
    elif "autoscaling_config" not in node:
        replicas = node.get("num_replicas", 1)
        if not isinstance(replicas, int):
            raise KubernetesError(
                f"{node['name']}: num_replicas: {replicas} has no upper limit that workers could "
                "be counted for; write an autoscaling_config"
            )
        placed["num_replicas"] = max(replicas, settings.replicas)
    least, most = _replicas(placed)
    group = settings.gpu if _gpus(placed) else settings.cpu
    placed["max_replicas_per_node"] = max(
        math.ceil(least / max(group.min, 1)), math.ceil(most / group.max)
    )
    return placed


def _check_room(config: Mapping[str, Any], profile: Profile, settings: Settings) -> None:
    """Make sure that every replica finds a place once all workers are there."""
    nodes = [node for app in config["applications"] for node in app["deployments"]]
    on_gpu = [node for node in nodes if _gpus(node)]
    elsewhere = [node for node in nodes if not _gpus(node)]
    if on_gpu and profile == "cpu":
        raise KubernetesError(f"{on_gpu[0]['name']} needs a GPU: use --profile gpu")
    cpu, gpu = settings.cpu, settings.gpu
    _check_group("cpu", cpu.max, "CPUs", cpu.cpus, [(n, _cpus(n)) for n in elsewhere])
    _check_group("gpu", gpu.max, "CPUs", gpu.cpus, [(n, _cpus(n)) for n in on_gpu])
    _check_group("gpu", gpu.max, "GPUs", gpu.gpus, [(n, _gpus(n)) for n in on_gpu])


def _check_group(
    group: str, workers: int, unit: str, offer: int, asks: Sequence[tuple[Mapping[str, Any], float]]
) -> None:
    for node, ask in asks:
        if ask > offer:
            raise KubernetesError(
                f"a replica of {node['name']} needs {ask:g} {unit} and a {group} worker has {offer}"
            )
    total = sum(ask * _replicas(node)[1] for node, ask in asks)
    if total > workers * offer:
        raise KubernetesError(
            f"at their most, the replicas need {total:g} {unit}, and {workers} {group} workers "
            f"have {workers * offer}: raise {group}.max, or scale less"
        )


def _replicas(node: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many replicas a node has at the least and at the most."""
    if "autoscaling_config" in node:
        scaling = AutoscalingConfig.model_validate(node["autoscaling_config"])
        return scaling.min_replicas, scaling.max_replicas
    return node["num_replicas"], node["num_replicas"]


def _cpus(node: Mapping[str, Any]) -> float:
    return float(node.get("ray_actor_options", {}).get("num_cpus", 1))


def _gpus(node: Mapping[str, Any]) -> float:
    return float(node.get("ray_actor_options", {}).get("num_gpus", 0))
