from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import graph
from k8s import Profile
from k8s.errors import KubernetesError
from k8s.manifests import render
from k8s.schema import check, read_definition, strict
from k8s.settings import read_settings


@pytest.fixture(scope="module")
def definition() -> dict[str, Any]:
    path = os.environ.get("PALISADE_RAYSERVICE_CRD")
    if not path:
        pytest.skip("PALISADE_RAYSERVICE_CRD is not set to KubeRay's definition of RayService")
    return read_definition(Path(path))


@pytest.mark.parametrize("profile", ["cpu", "gpu"])
@pytest.mark.parametrize(
    "overrides",
    [
        (),
        (
            "models.claim=weights",
            "spool=spool",
            "pull_secret=registry",
            "cpu.node_selector={pool: cpu}",
            "incremental.gateway_class=istio",
        ),
    ],
)
def test_a_manifest_fits_the_operators_definition(
    definition: dict[str, Any], profile: Profile, overrides: tuple[str, ...]
) -> None:
    check(render(profile, read_settings(None, overrides), graph.NODES)[-1], definition)


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("rayClusterConfig", "workerGroupSpecs", 0, "minReplica"), 1, "minReplica"),
        (("rayClusterConfig", "autoscalerOptions", "version"), "v3", "version: 'v3'"),
        (("rayClusterConfig", "headGroupSpec", "rayStartParams", "num-cpus"), 0, "num-cpus: 0"),
        (("rayClusterConfig", "authOptions", "mod"), "token", "'mod'"),
        (
            ("rayClusterConfig", "headGroupSpec", "template", "spec", "containers"),
            [{"image": "i"}],
            "'name' is a required",
        ),
        (("serveConfigv2",), "", "serveConfigv2"),
    ],
)
def test_a_typo_is_caught_and_named(
    definition: dict[str, Any], path: tuple[Any, ...], value: Any, says: str
) -> None:
    manifest = render("cpu", read_settings(None), graph.NODES)[-1]
    *steps, last = path
    inner = manifest["spec"]
    for step in steps:
        inner = inner[step]
    inner[last] = value
    with pytest.raises(KubernetesError, match=says):
        check(manifest, definition)


def test_openapi_becomes_strict() -> None:
    schema = strict(
        {
            "type": "object",
            "required": ["size", "count"],
            "properties": {
                "size": {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}]},
                "count": {"type": "integer", "default": 1},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "maybe": {"type": "string", "nullable": True},
            },
        }
    )
    check({"size": "1Gi", "labels": {"a": "b"}, "free": {"x": 1}, "maybe": None}, schema)
    check({"size": 1}, schema)
    for wrong in (
        {"count": 1},
        {"size": 1.5},
        {"size": 1, "labels": {"a": 1}},
        {"size": 1, "x": 1},
    ):
        with pytest.raises(KubernetesError):
            check(wrong, schema)


@pytest.mark.parametrize("content", ["a: 1", "spec: {versions: []}", "spec: 3", "- 1"])
def test_a_file_that_is_no_definition(content: str, tmp_path: Path) -> None:
    path = tmp_path / "crd.yaml"
    path.write_text(content)
    with pytest.raises(KubernetesError, match=r"crd\.yaml"):
        read_definition(path)
