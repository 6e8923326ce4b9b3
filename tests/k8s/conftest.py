from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from api_server import ApiServer, serving

from k8s.cluster import Cluster


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """An API server that KUBECONFIG points to; at the end, no request may have been wrong."""
    it = ApiServer()
    with serving(it, tmp_path) as kubeconfig:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        # The client reads the variable when it is imported.
        monkeypatch.setattr(
            "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(kubeconfig)
        )
        yield it
    assert it.faults == []


@pytest.fixture
def cluster(server: ApiServer) -> Cluster:
    return Cluster()
