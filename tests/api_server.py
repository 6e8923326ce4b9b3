"""A Kubernetes API server that answers as a real one did, and refuses what a real one would.

Every request is checked: method, path, query and content type. What is wrong with one is kept in
``faults``, which the fixture expects to be empty.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

KINDS = {
    "api/v1": {"ServiceAccount": "serviceaccounts"},
    "apis/networking.k8s.io/v1": {"NetworkPolicy": "networkpolicies"},
    "apis/policy/v1": {"PodDisruptionBudget": "poddisruptionbudgets"},
    "apis/ray.io/v1": {"RayService": "rayservices"},
}


class ApiServer:
    """What the server holds, and how it is to behave.

    Attributes:
        objects: live objects by path.
        requests: method, path and query of every request about an object.
        faults: what was wrong with requests.
        refusals: by path, the status and body with which an apply is answered.
        story: by path, the states that successive reads see; the last one stays.
        kinds: what discovery tells.
    """

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.faults: list[str] = []
        self.refusals: dict[str, tuple[int, dict[str, Any]]] = {}
        self.story: dict[str, list[dict[str, Any]]] = {}
        self.kinds = copy.deepcopy(KINDS)

    def discover(self, path: str) -> dict[str, Any] | None:
        """Answer what the server can do."""
        if path == "version":
            return {"major": "1", "minor": "34", "gitVersion": "v1.34.1"}
        if path == "apis":
            groups = [name.split("/")[1:] for name in self.kinds if name.startswith("apis/")]
            return {
                "kind": "APIGroupList",
                "apiVersion": "v1",
                "groups": [
                    {"name": group, "versions": [entry], "preferredVersion": entry}
                    for group, version in groups
                    for entry in [{"groupVersion": f"{group}/{version}", "version": version}]
                ],
            }
        if path in self.kinds:
            return {
                "kind": "APIResourceList",
                "groupVersion": path.split("/", 1)[1],
                "resources": [
                    {
                        "name": plural,
                        "singularName": kind.lower(),
                        "namespaced": True,
                        "kind": kind,
                        "verbs": ["get", "list", "patch", "watch"],
                    }
                    for kind, plural in self.kinds[path].items()
                ],
            }
        return None

    def read(self, path: str) -> tuple[int, dict[str, Any]]:
        """Answer a GET of an object."""
        if states := self.story.get(path):
            return 200, states.pop(0) if len(states) > 1 else states[0]
        if path not in self.objects:
            return 404, status(
                404, "NotFound", f'{path.split("/")[-2]} "{path.split("/")[-1]}" not found'
            )
        return 200, self.objects[path]

    def apply(
        self, path: str, query: dict[str, str], content_type: str, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        """Answer a server-side apply."""
        self._expect(content_type == "application/apply-patch+yaml", f"{path}: {content_type}")
        self._expect(query.pop("fieldManager", "") == "palisade", f"{path}: field manager")
        self._expect(query.pop("fieldValidation", "") == "Strict", f"{path}: field validation")
        dry = query.pop("dryRun", None)
        self._expect(dry in (None, "All"), f"{path}: dryRun={dry}")
        force = query.pop("force", "false").lower() == "true"
        self._expect(not query, f"{path}: unknown query {query}")
        self._expect(body["metadata"]["name"] == path.split("/")[-1], f"{path}: another name")
        self._expect("status" not in body, f"{path}: writes a status")
        if path in self.refusals and not (force and self.refusals[path][0] == 409):
            return self.refusals[path]
        live = self.objects.get(path)
        version = int(live["metadata"]["resourceVersion"]) if live else 0
        applied = copy.deepcopy(body)
        applied["metadata"] |= {
            "uid": "8a6e",
            "resourceVersion": str(version + 1),
            "generation": version + 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "managedFields": [{"manager": "palisade", "operation": "Apply"}],
        }
        if dry is None:
            self.objects[path] = applied
        return (200 if live else 201), applied

    def _expect(self, fine: bool, fault: str) -> None:
        if not fine:
            self.faults.append(fault)


def status(code: int, reason: str, message: str, **details: Any) -> dict[str, Any]:
    """Return a ``Status``, which is how a server says no."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "details": details,
        "code": code,
    }


@contextmanager
def serving(server: ApiServer, folder: Path) -> Iterator[Path]:
    """Run a server on a free port.

    Yields:
        The path of a kubeconfig with the contexts ``here`` and ``nowhere``.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path.strip("/")
            found = server.discover(path)
            if found is not None:
                self._answer(200, found)
                return
            if "namespaces" in path:
                server.requests.append(("GET", path, {}))
            self._answer(*server.read(path))

        def do_PATCH(self) -> None:
            parts = urlsplit(self.path)
            path, query = parts.path.strip("/"), dict(parse_qsl(parts.query))
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.requests.append(("PATCH", path, dict(query)))
            self._answer(*server.apply(path, query, self.headers["Content-Type"], body))

        def _answer(self, code: int, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield kubeconfig(folder, here=http.server_address[1], nowhere=1)
        finally:
            http.shutdown()
            thread.join()


def kubeconfig(folder: Path, **ports: int) -> Path:
    """Write a kubeconfig with a context for each port."""
    path = folder / "kubeconfig"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": next(iter(ports)),
        "clusters": [
            {"name": name, "cluster": {"server": f"http://127.0.0.1:{port}"}}
            for name, port in ports.items()
        ],
        "users": [{"name": "tester", "user": {"token": "t"}}],
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": "tester"}} for name in ports
        ],
    }
    path.write_text(yaml.safe_dump(content), "utf-8")
    return path
