"""The commands as users run them: their output and their exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from api_server import ApiServer
from click.testing import Result
from typer.testing import CliRunner

import graph
from k8s.commands import app
from k8s.errors import KubernetesError
from k8s.manifests import render
from k8s.settings import Settings, read_settings


def k8s(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(app, list(map(str, arguments)))
    if isinstance(result.exception, KubernetesError):
        raise result.exception
    return result


def test_render_prints_what_kubectl_can_read() -> None:
    result = k8s("render", "--profile", "gpu", "-s", "gpu.max=8")
    assert result.exit_code == 0, result.output
    expected = render("gpu", read_settings(None, ("gpu.max=8",)), graph.NODES)
    assert list(yaml.safe_load_all(result.stdout)) == expected
    assert "#   kubectl --namespace palisade create secret generic palisade-auth" in result.stdout


def test_render_writes_a_file_for_each_object(tmp_path: Path) -> None:
    result = k8s("render", "--out", tmp_path / "made")
    assert result.exit_code == 0, result.output
    written = [yaml.safe_load(path.read_text()) for path in (tmp_path / "made").iterdir()]
    expected = render("cpu", Settings(), graph.NODES)
    assert sorted(map(str, written)) == sorted(map(str, expected))


def test_render_checks_against_a_definition(tmp_path: Path) -> None:
    definition = tmp_path / "crd.yaml"
    schema = {"openAPIV3Schema": {"type": "object", "properties": {}}}
    definition.write_text(
        yaml.safe_dump(
            {
                "spec": {
                    "group": "ray.io",
                    "names": {"kind": "RayService"},
                    "versions": [{"name": "v1", "schema": schema}],
                }
            }
        )
    )
    with pytest.raises(KubernetesError, match="'spec'"):
        k8s("render", "--crd", definition)


def test_what_the_user_can_put_right_is_one_line(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "cli", "k8s", "plan"],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "KUBECONFIG": str(tmp_path / "absent"), "HOME": str(tmp_path)},
    )
    assert result.returncode == 2
    assert result.stderr.startswith("palisade: no cluster: ")
    assert len(result.stderr.splitlines()) == 1


def test_from_a_plan_to_an_apply_and_an_empty_plan(server: ApiServer) -> None:
    first = k8s("plan", "--exit-code")
    assert first.exit_code == 1, first.output
    assert "create  RayService/palisade" in first.stdout
    assert "7 to create, 0 to change, 0 as they are" in first.stdout
    assert server.objects == {}

    applied = k8s("apply")
    assert applied.exit_code == 0, applied.output
    assert len(server.objects) == 7

    second = k8s("plan", "--exit-code", "-s", "cpu.max=7")
    assert second.exit_code == 1
    assert "+      maxReplicas: 7" in second.stdout
    assert "0 to create, 1 to change, 6 as they are" in second.stdout

    assert k8s("plan", "--exit-code").exit_code == 0


def test_status_fails_where_there_is_nothing(server: ApiServer) -> None:
    with pytest.raises(KubernetesError, match="there is no RayService palisade"):
        k8s("status", "--timeout", "1")


def test_status_says_when_the_service_is_ready(server: ApiServer) -> None:
    nodes = {name: {"status": "HEALTHY"} for name in graph.NODES}
    cluster = {
        "rayClusterName": "palisade-a",
        "rayClusterStatus": {"readyWorkerReplicas": 2, "desiredWorkerReplicas": 2},
        "applicationStatuses": {"p": {"status": "RUNNING", "serveDeploymentStatuses": nodes}},
    }
    server.objects["apis/ray.io/v1/namespaces/palisade/rayservices/palisade"] = {
        "apiVersion": "ray.io/v1",
        "kind": "RayService",
        "metadata": {"name": "palisade", "namespace": "palisade", "generation": 1},
        "status": {
            "observedGeneration": 1,
            "numServeEndpoints": 2,
            "activeServiceStatus": cluster,
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }
    result = k8s("status")
    assert result.exit_code == 0, result.output
    assert "palisade is ready" in result.output
