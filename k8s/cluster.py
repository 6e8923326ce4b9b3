"""A cluster, through its API server: what is there, and what an apply would make of it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import urllib3
from kubernetes import client, config
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import (
    ConflictError,
    DynamicApiError,
    ForbiddenError,
    NotFoundError,
    ResourceNotFoundError,
    UnauthorizedError,
)

from k8s.errors import KubernetesError

MANAGER = "palisade"
"""Our name in the server's record of who owns which field."""
TIMEOUT_S = (5.0, 60.0)
"""To connect, and to be answered."""

Object = Mapping[str, Any]


class Cluster:
    """Reads and applies objects.

    Args:
        context: of the kubeconfig; its current one by default, or the pod's own account inside a
            cluster.

    Raises:
        KubernetesError: there is no such context, or the server does not answer.
    """

    def __init__(self, context: str | None = None) -> None:
        api = _connect(context)
        # A folder of our own: the client would keep what it discovered under a name in the
        # shared temporary folder that anyone can guess.
        with (
            tempfile.TemporaryDirectory() as folder,
            _explained(api.configuration.host, "look around"),
        ):
            self._dynamic = DynamicClient(  # type: ignore[no-untyped-call]
                api, cache_file=str(Path(folder) / "discovery.json")
            )
        self.host: str = api.configuration.host

    def get(self, wanted: Object) -> dict[str, Any] | None:
        """Return the live object of the same kind and name, or None."""
        with self._asking("read", wanted):
            resource = self._resource(wanted)
            try:
                return dict(resource.get(**_identity(wanted)).to_dict())
            except NotFoundError:
                return None

    def apply(
        self, wanted: Object, *, dry_run: bool = False, force: bool = False
    ) -> dict[str, Any]:
        """Apply an object on the server, unknown fields refused.

        Args:
            wanted: every field that we care about, and no other.
            dry_run: ask what would come of it and change nothing.
            force: take fields over that someone else has set.

        Returns:
            The object as it stands, or would stand.

        Raises:
            KubernetesError: the server refuses it.
        """
        with self._asking("apply", wanted):
            applied = self._resource(wanted).server_side_apply(
                body=dict(wanted),
                field_manager=MANAGER,
                dry_run="All" if dry_run else None,
                force_conflicts=force,
                query_params=[("fieldValidation", "Strict")],
                **_identity(wanted),
            )
            return dict(applied.to_dict())

    def _resource(self, wanted: Object) -> Any:
        return self._dynamic.resources.get(api_version=wanted["apiVersion"], kind=wanted["kind"])

    @contextmanager
    def _asking(self, verb: str, wanted: Object) -> Iterator[None]:
        with _explained(self.host, f"{verb} {title(wanted)}"):
            yield


def title(wanted: Object) -> str:
    """Name an object for people: ``NetworkPolicy/palisade-head``."""
    return f"{wanted['kind']}/{wanted['metadata']['name']}"


def _identity(wanted: Object) -> dict[str, str]:
    return {"name": wanted["metadata"]["name"], "namespace": wanted["metadata"]["namespace"]}


def _connect(context: str | None) -> client.ApiClient:
    settings = client.Configuration()
    try:
        config.load_kube_config(  # type: ignore[no-untyped-call]
            context=context, client_configuration=settings
        )
    except config.ConfigException as error:
        try:
            if context is not None:
                raise
            config.load_incluster_config(  # type: ignore[no-untyped-call]
                client_configuration=settings
            )
        except config.ConfigException:
            raise KubernetesError(
                f"no cluster: {' '.join(str(error).split())}; set KUBECONFIG to your cluster's "
                "file, and --context to one that `kubectl config get-contexts` lists"
            ) from None
    settings.retries = False
    return _ApiClient(settings)


class _ApiClient(client.ApiClient):
    """Gives every request a limit of time; the package has none of its own."""

    def call_api(
        self,
        method: str,
        url: str,
        header_params: Any = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: Any = None,
    ) -> Any:
        limit = _request_timeout or TIMEOUT_S
        return super().call_api(method, url, header_params, body, post_params, limit)


@contextmanager
def _explained(host: str, what: str) -> Iterator[None]:
    """Turn what a server or the network says into one line that says what to do."""
    try:
        yield
    except UnauthorizedError:
        raise KubernetesError(
            f"{host} does not know you: your credentials are missing or have expired"
        ) from None
    except ForbiddenError as error:
        raise KubernetesError(
            f"you may not {what}: {_message(error)}; ask for a role that may get, create and patch"
        ) from None
    except ConflictError as error:
        raise KubernetesError(
            f"cannot {what}: {_conflicts(error)}; leave those fields to them, or take them over "
            "with --force-conflicts"
        ) from None
    except NotFoundError as error:  # of an object itself, Cluster.get returns None
        raise KubernetesError(
            f"cannot {what}: {_message(error)}; `kubectl create namespace` makes a namespace"
        ) from None
    except ResourceNotFoundError:
        raise KubernetesError(
            f"cannot {what}: {host} does not know this kind; install the KubeRay operator 1.7: "
            "helm install kuberay-operator kuberay/kuberay-operator --version 1.7.0 "
            "--namespace kuberay-system --create-namespace"
        ) from None
    except DynamicApiError as error:
        raise KubernetesError(f"cannot {what}: {_message(error)}") from None
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise KubernetesError(f"{host} cannot be reached or is no API server: {reason}") from None


def _status(error: DynamicApiError) -> dict[str, Any]:
    try:
        status = json.loads(error.body or "")
    except (TypeError, ValueError):
        return {}
    return status if isinstance(status, dict) else {}


def _message(error: DynamicApiError) -> str:
    return " ".join(str(_status(error).get("message") or error.reason).split())


def _conflicts(error: ConflictError) -> str:
    """Say who owns what: ``kubectl owns .spec.minAvailable``."""
    causes = _status(error).get("details", {}).get("causes", [])
    told = [f"{cause.get('message')} at {cause.get('field')}" for cause in causes]
    return "; ".join(told) or _message(error)
