"""What the manifests promise, as properties of both profiles."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import yaml
from kubernetes import client

import graph
from deployments.bound import is_loopback
from deployments.config import check_config, with_open_door
from deployments.environment import DEFAULTS, SERVING
from deployments.errors import ConfigError
from fusion.policy import load_policy
from k8s import Profile
from k8s.errors import KubernetesError
from k8s.manifests import render, secrets, to_yaml
from k8s.settings import Settings, read_settings

PROFILES: tuple[Profile, ...] = get_args(Profile)


def objects(profile: Profile = "cpu", *overrides: str) -> list[dict[str, Any]]:
    return render(profile, read_settings(None, overrides), graph.NODES)


def service(profile: Profile = "cpu", *overrides: str) -> dict[str, Any]:
    return objects(profile, *overrides)[-1]["spec"]


def serve_config(profile: Profile = "cpu", *overrides: str) -> Any:
    return yaml.safe_load(service(profile, *overrides)["serveConfigV2"])


def node(config: Any, name: str) -> dict[str, Any]:
    return next(n for n in config["applications"][0]["deployments"] if n["name"] == name)


def pods(spec: dict[str, Any]) -> list[dict[str, Any]]:
    cluster = spec["rayClusterConfig"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    return [group["template"]["spec"] for group in groups]


@pytest.fixture(params=PROFILES)
def spec(request: pytest.FixtureRequest) -> dict[str, Any]:
    return service(request.param)


@pytest.mark.parametrize("profile", PROFILES)
def test_serve_gets_the_graph_and_nothing_else(profile: Profile) -> None:
    config = serve_config(profile)
    schema = check_config(config, graph.NODES)
    assert {n.name for n in schema.applications[0].deployments} == graph.NODES
    assert schema.http_options.host == "0.0.0.0"
    assert schema.proxy_location == "EveryNode"


@pytest.mark.parametrize("profile", PROFILES)
def test_nobody_gets_in_without_a_key(profile: Profile) -> None:
    schema = check_config(serve_config(profile), graph.NODES)
    assert schema.applications[0].args.get("access", "auto") == "auto"
    assert not is_loopback(schema.http_options.host)
    with pytest.raises(ConfigError, match="loopback"):
        check_config(with_open_door(serve_config(profile)), graph.NODES)


def test_every_node_survives_the_loss_of_a_pod_and_does_not_crowd() -> None:
    for deployment in serve_config()["applications"][0]["deployments"]:
        scaling = deployment.get("autoscaling_config")
        least = scaling["min_replicas"] if scaling else deployment["num_replicas"]
        assert least >= 2
        assert deployment["max_replicas_per_node"] < least


def test_as_many_replicas_as_there_may_be_find_a_place() -> None:
    settings = Settings()
    face = node(serve_config(), "Face")
    assert (
        face["max_replicas_per_node"] * settings.cpu.max
        >= face["autoscaling_config"]["max_replicas"]
    )


def test_the_policy_of_the_settings_goes_along_by_content() -> None:
    fusion = node(serve_config("cpu", "policy=hardened"), "Fusion")
    assert load_policy(fusion["user_config"]["policy"]) == load_policy("hardened")


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (("cpu.cpus=1", "cpu.max=2"), "raise cpu.max"),
        (("scaling={Fase: {min: 1, max: 2, target: 1}}",), "Fase"),
        (("serve=absent.yaml",), "absent.yaml"),
        (("serve=gpu", "cpu.max=9"), "needs a GPU"),
    ],
)
def test_what_the_cluster_could_not_hold_is_refused(overrides: tuple[str, ...], says: str) -> None:
    with pytest.raises((KubernetesError, ConfigError), match=says):
        objects("cpu", *overrides)


def test_a_node_that_the_config_leaves_out_is_named(tmp_path: Any) -> None:
    config = serve_config()
    config["applications"][0]["deployments"].pop()
    path = tmp_path / "serve.yaml"
    path.write_text(yaml.safe_dump(config))
    with pytest.raises(KubernetesError, match="leaves out Fusion"):
        objects("cpu", f"serve={path}")


def test_the_head_controls_and_runs_no_replica(spec: dict[str, Any]) -> None:
    cluster = spec["rayClusterConfig"]
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    assert cluster["headGroupSpec"]["enableIngress"] is False
    assert spec["excludeHeadPodFromServeSvc"] is True
    assert cluster["authOptions"] == {"mode": "token", "secretName": "palisade-auth"}
    assert cluster["enableInTreeAutoscaling"] is True
    assert cluster["autoscalerOptions"]["version"] == "v2"
    assert cluster["gcsFaultToleranceOptions"]["redisAddress"] == "redis:6379"
    assert "secretKeyRef" in cluster["gcsFaultToleranceOptions"]["redisPassword"]["valueFrom"]


def test_only_the_gpu_profile_has_a_gpu_group() -> None:
    def limits(profile: Profile) -> dict[str, dict[str, str]]:
        groups = service(profile)["rayClusterConfig"]["workerGroupSpecs"]
        return {
            group["groupName"]: group["template"]["spec"]["containers"][0]["resources"]["limits"]
            for group in groups
        }

    assert set(limits("cpu")) == {"cpu"}
    assert set(limits("gpu")) == {"cpu", "gpu"}
    assert limits("gpu")["gpu"]["nvidia.com/gpu"] == "1"
    assert "nvidia.com/gpu" not in limits("gpu")["cpu"]


def test_no_pod_can_do_more_than_it_must(spec: dict[str, Any]) -> None:
    for pod in pods(spec):
        context = pod["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] == context["fsGroup"] == 10001
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        for locked in (
            container["securityContext"],
            spec["rayClusterConfig"]["autoscalerOptions"]["securityContext"],
        ):
            assert locked["readOnlyRootFilesystem"] is True
            assert locked["allowPrivilegeEscalation"] is False
            assert locked["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["requests"] == container["resources"]["limits"]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container[probe]["httpGet"]["path"].endswith("healthz")


def test_every_mount_has_its_volume_and_ray_can_write_where_it_must(spec: dict[str, Any]) -> None:
    for pod in pods(spec):
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        mounts = {m["mountPath"]: m["name"] for m in pod["containers"][0]["volumeMounts"]}
        assert set(mounts.values()) <= set(volumes)
        for path in ("/tmp", "/home/palisade", "/dev/shm"):
            assert "emptyDir" in volumes[mounts[path]]
    head = {volume["name"] for volume in pods(spec)[0]["volumes"]}
    assert {
        m["name"] for m in spec["rayClusterConfig"]["autoscalerOptions"]["volumeMounts"]
    } <= head


def test_only_the_autoscaler_can_read_the_accounts_token(spec: dict[str, Any]) -> None:
    (autoscalers,) = [
        mount
        for mount in spec["rayClusterConfig"]["autoscalerOptions"]["volumeMounts"]
        if "serviceaccount" in mount["mountPath"]
    ]
    assert autoscalers["readOnly"] is True
    for pod in pods(spec):
        mounts = pod["containers"][0]["volumeMounts"]
        assert all(mount["name"] != autoscalers["name"] for mount in mounts)


def test_secrets_reach_the_workers_by_reference_only(spec: dict[str, Any]) -> None:
    head, *workers = (pod["containers"][0]["env"] for pod in pods(spec))
    assert not any("valueFrom" in variable for variable in head)
    for environment in workers:
        referred = {v["name"] for v in environment if "secretKeyRef" in v.get("valueFrom", {})}
        assert referred == {"PALISADE_STORE", "PALISADE_CANARY_KEY"}
    for environment in (head, *workers):
        values = {v["name"]: v.get("value") for v in environment}
        assert (DEFAULTS | SERVING).items() <= values.items()


def test_the_commands_make_every_secret_that_is_referred_to() -> None:
    text = to_yaml(objects("gpu"))
    commands = secrets(Settings())
    for name in ("palisade-auth", "palisade-canary", "palisade-redis", "palisade-store"):
        assert name in text
        assert sum(f" {name} " in command for command in commands) == 1


def test_weights_can_come_from_a_volume() -> None:
    pod = pods(service("cpu", "models.claim=weights"))[1]
    (volume,) = [v for v in pod["volumes"] if v["name"] == "models"]
    assert volume["persistentVolumeClaim"] == {"claimName": "weights", "readOnly": True}
    assert {"name": "models", "mountPath": "/models", "readOnly": True} in pod["containers"][0][
        "volumeMounts"
    ]


def test_records_can_wait_on_a_volume_that_outlives_the_pod() -> None:
    pod = pods(service("cpu", "spool=spool"))[1]
    (volume,) = [v for v in pod["volumes"] if v["name"] == "spool"]
    assert volume["persistentVolumeClaim"] == {"claimName": "spool"}
    (mount,) = [m for m in pod["containers"][0]["volumeMounts"] if m["name"] == "spool"]
    assert {"name": "PALISADE_SPOOL", "value": mount["mountPath"]} in pod["containers"][0]["env"]


def test_workers_are_spread_over_zones_and_machines(spec: dict[str, Any]) -> None:
    for group in spec["rayClusterConfig"]["workerGroupSpecs"]:
        constraints = group["template"]["spec"]["topologySpreadConstraints"]
        assert {c["topologyKey"] for c in constraints} == {
            "topology.kubernetes.io/zone",
            "kubernetes.io/hostname",
        }
        for constraint in constraints:
            wanted = constraint["labelSelector"]["matchLabels"]
            given = {
                **group["template"]["metadata"]["labels"],
                "ray.io/group": group["groupName"],  # KubeRay adds it
            }
            assert wanted.items() <= given.items()


def network_policy(name: str, *overrides: str) -> dict[str, Any]:
    return next(
        o["spec"]
        for o in objects("cpu", *overrides)
        if o["kind"] == "NetworkPolicy" and o["metadata"]["name"] == name
    )


def test_the_network_is_closed_but_for_what_is_named() -> None:
    for name in ("palisade-cluster", "palisade-head", "palisade-workers"):
        policy = network_policy(name)
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        for rule in policy["ingress"]:
            assert rule["from"], "a rule without a peer lets everybody in"
            own = rule["from"] == [
                {"podSelector": network_policy("palisade-cluster")["podSelector"]}
            ]
            assert own or rule["ports"]
    (clients,) = network_policy("palisade-workers")["ingress"]
    assert clients["ports"] == [{"protocol": "TCP", "port": 8000}]
    (operator,) = network_policy("palisade-head")["ingress"]
    assert operator["ports"] == [{"protocol": "TCP", "port": 8265}]
    assert network_policy("palisade-workers", "clients=[]")["ingress"] == []


def test_redis_and_postgresql_are_reached_where_the_settings_say() -> None:
    redis = network_policy("palisade-head", "redis.at={namespace: data, port: 6380}")
    assert redis["egress"][0]["ports"] == [{"protocol": "TCP", "port": 6380}]
    assert redis["egress"][0]["to"][0]["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": "data"
    }
    outside = network_policy("palisade-workers", "store.at={cidr: 10.1.0.0/16, port: 5432}")
    assert outside["egress"][0]["to"] == [{"ipBlock": {"cidr": "10.1.0.0/16"}}]


def test_a_machine_can_be_drained_but_not_the_service() -> None:
    (budget,) = [o["spec"] for o in objects() if o["kind"] == "PodDisruptionBudget"]
    assert budget["minAvailable"] == 1  # an integer: these pods' owner has no scale
    assert budget["selector"]["matchLabels"]["ray.io/group"] == "cpu"


def test_an_upgrade_can_move_the_traffic_in_steps() -> None:
    assert service()["upgradeStrategy"] == {"type": "NewCluster"}
    stepwise = service("cpu", "incremental.gateway_class=istio")["upgradeStrategy"]
    assert stepwise["type"] == "NewClusterWithIncrementalUpgrade"
    assert stepwise["clusterUpgradeOptions"]["gatewayClassName"] == "istio"


MODELS = {
    "ServiceAccount": client.V1ServiceAccount,
    "NetworkPolicy": client.V1NetworkPolicy,
    "PodDisruptionBudget": client.V1PodDisruptionBudget,
}


@pytest.mark.parametrize("profile", PROFILES)
def test_kubernetes_own_types_hold_every_field(profile: Profile) -> None:
    *plain, ray_service = objects(profile)
    for manifest in plain:
        parsed = MODELS[manifest["kind"]].from_dict(manifest)
        assert client.ApiClient().sanitize_for_serialization(parsed) == manifest
    for pod in pods(ray_service["spec"]):
        parsed = client.V1PodSpec.from_dict(pod)
        assert client.ApiClient().sanitize_for_serialization(parsed) == pod


def test_yaml_says_what_the_objects_say() -> None:
    rendered = objects("gpu")
    assert list(yaml.safe_load_all(to_yaml(rendered))) == rendered
    assert "serveConfigV2: |\n" in to_yaml(rendered)
