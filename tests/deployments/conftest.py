"""One real Ray Serve for all tests of this folder: it takes ten seconds and more to start."""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Iterator
from copy import deepcopy

import numpy as np
import pytest
import two_logits
from numpy.typing import NDArray
from PIL import Image
from serving import Graph

import graph
from deployments.config import check_config, read_config
from deployments.launch import running


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A deepfake network in the store of the user, whose own is not touched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        with pytest.MonkeyPatch.context() as only_there:
            only_there.delenv("PALISADE_MODELS", raising=False)
            two_logits.install()
        yield


@pytest.fixture(scope="session")
def served(network: None) -> Iterator[Graph]:
    # Ten seconds are long for a test.
    os.environ["RAY_metrics_report_interval_ms"] = "1000"  # noqa: SIM112
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    raw = deepcopy(read_config("cpu"))
    raw["http_options"]["port"] = port
    with running(check_config(raw, graph.NODES)) as deploy:
        running_graph = Graph(f"http://127.0.0.1:{port}", raw, deploy)
        with running_graph.client:
            yield running_graph


@pytest.fixture(scope="session")
def selfie(astronaut: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(astronaut).save(file, "JPEG", quality=92)
    return file.getvalue()
