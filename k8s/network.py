"""Who may talk to whom. Any Ray port that can be reached is code execution, token or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from k8s.pods import METRICS_PORT, labels
from k8s.settings import Peer, Settings

DASHBOARD_PORT = 8265


def policies(settings: Settings, port: int) -> list[dict[str, Any]]:
    """Return the NetworkPolicies; what they do not allow is forbidden, in both directions.

    Args:
        settings: of the service.
        port: where Serve's proxies listen.
    """
    own = {"matchLabels": labels(settings)}
    head = {**own, "matchExpressions": [_node_type("head", "redis-cleanup")]}
    workers = {**own, "matchExpressions": [_node_type("worker")]}
    among_themselves = [{"podSelector": own}]
    names = [{"namespaceSelector": _namespace("kube-system")}]
    dns = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    return [
        _policy(
            settings,
            "cluster",
            own,
            ingress=[
                {"from": among_themselves},
                *_from(settings.monitoring, METRICS_PORT),
            ],
            egress=[{"to": among_themselves}, {"to": names, "ports": dns}],
        ),
        _policy(
            settings,
            "head",
            head,
            # The operator brings the Serve configuration, and reads how it stands.
            ingress=_from((settings.operator,), DASHBOARD_PORT),
            egress=_to((settings.redis.at, *settings.api_server)),
        ),
        _policy(
            settings,
            "workers",
            workers,
            ingress=_from(settings.clients, port),
            egress=_to((settings.store.at, *settings.egress)),
        ),
    ]


def _policy(
    settings: Settings,
    what: str,
    pods: dict[str, Any],
    ingress: Sequence[dict[str, Any]],
    egress: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": f"{settings.name}-{what}",
            "namespace": settings.namespace,
            "labels": labels(settings),
        },
        "spec": {
            "podSelector": pods,
            "policyTypes": ["Ingress", "Egress"],
            "ingress": list(ingress),
            "egress": list(egress),
        },
    }


def _node_type(*types: str) -> dict[str, Any]:
    return {"key": "ray.io/node-type", "operator": "In", "values": list(types)}


def _namespace(name: str) -> dict[str, Any]:
    return {"matchLabels": {"kubernetes.io/metadata.name": name}}


def _from(namespaces: Sequence[str], port: int) -> list[dict[str, Any]]:
    """Allow namespaces to reach a port; with none of them, there is no rule at all."""
    peers = [{"namespaceSelector": _namespace(name)} for name in namespaces]
    return [{"from": peers, "ports": [{"protocol": "TCP", "port": port}]}] if peers else []


def _to(peers: Sequence[Peer]) -> list[dict[str, Any]]:
    return [
        {"to": [_place(peer)], "ports": [{"protocol": "TCP", "port": peer.port}]} for peer in peers
    ]


def _place(peer: Peer) -> dict[str, Any]:
    if peer.cidr is not None:
        return {"ipBlock": {"cidr": peer.cidr}}
    place: dict[str, Any] = {"podSelector": {"matchLabels": peer.labels} if peer.labels else {}}
    if peer.namespace is not None:
        place["namespaceSelector"] = _namespace(peer.namespace)
    return place
