"""Start the graph on this machine, or on the cluster that ``RAY_ADDRESS`` names."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import deployments.preload  # noqa: F401  before anything else here imports Serve
from deployments.cluster import connected
from deployments.environment import SERVING
from deployments.errors import LaunchError, last_line

log = logging.getLogger(__name__)

APPLICATION = "palisade"

Progress = Callable[[int, int, str], None]
"""Called with the nodes that are up, the nodes in all, and what is waited for."""


@contextmanager
def running(
    schema: Any, on_progress: Progress | None = None, metrics_port: int | None = None
) -> Iterator[Callable[[Any], None]]:
    """Run the graph for the length of a ``with`` block.

    Args:
        schema: a checked ``ServeDeploySchema``.
        on_progress: told while the nodes come up.
        metrics_port: where a Ray on this machine offers its metrics; a free port by default.

    Yields:
        A function that deploys another schema; one that differs in a ``user_config`` only is
        live at once and restarts nothing.

    Raises:
        LaunchError: a node failed to start.
    """
    import ray
    from ray import serve

    # As `serve run CONFIG` does it. The public serve.run() takes no config, and replaces every
    # replica where only a user_config has changed.
    from ray.serve._private.api import serve_start

    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    # Replicas ask for fractions that add up to a few; a small machine must place them.
    cpus = max(os.cpu_count() or 1, 4)
    # By default Ray starts as many processes at once as there are cores, and warns of the rest.
    for name, value in (SERVING | {"RAY_worker_maximum_startup_concurrency": str(cpus)}).items():
        os.environ.setdefault(name, value)
    with connected(num_cpus=cpus, _metrics_export_port=metrics_port):
        try:
            client = serve_start(
                http_options=schema.http_options.model_dump(),
                global_logging_config=schema.logging_config,
                proxy_location=schema.proxy_location,
            )
        except ray.exceptions.RayError as error:
            log.debug("Serve did not start", exc_info=True)
            raise LaunchError(f"Serve did not start: {last_line(str(error))}") from None
        try:
            client.deploy_apps(schema)
            _wait(client, on_progress or (lambda up, of, waiting: None))
            yield client.deploy_apps
        finally:
            # Our application only, once its requests are done: others may share the cluster.
            serve.delete(APPLICATION)


def metrics_url() -> str:
    """Return the address where Prometheus finds the metrics of the node that we are on."""
    import ray

    here = ray.get_runtime_context().get_node_id()
    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    (port,) = [node["MetricsExportPort"] for node in nodes if node["NodeID"] == here]
    return f"http://127.0.0.1:{port}/metrics"


def _wait(client: Any, on_progress: Progress, timeout_s: float = 300.0) -> None:
    """Wait until the application runs.

    The public serve.status() builds and pickles every deployment's configuration anew: asked twice
    a second it took more CPU than any node needs to start.
    """
    waiting: list[str] = []
    give_up = time.monotonic() + timeout_s
    while time.monotonic() < give_up:
        seen = client.get_serve_status(APPLICATION)
        nodes = seen.deployment_statuses
        waiting = [node.name for node in nodes if node.status != "HEALTHY"]
        on_progress(len(nodes) - len(waiting), len(nodes), ", ".join(waiting))
        status = seen.app_status.status
        if status == "RUNNING":
            return
        if status in ("DEPLOY_FAILED", "UNHEALTHY"):
            broken = [f"{node.name}: {node.message}" for node in nodes if node.message]
            log.debug("Serve says: %s", seen.app_status.message)
            raise LaunchError(
                "the graph did not start: "
                + last_line("; ".join(broken) or seen.app_status.message)
            )
        time.sleep(0.25)
    raise LaunchError(
        f"after {timeout_s:.0f} s there is still no {', '.join(waiting) or 'application'}; has the "
        "machine the CPUs and GPUs that the Serve config asks for?"
    )
