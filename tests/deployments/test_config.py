from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

import graph
from deployments.config import (
    PROFILES,
    check_config,
    read_config,
    with_open_door,
    with_policy,
    without_nodes,
)
from deployments.errors import ConfigError
from fusion.policy import load_policy

APPLICATION = ("applications", 0)
FACE = (*APPLICATION, "deployments", 1)


@pytest.fixture
def raw() -> dict[str, Any]:
    return deepcopy(read_config("cpu"))


def put(raw: Any, path: tuple[Any, ...], value: Any) -> None:
    *steps, last = path
    for step in steps:
        raw = raw[step]
    raw[last] = value


@pytest.mark.parametrize("profile", PROFILES)
def test_a_shipped_config_is_valid_and_names_every_node(profile: str) -> None:
    schema = check_config(read_config(profile), graph.NODES)
    assert {node.name for node in schema.applications[0].deployments} == graph.NODES
    assert schema.http_options.host == "127.0.0.1"


def test_only_the_gpu_config_asks_for_a_gpu() -> None:
    def gpus(profile: str) -> float:
        schema = check_config(read_config(profile), graph.NODES)
        nodes = schema.applications[0].deployments
        return sum(node.ray_actor_options.num_gpus or 0 for node in nodes)

    assert gpus("cpu") == 0
    assert gpus("gpu") > 0


@pytest.mark.parametrize(
    ("path", "value", "names"),
    [
        (("aplications",), [], "aplications"),
        (("http_options", "prot"), 1, "prot"),
        (("http_options", "port"), "many", "port"),
        ((*APPLICATION, "importpath"), "x", "importpath"),
        ((*APPLICATION, "args", "deadline"), 5, "deadline"),
        ((*APPLICATION, "args", "deadline_ms"), -5, "deadline_ms"),
        ((*APPLICATION, "args", "deadline_ms"), 10**9, "max_deadline_ms"),
        ((*APPLICATION, "args", "image"), {"max_megapixel": 5}, "max_megapixel"),
        ((*FACE, "num_replica"), 3, "num_replica"),
        ((*FACE, "num_replicas"), 0, "num_replicas"),
        ((*FACE, "ray_actor_options"), {"num_cpu": 1}, "num_cpu"),
        ((*FACE, "name"), "Fase", "Fase"),
    ],
)
def test_a_misspelt_or_wrong_entry_is_named(
    raw: dict[str, Any], path: tuple[Any, ...], value: Any, names: str
) -> None:
    put(raw, path, value)
    with pytest.raises(ConfigError, match=names):
        check_config(raw, graph.NODES)


def test_a_misspelt_autoscaling_field_is_named(raw: dict[str, Any]) -> None:
    face = raw["applications"][0]["deployments"][1]
    del face["num_replicas"]
    face["autoscaling_config"] = {"min_replica": 1}
    with pytest.raises(ConfigError, match="min_replica"):
        check_config(raw, graph.NODES)


@pytest.mark.parametrize(
    "user_config", [{}, {"policy": "absent"}, {"policy": {"name": "p", "treshold": 1}}]
)
def test_a_policy_that_cannot_be_used_is_refused(
    raw: dict[str, Any], user_config: dict[str, Any]
) -> None:
    put(raw, (*APPLICATION, "deployments", -1, "user_config"), user_config)
    with pytest.raises(ConfigError, match="Fusion"):
        check_config(raw, graph.NODES)


def test_a_bad_override_stops_the_start(
    raw: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTI_SPOOFING_THRESHOLD", "high")
    with pytest.raises(ConfigError, match="ANTI_SPOOFING_THRESHOLD"):
        check_config(raw, graph.NODES)


def test_a_policy_is_put_in_by_content_and_changes_nothing_else(raw: dict[str, Any]) -> None:
    before = deepcopy(raw)
    changed = with_policy(raw, load_policy("hardened"))
    schema = check_config(changed, graph.NODES)
    fusion = next(n for n in schema.applications[0].deployments if n.name == "Fusion")
    assert load_policy(fusion.user_config["policy"]) == load_policy("hardened")
    assert raw == before


def test_a_file_that_is_no_config(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_config(tmp_path / "absent.yaml")
    (tmp_path / "list.yaml").write_text("- 1")
    with pytest.raises(ConfigError, match="mapping"):
        read_config(tmp_path / "list.yaml")


def test_an_open_door_must_be_on_loopback(raw: dict[str, Any]) -> None:
    opened = with_open_door(raw)
    args = check_config(opened, graph.NODES).applications[0].args
    assert args == {**raw["applications"][0]["args"], "access": "open"}
    assert "access" not in raw["applications"][0]["args"]
    opened["http_options"]["host"] = "0.0.0.0"
    with pytest.raises(ConfigError, match="loopback"):
        check_config(opened, graph.NODES)
    del opened["http_options"]["host"]  # Serve's default is every interface
    with pytest.raises(ConfigError, match="loopback"):
        check_config(opened, graph.NODES)


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
def test_keys_may_be_asked_for_anywhere(raw: dict[str, Any], host: str) -> None:
    raw["http_options"]["host"] = host
    for access in ("auto", "keys"):
        raw["applications"][0]["args"]["access"] = access
        assert check_config(raw, graph.NODES).applications[0].args["access"] == access


def test_there_is_no_fourth_way_in(raw: dict[str, Any]) -> None:
    raw["applications"][0]["args"]["access"] = "opne"
    with pytest.raises(ConfigError, match="access"):
        check_config(raw, graph.NODES)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_graph_that_goes_without_a_node_names_it_nowhere(profile: str) -> None:
    schema = check_config(without_nodes(read_config(profile), ["deepfake"]), graph.NODES)
    (application,) = schema.applications
    assert {node.name for node in application.deployments} == graph.NODES - {"deepfake"}
    assert application.args["without"] == ["deepfake"]
    assert application.args["deadline_ms"] == 20000
